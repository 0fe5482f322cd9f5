import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { modeReasons } from '@bulkhead/shared/contracts/reasons/mode-reasons.ts'
import { executorStatus } from '@bulkhead/trading-plane/executor/status.ts'
import { monitorsConfig, monitorsSchema } from '@bulkhead/trading-plane/executor/monitors-config.ts'
import { type StatusReport, statusReportSchema } from '../../../control-plane/api/status-schema.ts'
import { startControlApi, type TestControlApi } from '../../support/control-api.ts'
import { eventually } from '../../support/eventually.ts'
import { startStatusPlayers, type StatusPlayers } from '../../support/status-players.ts'
import {
  calmAccount,
  EngineBench,
  reference,
  running,
} from '../../unit/trading-plane/engine/harness.ts'

const head = {
  run_id: 'run-1',
  build_id: running.buildId,
  config_hash: running.runtimeConfigHash,
  environment: 'PAPER',
  venue: 'paper',
} as const
const queue = { wal_queue_depth: 7, wal_queue_capacity: 64, wal_queue_enqueue_failures: 0 }
const settings = monitorsSchema.parse({ networkJitter: { exitStableS: 0 } })
const live = monitorsConfig(settings, [reference.name], { ...running, environment: 'LIVE' })

/** Every key that contract 7.0 lists as the CSP minimum. */
const cspKeys = `
  status_schema_version supported_profiles enforced_profile trading_mode risk_state
  bunker_mode_active connectivity_degraded policy_age_sec last_policy_update_ts f1_cert_state
  f1_cert_expires_at disk_used_pct disk_used_last_update_ts_ms disk_used_pct_secondary
  disk_used_secondary_last_update_ts_ms mm_util mm_util_last_update_ts_ms loop_tick_last_ts_ms
  atomic_naked_events_24h 429_count_5m 10028_count_5m wal_queue_depth wal_queue_capacity
  wal_queue_enqueue_failures deribit_http_p95_ms ws_event_lag_ms mode_reasons
  open_permission_blocked_latch open_permission_reason_codes open_permission_requires_reconcile`
  .trim()
  .split(/\s+/)

