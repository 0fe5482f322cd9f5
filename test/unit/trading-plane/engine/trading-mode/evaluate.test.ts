import { describe, expect, test } from 'vitest'
import { modeReasons } from '@bulkhead/shared/contracts/reasons/mode-reasons.ts'
import { evaluateMode } from '@bulkhead/trading-plane/engine/trading-mode/evaluate.ts'
import {
  clearUpTo,
  isLatched,
  latch,
  latchedReasons,
  openPermissionAtStart,
} from '@bulkhead/trading-plane/engine/trading-mode/open-permission.ts'
import type { ModeSnapshot } from '@bulkhead/trading-plane/engine/trading-mode/snapshot.ts'

const healthy: ModeSnapshot = {
  killSwitchMode: 'NORMAL',
  isEmergencyCoolingDown: false,
  killSwitchAgeMs: 50,
  killSwitchAgeMsMax: 1_000,
  safetyHeartbeatAgeMs: 100,
  safetyHeartbeatAgeMsMax: 5_000,
  watchdogState: 'ARMED',
  isSafetyReady: true,
  marketDataAgeMs: 20,
  marketDataAgeMsMax: 3_000,
  isVenueReady: true,
  cancelOnDisconnect: 'armed',
  isOpenPermissionLatched: false,
  isBudgetHalted: false,
  isClosingInEmergency: false,
  isGroupExposed: false,
  isGroupHeld: false,
  isContinuityLost: false,
  isSessionKillActive: false,
  tooManyRequestsIn5m: 0,
  tooManyRequestsKillMin: 3,
  rateLimitReadFailures: 0,
  rateLimitReadFailuresTrip: 3,
  instrumentMetadataAgeMs: 1_000,
  instrumentMetadataAgeMsMax: 3_600_000,
  feeModelAgeMs: 1_000,
  feeModelAgeMsMax: 900_000,
  unitsMismatchAgeMs: null,
  unitsMismatchDegradedMs: 300_000,
  mmUtil: 0.1,
  mmUtilAgeMs: 1_000,
  mmUtilAgeMsMax: 30_000,
  mmUtilReduceOnly: 0.85,
  mmUtilKill: 0.95,
  cortexOverride: 'None',
  isBunkerModeActive: false,
  isMaintenance: false,
  loopTickAgeMs: 100,
  watchdogKillMs: 10_000,
  diskUsedPct: 0.4,
  diskUsedAgeMs: 1_000,
  diskUsedPctSecondary: 0.4,
  diskUsedSecondaryAgeMs: 1_000,
  diskUsedAgeMsMax: 30_000,
  diskKillAt: 0.92,
  isDiskDegraded: false,
  isOutputFull: false,
  hasClockDrifted: false,
  haveSmilesTripped: false,
  policyGeneratedMs: 1,
  policyAgeMs: 1_000,
  policyAgeMsMax: 300_000,
  certificateState: 'PASS',
  certificateExpiresMs: 1,
  isCertificateRequired: true,
}

type Row = readonly [string, Partial<ModeSnapshot>, string, readonly string[]]
const missing = 'REDUCEONLY_INPUT_MISSING_OR_STALE'

