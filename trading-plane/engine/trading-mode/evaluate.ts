import { assert } from '@bulkhead/shared/kernel/assert.ts'
import {
  type ModeReason,
  modeReasons,
  type TradingMode,
} from '@bulkhead/shared/contracts/reasons/mode-reasons.ts'
import type { ModeSnapshot } from './snapshot.ts'
import { type Axes, resolveTradingMode } from './resolver.ts'

export type RiskState = 'Healthy' | 'Degraded' | 'Maintenance' | 'Kill'

export type ModeDecision = {
  readonly mode: TradingMode
  readonly reasons: readonly ModeReason[]
  readonly axes: Axes
  readonly riskState: RiskState
}

type Predicate = {
  readonly reason: ModeReason
  readonly axis: keyof Axes
  /** The value that the axis takes at least while the predicate holds. */
  readonly severity: 'WARNING' | 'CRITICAL' | 'STRESSED' | 'DEGRADED' | 'FAILING'
  readonly holds: (snapshot: ModeSnapshot) => boolean
}

/**
 * Every condition that takes the desk out of Active, with its one axis (contract 2.2.3.2). A
 * condition that is not in this table has no influence on the mode.
 */
const predicates: readonly Predicate[] = [
  {
    reason: 'KILL_RISKSTATE_KILL',
    axis: 'capital',
    severity: 'CRITICAL',
    holds: (s) => riskStateOf(s) === 'Kill',
  },
  {
    reason: 'KILL_MARGIN_MM_UTIL_CRITICAL',
    axis: 'capital',
    severity: 'CRITICAL',
    holds: (s) => s.mmUtil !== null && s.mmUtil >= s.mmUtilKill,
  },
  {
    reason: 'KILL_RATE_LIMIT_SESSION_TERMINATION',
    axis: 'system',
    severity: 'FAILING',
    holds: (s) => s.isSessionKillActive && s.tooManyRequestsIn5m >= s.tooManyRequestsKillMin,
  },
  {
    reason: 'KILL_CORTEX_FORCE_KILL',
    axis: 'capital',
    severity: 'CRITICAL',
    holds: (s) => s.cortexOverride === 'ForceKill',
  },
  {
    reason: 'REDUCEONLY_RISKSTATE_MAINTENANCE',
    axis: 'system',
    severity: 'DEGRADED',
    holds: (s) => riskStateOf(s) === 'Maintenance',
  },
  {
    reason: 'REDUCEONLY_EMERGENCY_REDUCEONLY_ACTIVE',
    axis: 'system',
    severity: 'DEGRADED',
    holds: (s) => s.killSwitchMode === 'SOFT_STOP',
  },
  {
    reason: 'REDUCEONLY_OPEN_PERMISSION_LATCHED',
    axis: 'system',
    severity: 'DEGRADED',
    holds: (s) => s.isOpenPermissionLatched,
  },
  {
    reason: 'REDUCEONLY_BUNKER_MODE_ACTIVE',
    axis: 'market',
    severity: 'STRESSED',
    holds: (s) => s.isBunkerModeActive,
  },
  {
    reason: 'REDUCEONLY_CORTEX_FORCE_REDUCE_ONLY',
    axis: 'system',
    severity: 'DEGRADED',
    holds: (s) => s.cortexOverride === 'ForceReduceOnly',
  },
  {
    reason: 'REDUCEONLY_FEE_MODEL_HARD_STALE',
    axis: 'system',
    severity: 'DEGRADED',
    holds: (s) => s.feeModelAgeMs !== null && isOlder(s.feeModelAgeMs, s.feeModelAgeMsMax),
  },
  {
    reason: 'REDUCEONLY_RISKSTATE_DEGRADED',
    axis: 'system',
    severity: 'DEGRADED',
    holds: (s) => riskStateOf(s) === 'Degraded',
  },
  {
    reason: 'REDUCEONLY_MARGIN_MM_UTIL_HIGH',
    axis: 'capital',
    severity: 'WARNING',
    holds: (s) => s.mmUtil !== null && s.mmUtil >= s.mmUtilReduceOnly,
  },
  {
    reason: 'REDUCEONLY_INPUT_MISSING_OR_STALE',
    axis: 'system',
    severity: 'DEGRADED',
    holds: isInputMissing,
  },
  {
    reason: 'REDUCEONLY_WATCHDOG_UNCONFIRMED',
    axis: 'system',
    severity: 'DEGRADED',
    holds: isWatchdogAtOdds,
  },
  {
    reason: 'REDUCEONLY_SESSION_KILL_UNCONFIRMED',
    axis: 'system',
    severity: 'DEGRADED',
    holds: (s) => s.isSessionKillActive && s.tooManyRequestsIn5m < s.tooManyRequestsKillMin,
  },
]

