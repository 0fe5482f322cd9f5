import { type KillLevel, killLevels } from '@bulkhead/shared/contracts/kill-switch.ts'
import { readProcessStat } from '@bulkhead/shared/runtime/process-identity.ts'
import { isDead, type ProcessRef } from './desk.ts'
import type { DrillReport, readEpisode } from './evidence.ts'

export type Claim = DrillReport['claims'][number]

/** The moment of the freeze and the processes as they were then. */
export type Frozen = { readonly wallMs: number; readonly pids: ReadonlyMap<string, ProcessRef> }

/** Processes that a level must have severed. */
const severedBy: Readonly<Record<KillLevel, readonly string[]>> = {
  L0: [],
  L1: ['executor'],
  L2: ['executor', 'orchestrator'],
}

/** One claim, whether it held and what was seen. */
export const claim = (text: string, held: boolean, seen: string): Claim => ({
  claim: text,
  held,
  seen,
})

/** Each level up to the drilled one came, and none before its time. */
export function ladderClaims(level: KillLevel, read: ReturnType<typeof readEpisode>): Claim[] {
  return killLevels.slice(0, killLevels.indexOf(level) + 1).map((step) => {
    const overshoot = read.overshootMs[step]
    return claim(
      `${step} was triggered, and not early`,
      overshoot !== undefined && overshoot >= 0,
      `overshoot ${overshoot ?? 'none'} ms`,
    )
  })
}

/** No phase of the last level was left unconfirmed. Notification is outside the critical path. */
export function phasesClaim(level: KillLevel, read: ReturnType<typeof readEpisode>): Claim {
  const own = read.phases.filter((phase) => phase.level === level && phase.name !== 'notify')
  const bad = own.filter(({ outcome }) => outcome !== 'confirmed' && outcome !== 'not_required')
  return claim(
    'every phase of the episode is confirmed',
    own.length > 0 && bad.length === 0,
    bad.map(({ name, outcome }) => `${name} ${outcome}`).join(', ') || `${own.length} phases`,
  )
}

/** Who must be dead is dead, and who must live lives. */
export function processClaims(level: KillLevel, frozen: Frozen): Claim[] {
  return [...frozen.pids].map(([component, process]) => {
    const isGone = isDead(process)
    const shouldBeDead = severedBy[level].includes(component)
    return claim(
      `${component} is ${shouldBeDead ? 'dead' : 'alive'} by /proc`,
      isGone === shouldBeDead,
      isGone ? 'gone' : `state ${readProcessStat(process.pid)?.state}`,
    )
  })
}

/** Orders rested before, and none that could add risk rests after. */
export function restingClaim(
  level: KillLevel,
  before: number,
  after: readonly [number, number],
): Claim {
  const seen = `${before} before, ${after.join(' and ')} after`
  return claim(
    level === 'L0'
      ? 'no order that could add risk rests on the venue'
      : 'no order of ours rests on the venue',
    before > 0 && after[0] === 0 && after[1] === 0,
    seen,
  )
}
