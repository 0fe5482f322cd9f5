import { describe, expect, it } from 'vitest'
import type {
  EpisodeView,
  ExecutorStatus,
  SafetyStatus,
} from '@bulkhead/shared/contracts/status.ts'
import { buildStatus } from '../../../../control-plane/api/status.core.ts'
import { renderStatus } from '../../../../control-plane/cli/render-status.ts'
import {
  executorDocument,
  orchestratorDocument,
  safetyDocument,
} from '../../../support/status-players.ts'

const limits = { silentAfterMs: 2_000, thresholdsMs: { L0: 5_000, L1: 15_000, L2: 30_000 } }

const sweptAt = (startedWallMs: number, outcome: 'confirmed' | 'unconfirmed'): EpisodeView => ({
  episode: 'episode-1',
  level: 'L2',
  trigger: 'OPERATOR_COMMAND',
  component: 'ada',
  started_wall_ms: startedWallMs,
  finished: true,
  confirmed: outcome === 'confirmed',
  phases: [{ phase: 'sweep', outcome, started_ms: 100, duration_ms: 3 }],
})

function linesOf(
  executor: { document: ExecutorStatus | null; ageMs: number | null },
  episode: EpisodeView | null = null,
  safety: Partial<SafetyStatus> = {},
): string[] {
  const beat = { ageMs: executor.ageMs, pid: 41, process: 'RUNNING' } as const
  const report = buildStatus(
    {
      buildId: 'build-1',
      environment: 'PAPER',
      wallMs: 1_000,
      redisFault: null,
      killSwitch: { mode: 'NORMAL', episode: '', reason: '', since_ns: '0', generation: '1' },
      heartbeats: [
        { component: 'executor', ...beat },
        { component: 'dead_man_switch', ageMs: 10, pid: 42, process: 'UNKNOWN' },
      ],
      executor,
      orchestrator: { document: orchestratorDocument(), ageMs: 10 },
      safety: { document: safetyDocument({ episode, ...safety }), ageMs: 10 },
      archive: { state: 'FOLLOWING', last_id: '0-0' },
    },
    limits,
  )
  return renderStatus(report, (_colour, text) => text)
}
const ordersLine = (lines: readonly string[]) => lines.find((line) => line.startsWith('orders'))

describe('renderStatus', () => {
  it('begins with the mode, and never calls an executor that was not heard flat', () => {
    const lines = linesOf({ document: null, ageMs: null })
    expect(lines[0]).toBe('TradingMode  ReduceOnly   PAPER')
    expect(ordersLine(lines)).toBe('orders       unknown')
    expect(lines).toContain('positions    unknown')
  })

  it('says how the executor is let through, and nothing where there is no gate', () => {
    const lineOf = (egressGate: SafetyStatus['egress_gate']) =>
      linesOf({ document: executorDocument(), ageMs: 10 }, null, { egress_gate: egressGate }).find(
        (line) => line.startsWith('egress gate'),
      )
    expect(lineOf('open')).toBe('egress gate  open')
    expect(lineOf('closed')).toBe('egress gate  closed')
    expect(lineOf('unreachable')).toBe('egress gate  UNREACHABLE: the executor cannot trade')
    expect(lineOf(null)).toBeUndefined()
  })

  it('marks what a silent executor last said as last known', () => {
    const document = executorDocument({ wall_ms: 1_000 })
    expect(ordersLine(linesOf({ document, ageMs: 100 }))).toBe('orders       1 open')
    expect(ordersLine(linesOf({ document, ageMs: 9_000 }))).toBe(
      'orders       1 open (last known, 9.0 s old)',
    )
  })

  it('shows the trade permission, why it is withheld, and what is used of the day', () => {
    const permissionLine = (change: Partial<ExecutorStatus['trade_permission']>) => {
      const whole = executorDocument()
      const trade_permission = { ...whole.trade_permission, ...change }
      const lines = linesOf({ document: { ...whole, trade_permission }, ageMs: 100 })
      return lines.find((line) => line.startsWith('permission'))
    }
    expect(permissionLine({})).toBe('permission   ALLOW, 12 of 100000 openings today')
    const drift: Partial<ExecutorStatus['trade_permission']> = {
      decision: 'NEUTRAL',
      reason_code: 'NEUTRAL_HEALTH_NOT_GREEN',
      error_codes: ['EXCHANGE_TIME_DRIFT'],
    }
    expect(permissionLine(drift)).toBe(
      'permission   NEUTRAL NEUTRAL_HEALTH_NOT_GREEN EXCHANGE_TIME_DRIFT, 12 of 100000 openings today',
    )
    const halt = { decision: 'HALT', reason_code: 'HALT_KILL_SWITCH', is_latched: true } as const
    expect(permissionLine(halt)).toBe(
      'permission   HALT HALT_KILL_SWITCH, latched, 12 of 100000 openings today',
    )
  })

  it('says that a kill has since found none resting, only when a later sweep is confirmed', () => {
    const silent = { document: executorDocument({ wall_ms: 50_000 }), ageMs: 9_000 }
    const isSwept = (episode: EpisodeView) =>
      ordersLine(linesOf(silent, episode))?.endsWith('resting')
    expect(isSwept(sweptAt(50_000, 'confirmed'))).toBe(true)
    expect(isSwept(sweptAt(50_000, 'unconfirmed'))).toBe(false)
    expect(isSwept(sweptAt(49_000, 'confirmed'))).toBe(false)
    const live = { document: executorDocument({ wall_ms: 1 }), ageMs: 10 }
    expect(ordersLine(linesOf(live, sweptAt(50_000, 'confirmed')))).toBe('orders       1 open')
  })
})