const rows: readonly Row[] = [
  ['nothing is wrong', {}, 'Active', []],
  [
    'a soft stop',
    { killSwitchMode: 'SOFT_STOP', watchdogState: 'TRIGGERED' },
    'ReduceOnly',
    ['REDUCEONLY_EMERGENCY_REDUCEONLY_ACTIVE'],
  ],
  ['a hard stop', { killSwitchMode: 'HARD_STOP' }, 'Kill', ['KILL_RISKSTATE_KILL']],
  ['an emergency', { killSwitchMode: 'EMERGENCY' }, 'Kill', ['KILL_RISKSTATE_KILL']],
  ['a kill switch never read', { killSwitchMode: null }, 'ReduceOnly', [missing]],
  ['a kill switch read too long ago', { killSwitchAgeMs: 1_001 }, 'ReduceOnly', [missing]],
  ['an age that is no number', { killSwitchAgeMs: Number.NaN }, 'ReduceOnly', [missing]],
  [
    'a hard stop read long ago',
    { killSwitchMode: 'HARD_STOP', killSwitchAgeMs: 9e9 },
    'Kill',
    ['KILL_RISKSTATE_KILL'],
  ],
  ['no heartbeat of the safety plane', { safetyHeartbeatAgeMs: null }, 'ReduceOnly', [missing]],
  ['an old heartbeat', { safetyHeartbeatAgeMs: 5_001 }, 'ReduceOnly', [missing]],
  ['no watchdog state', { watchdogState: null }, 'ReduceOnly', [missing]],
  [
    'a watchdog that disagrees with the kill switch',
    { watchdogState: 'SAFE_MODE' },
    'ReduceOnly',
    ['REDUCEONLY_WATCHDOG_UNCONFIRMED'],
  ],
  ['no word on the kill path', { isSafetyReady: null }, 'ReduceOnly', [missing]],
  [
    'a kill path that is not ready',
    { isSafetyReady: false },
    'ReduceOnly',
    ['REDUCEONLY_RISKSTATE_DEGRADED'],
  ],
  ['no market data', { marketDataAgeMs: null }, 'ReduceOnly', [missing]],
  ['old market data', { marketDataAgeMs: 3_001 }, 'ReduceOnly', [missing]],
  ['no venue', { isVenueReady: false, cancelOnDisconnect: 'unknown' }, 'ReduceOnly', [missing]],
  ['cancel-on-disconnect not armed', { cancelOnDisconnect: 'absent' }, 'ReduceOnly', [missing]],
  [
    'AT-1052: the open-permission latch alone',
    { isOpenPermissionLatched: true },
    'ReduceOnly',
    ['REDUCEONLY_OPEN_PERMISSION_LATCHED'],
  ],
  ['a broken stream', { isContinuityLost: true }, 'ReduceOnly', ['REDUCEONLY_RISKSTATE_DEGRADED']],
  ['a limit that could not be read twice', { rateLimitReadFailures: 2 }, 'Active', []],
  [
    'a limit that could not be read thrice',
    { rateLimitReadFailures: 3 },
    'ReduceOnly',
    ['REDUCEONLY_RISKSTATE_DEGRADED'],
  ],
  [
    'a count of readings that is none',
    { rateLimitReadFailures: Number.NaN },
    'ReduceOnly',
    ['REDUCEONLY_RISKSTATE_DEGRADED'],
  ],
  [
    'one complaint about our rate',
    { isSessionKillActive: true, tooManyRequestsIn5m: 1 },
    'ReduceOnly',
    ['REDUCEONLY_SESSION_KILL_UNCONFIRMED'],
  ],
  [
    'three complaints about our rate',
    { isSessionKillActive: true, tooManyRequestsIn5m: 3 },
    'Kill',
    ['KILL_RATE_LIMIT_SESSION_TERMINATION'],
  ],
  ['instruments never read', { instrumentMetadataAgeMs: null }, 'ReduceOnly', [missing]],
  [
    'instruments read too long ago',
    { instrumentMetadataAgeMs: 3_600_001 },
    'ReduceOnly',
    ['REDUCEONLY_RISKSTATE_DEGRADED'],
  ],
  [
    'fee rates that are too old',
    { feeModelAgeMs: 900_001 },
    'ReduceOnly',
    ['REDUCEONLY_FEE_MODEL_HARD_STALE', 'REDUCEONLY_RISKSTATE_DEGRADED'],
  ],
  [
    'a size that contradicted itself a while ago',
    { unitsMismatchAgeMs: 300_000 },
    'ReduceOnly',
    ['REDUCEONLY_RISKSTATE_DEGRADED'],
  ],
  ['a size that contradicted itself long ago', { unitsMismatchAgeMs: 300_001 }, 'Active', []],
  ['no word on the margin', { mmUtil: null }, 'ReduceOnly', [missing]],
  ['an old word on the margin', { mmUtilAgeMs: 30_001 }, 'ReduceOnly', [missing]],
  ['margin below its bound', { mmUtil: 0.849 }, 'Active', []],
  ['much of the margin in use', { mmUtil: 0.85 }, 'ReduceOnly', ['REDUCEONLY_MARGIN_MM_UTIL_HIGH']],
  ['margin short of critical', { mmUtil: 0.949 }, 'ReduceOnly', ['REDUCEONLY_MARGIN_MM_UTIL_HIGH']],
  ['nearly all of the margin', { mmUtil: 0.95 }, 'Kill', ['KILL_MARGIN_MM_UTIL_CRITICAL']],
  [
    'AT-1050: bunker mode alone',
    { isBunkerModeActive: true },
    'ReduceOnly',
    ['REDUCEONLY_BUNKER_MODE_ACTIVE'],
  ],
  [
    'AT-1051: much of the margin alone',
    { mmUtil: 0.85 },
    'ReduceOnly',
    ['REDUCEONLY_MARGIN_MM_UTIL_HIGH'],
  ],
  [
    'maintenance of the venue',
    { isMaintenance: true },
    'ReduceOnly',
    ['REDUCEONLY_RISKSTATE_MAINTENANCE'],
  ],
  [
    'a monitor that wants no new risk',
    { cortexOverride: 'ForceReduceOnly' },
    'ReduceOnly',
    ['REDUCEONLY_CORTEX_FORCE_REDUCE_ONLY'],
  ],
  [
    'a monitor that wants a kill',
    { cortexOverride: 'ForceKill' },
    'Kill',
    ['KILL_CORTEX_FORCE_KILL'],
  ],
  [
    'several at once, in the order of the registry',
    { isSafetyReady: false, isOpenPermissionLatched: true, marketDataAgeMs: null },
    'ReduceOnly',
    ['REDUCEONLY_OPEN_PERMISSION_LATCHED', 'REDUCEONLY_RISKSTATE_DEGRADED', missing],
  ],
  [
    'a kill beside lesser reasons shows the kill only',
    { killSwitchMode: 'EMERGENCY', isOpenPermissionLatched: true, marketDataAgeMs: null },
    'Kill',
    ['KILL_RISKSTATE_KILL'],
  ],
]