describe('the status of an engine, over the API', () => {
  let api: TestControlApi
  let players: StatusPlayers
  let published = 0

  beforeAll(async () => {
    api = await startControlApi({})
    players = await startStatusPlayers(api.redis)
  })

  afterAll(async () => {
    await players.stop()
    await api.close()
  })

  /** What the API tells of this very engine, as it stands now. */
  async function statusOf(bench: EngineBench): Promise<StatusReport> {
    published += 1
    const run_id = `engine-${published}`
    const wallMs = bench.at().nowMs
    const moment = { wallMs, uptimeMs: 1_000, loopTickLastMs: wallMs }
    const view = { ...bench.engine.view(bench.at()), refusals: [] }
    const { wall_ms: _, ...document } = executorStatus({ ...head, run_id }, moment, view, queue)
    players.set('executor', document)
    return eventually('the document', async () => {
      const reply = await fetch(`${api.url}/api/v1/status`)
      const report = statusReportSchema.parse(await reply.json())
      const isNew = report.executor.document?.run_id === run_id && !report.executor_silent
      return isNew && report
    })
  }
  const active = () => new EngineBench({ monitors: live }).becomeActive()
  const certified = (status = 'PASS', madeMs?: number) => {
    const bench = active()
    const generatedMs = madeMs ?? bench.at().nowMs
    const binding = { buildId: running.buildId, runtimeConfigHash: running.runtimeConfigHash }
    const certificate = { status, generatedMs, contractVersion: '5.2', ...binding }
    bench.give({ kind: 'certificate', certificate })
    bench.give({ kind: 'tick' })
    return bench
  }

  it('AT-023: has every key of the core profile', async () => {
    const report = await statusOf(certified())
    expect(Object.keys(report)).toEqual(expect.arrayContaining(cspKeys))
    expect(report.unavailable_keys).toEqual([])
    expect(report.supported_profiles).toContain('CSP')
  })

  /** A desk whose policy was made so long before now. */
  const handed = (ageMs: number) => {
    const bench = certified()
    const generatedMs = bench.at().nowMs - ageMs
    bench.readSafety({ policy: { generatedMs, openHaircutMult: 1 } })
    return { bench, generatedMs }
  }

  it('AT-406: tells the age of the policy in seconds', async () => {
    expect((await statusOf(handed(123_000).bench)).policy_age_sec).toBe(123)
  })

  it('AT-028: tells the very time of the policy that the mode was decided from', async () => {
    const { bench, generatedMs } = handed(45_678)
    const report = await statusOf(bench)
    expect(report.last_policy_update_ts).toBe(generatedMs)
    expect(bench.engine.view(bench.at()).snapshot.policyGeneratedMs).toBe(generatedMs)
  })

  it('AT-351: names a stale policy in its place among the reasons, and nothing besides', async () => {
    const { bench } = handed(300_001)
    expect((await statusOf(bench)).mode_reasons).toEqual(['REDUCEONLY_POLICY_STALE'])
    bench.give({ kind: 'book-gap', instrument: 'OTHER' })
    bench.readAccount([{ currency: 'BTC', equity: 100, maintenanceMargin: 85, initialMargin: 0 }])
    expect((await statusOf(bench)).mode_reasons).toEqual([
      'REDUCEONLY_OPEN_PERMISSION_LATCHED',
      'REDUCEONLY_RISKSTATE_DEGRADED',
      'REDUCEONLY_POLICY_STALE',
      'REDUCEONLY_MARGIN_MM_UTIL_HIGH',
    ])
  })

  it('AT-003: shows when a certificate that passed will expire', async () => {
    const bench = certified()
    const madeMs = bench.at().nowMs
    bench.tickMs += 1_000
    const report = await statusOf(bench)
    expect(report.f1_cert_state).toBe('PASS')
    expect(report.f1_cert_expires_at).toBe(madeMs + 86_400 * 1_000)
  })

  it('AT-412: shows a certificate that is missing, without an end', async () => {
    const bench = certified()
    bench.give({ kind: 'certificate', certificate: null })
    const report = await statusOf(bench)
    expect(report).toMatchObject({ f1_cert_state: 'MISSING', f1_cert_expires_at: null })
  })

  it('AT-419: has both counts of refused requests', async () => {
    const bench = certified()
    bench.give({ kind: 'too-many-requests' })
    bench.give({ kind: 'venue-lost', detail: 'refused', isTooMany: true })
    bench.give({ kind: 'venue-lost', detail: 'refused', isTooMany: true })
    const report = await statusOf(bench)
    expect(report).toMatchObject({ '429_count_5m': 2, '10028_count_5m': 1 })
  })

  it('AT-927: counts naked events in whole numbers', async () => {
    const { atomic_naked_events_24h: events } = await statusOf(certified())
    expect(Number.isInteger(events) && (events ?? -1) >= 0).toBe(true)
  })

  it('AT-907: has a depth of the ledger queue that its capacity can hold', async () => {
    const { wal_queue_depth: depth, wal_queue_capacity: capacity } = await statusOf(certified())
    expect([depth, capacity]).toEqual([7, 64])
  })

  it('AT-352: calls connectivity degraded in bunker mode, without any latch', async () => {
    const bench = certified()
    bench.tickMs += 2_500
    bench.give({ kind: 'tick' })
    const report = await statusOf(bench)
    expect(report).toMatchObject({ bunker_mode_active: true, open_permission_reason_codes: [] })
    expect(report.connectivity_degraded).toBe(true)
  })

  it('AT-353: calls connectivity sound without bunker mode and without a latch', async () => {
    const report = await statusOf(certified())
    expect(report).toMatchObject({ bunker_mode_active: false, open_permission_reason_codes: [] })
    expect(report.connectivity_degraded).toBe(false)
  })

  it('AT-024: gives no reason while Active, and always one otherwise', async () => {
    const sound = await statusOf(certified())
    expect([sound.trading_mode, sound.mode_reasons]).toEqual(['Active', []])
    for (const bench of [certified('FAIL'), new EngineBench({ monitors: live }), margined(99)]) {
      const report = await statusOf(bench)
      expect(report.trading_mode).not.toBe('Active')
      expect(report.mode_reasons).not.toEqual([])
    }
  })

  function margined(maintenanceMargin: number): EngineBench {
    const bench = new EngineBench({ monitors: live }).becomeActive()
    bench.readAccount([{ ...calmAccount, maintenanceMargin, equity: 100 }])
    return bench
  }

  it('AT-025: never mixes the reasons of two tiers', async () => {
    const bench = margined(99)
    bench.give({ kind: 'book-gap', instrument: 'BTC-PERPETUAL' })
    bench.readSafety({ killSwitch: { mode: 'HARD_STOP', generation: 2 } })
    const killed = await statusOf(bench)
    expect(killed.mode_reasons).toEqual(['KILL_RISKSTATE_KILL', 'KILL_MARGIN_MM_UTIL_CRITICAL'])
    bench.readAccount([{ ...calmAccount, maintenanceMargin: 86, equity: 100 }])
    bench.readSafety({ killSwitch: { mode: 'NORMAL', generation: 3 } })
    const { mode_reasons: reasons } = await statusOf(bench)
    expect(reasons.length).toBeGreaterThan(1)
    expect(reasons.every((code) => code.startsWith('REDUCEONLY_'))).toBe(true)
  })

  it('AT-026: gives reasons in the order of the registry, whatever the order of events', async () => {
    const bench = margined(86)
    bench.give({ kind: 'book-gap', instrument: 'BTC-PERPETUAL' })
    bench.disk(0.9)
    bench.health({ isLocked: true })
    bench.give({ kind: 'tick' })
    const { mode_reasons: reasons } = await statusOf(bench)
    expect(reasons).toEqual(modeReasons.filter((code) => reasons.includes(code)))
    expect(reasons).toEqual([
      'REDUCEONLY_RISKSTATE_MAINTENANCE',
      'REDUCEONLY_OPEN_PERMISSION_LATCHED',
      'REDUCEONLY_F1_CERT_INVALID',
      'REDUCEONLY_MARGIN_MM_UTIL_HIGH',
    ])
  })

  it('AT-027: has no reason of a latch that is open', async () => {
    expect(await statusOf(certified())).toMatchObject({
      open_permission_blocked_latch: false,
      open_permission_reason_codes: [],
      open_permission_requires_reconcile: false,
    })
  })

  it('AT-342: has the reasons of a latch that is set, and wants a reconciliation', async () => {
    const bench = certified()
    bench.give({ kind: 'book-gap', instrument: 'BTC-PERPETUAL' })
    expect(await statusOf(bench)).toMatchObject({
      open_permission_blocked_latch: true,
      open_permission_reason_codes: ['WS_BOOK_GAP_RECONCILE_REQUIRED'],
      open_permission_requires_reconcile: true,
    })
  })

  it('names who forces the mode', async () => {
    const bench = certified()
    bench.give({ kind: 'book-gap', instrument: reference.name })
    bench.give({ kind: 'tick' })
    const report = await statusOf(bench)
    expect(report.cortex_override).toBe('ForceReduceOnly')
    expect(report.executor.document?.measurements.override_producers).toEqual([
      `cortex:${reference.name}`,
    ])
  })
})
