import { describe, expect, it } from 'vitest'
import { openPermissionReasons } from '@bulkhead/shared/contracts/reasons/intent-denials.ts'
import { statusReportSchema } from '../../../../control-plane/api/status-schema.ts'
import { buildStatus, type StatusView } from '../../../../control-plane/api/status.core.ts'
import {
  calmMeasurements,
  executorDocument,
  orchestratorDocument,
  safetyDocument,
} from '../../../support/status-players.ts'

const limits = { silentAfterMs: 2_000, thresholdsMs: { L0: 5_000, L1: 15_000, L2: 30_000 } }
const components = ['executor', 'market_data_adapter', 'orchestrator', 'dead_man_switch']

function view(overrides: Partial<StatusView> = {}): StatusView {
  return {
    buildId: 'build-1',
    environment: 'PAPER',
    wallMs: 1_000,
    redisFault: null,
    killSwitch: { mode: 'NORMAL', episode: '', reason: '', since_ns: '5000000', generation: '1' },
    heartbeats: components.map((component) => ({
      component,
      ageMs: 100,
      pid: 7,
      process: 'RUNNING',
    })),
    executor: { document: executorDocument(), ageMs: 100 },
    orchestrator: { document: orchestratorDocument(), ageMs: 100 },
    safety: { document: safetyDocument(), ageMs: 100 },
    archive: { state: 'FOLLOWING', last_id: '1-0' },
    ...overrides,
  }
}
const status = (overrides: Partial<StatusView> = {}) => buildStatus(view(overrides), limits)
const beatsOf = (component: string, change: Partial<StatusView['heartbeats'][number]>) =>
  view().heartbeats.map((beat) => (beat.component === component ? { ...beat, ...change } : beat))
const beatsWith = (component: string, ageMs: number | null) => beatsOf(component, { ageMs })

describe('buildStatus', () => {
  it('makes a report that its own schema accepts, whatever is missing', () => {
    const nothing = { document: null, ageMs: null }
    for (const report of [
      status(),
      status({ redisFault: 'REDIS_UNREACHABLE: gone' }),
      status({ killSwitch: undefined, executor: nothing, safety: nothing, heartbeats: [] }),
    ]) {
      expect(statusReportSchema.safeParse(report).error).toBeUndefined()
    }
  })

  it.each<[string, Partial<StatusView>]>([
    ['no document', { executor: { document: null, ageMs: null } }],
    [
      'a document that stopped changing',
      { executor: { document: executorDocument(), ageMs: 2_001 } },
    ],
    ['a heartbeat that stopped changing', { heartbeats: beatsWith('executor', 2_001) }],
    ['a heartbeat never seen', { heartbeats: beatsWith('executor', null) }],
    ['a process that is gone', { heartbeats: beatsOf('executor', { process: 'GONE' }) }],
    ['a process that is frozen', { heartbeats: beatsOf('executor', { process: 'STOPPED' }) }],
    ['no safety Redis', { redisFault: 'REDIS_TIMED_OUT: no reply in 300 ms' }],
  ])('calls the executor silent and reports the fail-closed state: %s', (_name, overrides) => {
    expect(status(overrides)).toMatchObject({
      executor_silent: true,
      executor: { silent: true },
      trading_mode: 'ReduceOnly',
      trading_mode_source: 'fail_closed',
      mode_reasons: ['REDUCEONLY_INPUT_MISSING_OR_STALE'],
      risk_state: 'Degraded',
      open_permission_blocked_latch: true,
      open_permission_reason_codes: ['RESTART_RECONCILE_REQUIRED'],
      connectivity_degraded: true,
      loop_tick_last_ts_ms: null,
    })
  })

  it('keeps what a silent executor last said, and marks it', () => {
    const { executor } = status({ executor: { document: executorDocument(), ageMs: 9_000 } })
    expect(executor).toMatchObject({ silent: true, age_ms: 9_000 })
    expect(executor.document?.orders).toHaveLength(1)
  })

  it.each(openPermissionReasons)('is degraded in connectivity while latched by %s', (code) => {
    const document = executorDocument({
      open_permission_blocked_latch: true,
      open_permission_reason_codes: [code],
    })
    const report = status({ executor: { document, ageMs: 100 } })
    expect(report.connectivity_degraded).toBe(true)
    expect(report.open_permission_requires_reconcile).toBe(report.open_permission_blocked_latch)
    expect(status().connectivity_degraded).toBe(false)
  })

  it('lists every key that nothing measures, and none that is measured', () => {
    const measurements = calmMeasurements({ '429_count_5m': 2, disk_used_pct: null })
    const report = status({ executor: { document: executorDocument({ measurements }), ageMs: 1 } })
    expect(report).toMatchObject({ '429_count_5m': 2, wal_queue_depth: 3, mm_util: 0.1 })
    expect(report.unavailable_keys).toContain('disk_used_pct')
    expect(report.unavailable_keys).not.toContain('429_count_5m')
    for (const key of report.unavailable_keys) {
      expect(report[key as keyof typeof report]).toBeNull()
    }
  })

  it.each([
    [null, 'NEVER_SEEN'],
    [0, 'FRESH'],
    [2_499, 'FRESH'],
    [2_500, 'LATE'],
    [5_000, 'L0'],
    [15_000, 'L1'],
    [30_000, 'L2'],
  ] as const)('puts an age of %s ms at %s of the ladder', (ageMs, silence) => {
    const report = status({ heartbeats: beatsWith('executor', ageMs) })
    expect(report.components[0]).toMatchObject({ component: 'executor', silence })
  })

  it('measures against the ladder that the safety plane reports', () => {
    const document = safetyDocument({ thresholds_ms: { L0: 500, L1: 1_500, L2: 3_000 } })
    const report = status({
      safety: { document, ageMs: 1 },
      heartbeats: beatsWith('executor', 1_600),
    })
    expect(report.components[0]?.silence).toBe('L1')
  })

  it('reports Kill under a hard stop, however healthy the executor claims to be', () => {
    const killSwitch = {
      mode: 'HARD_STOP',
      episode: 'e1',
      reason: 'OPERATOR_COMMAND',
      since_ns: '7000000',
      generation: '2',
    } as const
    expect(status({ killSwitch })).toMatchObject({
      trading_mode: 'Kill',
      risk_state: 'Kill',
      mode_reason_words: [{ code: 'KILL_RISKSTATE_KILL' }],
      kill_switch: { mode: 'HARD_STOP', episode: 'e1', since_wall_ms: 7, current: true },
    })
  })

  describe('of a guarded bot that nobody runs', () => {
    const left = { component: 'nautilus', ageMs: 90_000, pid: 9, process: 'GONE' } as const
    const absent = {
      component: 'nautilus',
      age_ms: null,
      health: 'ABSENT',
      misses: 0,
      escalation: null,
    } as const
    const safety = { document: { ...safetyDocument(), watch: [absent] }, ageMs: 100 }
    const seen = (overrides: Partial<StatusView>) =>
      status({ heartbeats: [...view().heartbeats, left], ...overrides }).components.at(-1)

    it('says that it is absent, whatever its last run left behind', () => {
      const expected = { silence: 'ABSENT', age_ms: null, pid: null, process: 'UNKNOWN' }
      expect(seen({ safety })).toMatchObject(expected)
    })

    it('does not believe it from a safety plane that fell silent', () => {
      const silent = { ...safety, ageMs: 60_000 }
      expect(seen({ safety: silent })).toMatchObject({ silence: 'L2', process: 'GONE' })
    })
  })
})
