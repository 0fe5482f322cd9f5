import {
  type ResetObstacle,
  resetObstacleWords,
} from '@bulkhead/shared/contracts/reasons/reset-obstacles.ts'
import type { ResetPreview } from './reset-preview-schema.ts'
import type { StatusReport } from './status-schema.ts'

type Obstacle = { readonly code: ResetObstacle; readonly detail: string }

/**
 * What a reset would do and what stands in its way, from what the safety plane itself says. When it
 * is silent, nobody can tell, and that is the obstacle.
 */
export function resetPreviewOf(status: StatusReport): ResetPreview {
  const { document, silent } = status.safety
  const reset = document?.reset ?? null
  const episode = reset?.episode ?? status.kill_switch.episode
  const obstacles = silent
    ? [{ code: 'SAFETY_PLANE_SILENT', detail: '' } as const]
    : (reset?.obstacles ?? [{ code: 'NOTHING_TO_RESET', detail: '' } as const])
  return {
    episode,
    kill: status.episode?.episode === episode ? status.episode : null,
    mode: status.kill_switch.mode,
    is_possible: obstacles.length === 0,
    obstacles: obstacles.map(inWords),
    needs_approver: reset?.needs_approver ?? false,
    pending: reset?.pending ?? null,
    effects: reset === null ? [] : effectsOf(status, reset.boot_grace_ms, reset.needs_approver),
    must_beat: reset === null ? [] : mustBeat(status),
    boot_grace_ms: reset?.boot_grace_ms ?? null,
  }
}

const inWords = ({ code, detail }: Obstacle) => ({
  code,
  words: resetObstacleWords[code],
  detail,
})

function effectsOf(status: StatusReport, bootGraceMs: number, needsApprover: boolean): string[] {
  const { mode, episode } = status.kill_switch
  return [
    ...(needsApprover ? ['Nothing, until a second ADMIN has approved the request.'] : []),
    `The kill switch goes from ${mode} to NORMAL and episode ${episode} is closed.`,
    `Every watched component must beat within ${bootGraceMs / 1_000} s, or an EMERGENCY starts.`,
    'What the kill switch latched in the trade permission is released.',
    'Components that the supervisor keeps are started again; trading waits for reconciliation.',
  ]
}

/** Those whose silence will count; a bot that nobody runs is not among them. */
function mustBeat(status: StatusReport): ResetPreview['must_beat'] {
  const watched = status.safety.document?.watch ?? []
  return watched
    .filter(({ health }) => health !== 'ABSENT')
    .map(({ component }) => ({
      component,
      process:
        status.components.find((entry) => entry.component === component)?.process ?? 'UNKNOWN',
    }))
}