const ranks: Readonly<Record<string, number>> = {
  WARNING: 1,
  CRITICAL: 2,
  STRESSED: 1,
  DEGRADED: 1,
  FAILING: 2,
}

/**
 * The mode and every reason for it, from one snapshot and nothing else (contract 2.2.0). Reasons
 * are those of the winning tier only, in registry order.
 */
export function evaluateMode(snapshot: ModeSnapshot): ModeDecision {
  const active = predicates.filter((predicate) => predicate.holds(snapshot))
  const axes: Axes = {
    capital: worst(active, 'capital', 'SAFE'),
    market: worst(active, 'market', 'STABLE'),
    system: worst(active, 'system', 'HEALTHY'),
  }
  const mode = resolveTradingMode(axes)
  const tier = mode === 'Kill' ? 'KILL_' : 'REDUCEONLY_'
  const codes = new Set(active.map((predicate) => predicate.reason))
  const reasons = modeReasons.filter((code) => codes.has(code) && code.startsWith(tier))
  assert((mode === 'Active') === (active.length === 0), 'a mode other than Active has a reason')
  assert(mode === 'Active' || reasons.length > 0, 'the winning tier names its reason')
  return { mode, reasons, axes, riskState: riskStateOf(snapshot) }
}

/** A hard stop or an emergency is a risk state, a soft stop is not (D-22); nor is a HALT, save by
 * budget (D-23).
 */
function riskStateOf(snapshot: ModeSnapshot): RiskState {
  const { killSwitchMode } = snapshot
  if (killSwitchMode === 'HARD_STOP' || killSwitchMode === 'EMERGENCY') return 'Kill'
  if (snapshot.isMaintenance) return 'Maintenance'
  return isDegraded(snapshot) ? 'Degraded' : 'Healthy'
}

/** What was told once and is too old degrades; what was never told is a missing input. */
function isDegraded(snapshot: ModeSnapshot): boolean {
  const { instrumentMetadataAgeMs, feeModelAgeMs, unitsMismatchAgeMs } = snapshot
  const hasOldMetadata =
    instrumentMetadataAgeMs !== null &&
    isOlder(instrumentMetadataAgeMs, snapshot.instrumentMetadataAgeMsMax)
  const hasOldFees = feeModelAgeMs !== null && isOlder(feeModelAgeMs, snapshot.feeModelAgeMsMax)
  const hasMismatch =
    unitsMismatchAgeMs !== null && !isOlder(unitsMismatchAgeMs, snapshot.unitsMismatchDegradedMs)
  const hasStop = snapshot.isSafetyReady === false || snapshot.isBudgetHalted
  return hasStop || hasOldMetadata || hasOldFees || hasMismatch
}

/** The watchdog says that it stopped the desk, the kill switch does not (yet). */
function isWatchdogAtOdds({ killSwitchMode, watchdogState }: ModeSnapshot): boolean {
  return killSwitchMode === 'NORMAL' && watchdogState !== null && watchdogState !== 'ARMED'
}

function isInputMissing(snapshot: ModeSnapshot): boolean {
  return (
    snapshot.killSwitchMode === null ||
    isOlder(snapshot.killSwitchAgeMs, snapshot.killSwitchAgeMsMax) ||
    isOlder(snapshot.safetyHeartbeatAgeMs, snapshot.safetyHeartbeatAgeMsMax) ||
    isOlder(snapshot.marketDataAgeMs, snapshot.marketDataAgeMsMax) ||
    snapshot.instrumentMetadataAgeMs === null ||
    snapshot.feeModelAgeMs === null ||
    snapshot.mmUtil === null ||
    isOlder(snapshot.mmUtilAgeMs, snapshot.mmUtilAgeMsMax) ||
    snapshot.watchdogState === null ||
    snapshot.isSafetyReady === null ||
    !snapshot.isVenueReady ||
    snapshot.cancelOnDisconnect !== 'armed'
  )
}

/** An age that is missing or not a number counts as too old. */
function isOlder(ageMs: number | null, ageMsMax: number): boolean {
  return ageMs === null || !(ageMs <= ageMsMax)
}

function worst<A extends keyof Axes>(
  active: readonly Predicate[],
  axis: A,
  best: Axes[A],
): Axes[A] {
  let found: string = best
  for (const { axis: own, severity } of active) {
    if (own === axis && (ranks[severity] ?? 0) > (ranks[found] ?? 0)) found = severity
  }
  return found as Axes[A]
}