describe('the mode and its reasons', () => {
  test.each(rows)('%s', (_what, change, mode, reasons) => {
    const decision = evaluateMode({ ...healthy, ...change })
    expect(decision.mode).toBe(mode)
    expect(decision.reasons).toEqual(reasons)
  })

  test('AT-417: are of one tier, in order, and of this very tick, whatever toggles', () => {
    const toggles = rows.map(([, change]) => change)
    for (const first of toggles) {
      for (const second of toggles) {
        const { mode, reasons } = evaluateMode({ ...healthy, ...first, ...second })
        const tier = mode === 'Kill' ? 'KILL_' : 'REDUCEONLY_'
        expect(reasons.every((code) => code.startsWith(tier))).toBe(true)
        expect(reasons.length > 0).toBe(mode !== 'Active')
        const places = reasons.map((code) => modeReasons.indexOf(code))
        expect(places).toEqual(places.toSorted((left, right) => left - right))
        expect(evaluateMode(healthy)).toMatchObject({ mode: 'Active', reasons: [] })
      }
    }
  })

  test('show the risk state of decision D-22', () => {
    const riskState = (change: Partial<ModeSnapshot>) =>
      evaluateMode({ ...healthy, ...change }).riskState
    expect(riskState({})).toBe('Healthy')
    expect(riskState({ killSwitchMode: 'SOFT_STOP' })).toBe('Healthy')
    expect(riskState({ killSwitchMode: 'HARD_STOP' })).toBe('Kill')
    expect(riskState({ isSafetyReady: false })).toBe('Degraded')
  })
})

describe('the open-permission latch', () => {
  test('AT-430: is set at the start, before anything was reconciled', () => {
    expect(isLatched(openPermissionAtStart)).toBe(true)
    expect(latchedReasons(openPermissionAtStart)).toEqual(['RESTART_RECONCILE_REQUIRED'])
  })

  test('opens by a reconciliation that began after every reason was set', () => {
    const gap = latch(openPermissionAtStart, 'WS_BOOK_GAP_RECONCILE_REQUIRED')
    expect(latchedReasons(clearUpTo(gap, gap.sequence))).toEqual([])
  })

  test('keeps a reason that was set while the reconciliation ran', () => {
    const began = openPermissionAtStart.sequence
    const gap = latch(openPermissionAtStart, 'WS_BOOK_GAP_RECONCILE_REQUIRED')
    expect(latchedReasons(clearUpTo(gap, began))).toEqual(['WS_BOOK_GAP_RECONCILE_REQUIRED'])
    const again = latch(gap, 'RESTART_RECONCILE_REQUIRED')
    expect(latchedReasons(clearUpTo(again, began))).toEqual([
      'RESTART_RECONCILE_REQUIRED',
      'WS_BOOK_GAP_RECONCILE_REQUIRED',
    ])
  })
})
