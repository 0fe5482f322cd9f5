import { assert } from '@bulkhead/shared/kernel/assert.ts'
import {
  type ModeReason,
  modeReasons,
  type TradingMode,
} from '@bulkhead/shared/contracts/reasons/mode-reasons.ts'
import type { ModeSnapshot } from './snapshot.ts'
import {
  type Axes,
  capitalRisks,
  marketIntegrities,
  resolveTradingMode,
  systemIntegrities,
} from './resolver.ts'

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
  readonly holds: (snapshot: ModeSnapshot, riskState: RiskState) => boolean
}

/**
 * Every condition that takes the desk out of Active, with its one axis (contract 2.2.3.2). A
 * condition that is not in this table has no influence on the mode.
 */
const predicates: readonly Predicate[] = [
  {
    reason: 'KILL_WATCHDOG_HEARTBEAT_STALE',
    axis: 'system',
    severity: 'FAILING',
    holds: (s) => isWatchdogSilent(s) && isLoopStuck(s),
  },
  {
    reason: 'KILL_RISKSTATE_KILL',
    axis: 'capital',
    severity: 'CRITICAL',
    holds: (_, riskState) => riskState === 'Kill',
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
    holds: (s) => s.isSessionKillActive === true && isSessionKillConfirmed(s),
  },
  {
    reason: 'KILL_DISK_WATERMARK_KILL',
    axis: 'system',
    severity: 'FAILING',
    holds: (s) => isDiskFull(s) && isDiskFullConfirmed(s),
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
    holds: (_, riskState) => riskState === 'Maintenance',
  },
  {
    reason: 'REDUCEONLY_EMERGENCY_REDUCEONLY_ACTIVE',
    axis: 'system',
    severity: 'DEGRADED',
    holds: (s) => s.killSwitchMode === 'SOFT_STOP' || !isClear(s.isEmergencyCoolingDown),
  },
  {
    reason: 'REDUCEONLY_OPEN_PERMISSION_LATCHED',
    axis: 'system',
    severity: 'DEGRADED',
    holds: (s) => !isClear(s.isOpenPermissionLatched),
  },
  {
    reason: 'REDUCEONLY_BUNKER_MODE_ACTIVE',
    axis: 'market',
    severity: 'STRESSED',
    holds: (s) => !isClear(s.isBunkerModeActive),
  },
  {
    reason: 'REDUCEONLY_F1_CERT_INVALID',
    axis: 'system',
    severity: 'DEGRADED',
    holds: (s) => !isClear(s.isCertificateRequired) && s.certificateState !== 'PASS',
  },
  {
    reason: 'REDUCEONLY_CORTEX_FORCE_REDUCE_ONLY',
    axis: 'system',
    severity: 'DEGRADED',
    holds: (s) => s.cortexOverride !== 'None' && s.cortexOverride !== 'ForceKill',
  },
  {
    reason: 'REDUCEONLY_FEE_MODEL_HARD_STALE',
    axis: 'system',
    severity: 'DEGRADED',
    holds: (s) => isOlder(s.feeModelAgeMs, s.feeModelAgeMsMax),
  },
  {
    reason: 'REDUCEONLY_POLICY_STALE',
    axis: 'system',
    severity: 'DEGRADED',
    holds: (s) => s.policyAgeMs !== null && isOlder(s.policyAgeMs, s.policyAgeMsMax),
  },
  {
    reason: 'REDUCEONLY_RISKSTATE_DEGRADED',
    axis: 'system',
    severity: 'DEGRADED',
    holds: (_, riskState) => riskState === 'Degraded',
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
    holds: (s) => isWatchdogAtOdds(s) || (isWatchdogSilent(s) && !isLoopStuck(s)),
  },
  {
    reason: 'REDUCEONLY_DISK_KILL_UNCONFIRMED',
    axis: 'system',
    severity: 'DEGRADED',
    holds: (s) => isDiskFull(s) && !isDiskFullConfirmed(s),
  },
  {
    reason: 'REDUCEONLY_SESSION_KILL_UNCONFIRMED',
    axis: 'system',
    severity: 'DEGRADED',
    holds: (s) => s.isSessionKillActive === true && !isSessionKillConfirmed(s),
  },
]

const ladders = { capital: capitalRisks, market: marketIntegrities, system: systemIntegrities }

type Rule = Predicate & { readonly rank: number; readonly tier: TradingMode }

/** The table in the order in which reasons are shown, each severity with its place on the axis. */
const rules: readonly Rule[] = modeReasons.flatMap((reason) =>
  predicates
    .filter((predicate) => predicate.reason === reason)
    .map((predicate) => ({
      ...predicate,
      rank: (ladders[predicate.axis] as readonly string[]).indexOf(predicate.severity),
      tier: reason.startsWith('KILL_') ? 'Kill' : 'ReduceOnly',
    })),
)
assert(rules.length === predicates.length, 'every condition has a registered reason')

/**
 * The mode and every reason for it, from one snapshot and nothing else (contract 2.2.0). Reasons
 * are those of the winning tier only, in registry order.
 */
export function evaluateMode(snapshot: ModeSnapshot): ModeDecision {
  const riskState = riskStateOf(snapshot)
  const kills: ModeReason[] = []
  const restrictions: ModeReason[] = []
  let [capital, market, system] = [0, 0, 0]
  for (const rule of rules) {
    if (!rule.holds(snapshot, riskState)) continue
    const { axis, rank, reason, tier } = rule
    if (axis === 'system') system = Math.max(system, rank)
    else if (axis === 'capital') capital = Math.max(capital, rank)
    else market = Math.max(market, rank)
    if (tier === 'Kill') kills.push(reason)
    else restrictions.push(reason)
  }
  const axes: Axes = {
    capital: capitalRisks[capital] ?? 'CRITICAL',
    market: marketIntegrities[market] ?? 'BROKEN',
    system: systemIntegrities[system] ?? 'FAILING',
  }
  const mode = resolveTradingMode(axes)
  const reasons = mode === 'Kill' ? kills : restrictions
  const isActive = kills.length + restrictions.length === 0
  assert((mode === 'Active') === isActive, 'a mode other than Active has a reason')
  assert(isActive || reasons.length > 0, 'the winning tier names its reason')
  return { mode, reasons, axes, riskState }
}

/** A hard stop or an emergency is a risk state, a soft stop is not (D-22); nor is a HALT, save by
 * budget (D-23).
 */
function riskStateOf(snapshot: ModeSnapshot): RiskState {
  const { killSwitchMode } = snapshot
  if (killSwitchMode === 'HARD_STOP' || killSwitchMode === 'EMERGENCY') return 'Kill'
  if (!isClear(snapshot.isMaintenance)) return 'Maintenance'
  return isDegraded(snapshot) ? 'Degraded' : 'Healthy'
}

/**
 * What was told once and is too old degrades; what was never told is a missing input. Fee rates
 * degrade either way (contract 4.2).
 */
function isDegraded(snapshot: ModeSnapshot): boolean {
  const { instrumentMetadataAgeMs, unitsMismatchAgeMs } = snapshot
  const hasOldMetadata =
    instrumentMetadataAgeMs !== null &&
    isOlder(instrumentMetadataAgeMs, snapshot.instrumentMetadataAgeMsMax)
  const hasOldFees = isOlder(snapshot.feeModelAgeMs, snapshot.feeModelAgeMsMax)
  const hasMismatch =
    unitsMismatchAgeMs !== null && !(unitsMismatchAgeMs > snapshot.unitsMismatchDegradedMs)
  const hasStop = snapshot.isSafetyReady === false || !isClear(snapshot.isBudgetHalted)
  const isClosing = !isClear(snapshot.isClosingInEmergency)
  const isBroken = !isClear(snapshot.isGroupExposed) || !isClear(snapshot.isGroupHeld)
  const isAdrift =
    !isClear(snapshot.isContinuityLost) ||
    !(snapshot.rateLimitReadFailures < snapshot.rateLimitReadFailuresTrip)
  const isWorn =
    isClosing ||
    isBroken ||
    !isClear(snapshot.isDiskDegraded) ||
    !isClear(snapshot.isOutputFull) ||
    !isClear(snapshot.hasClockDrifted) ||
    !isClear(snapshot.haveSmilesTripped)
  return hasStop || isAdrift || isWorn || hasOldMetadata || hasOldFees || hasMismatch
}

/** No sign of the safety plane for so long that it kills, if our own loop stood still as well. */
function isWatchdogSilent({ safetyHeartbeatAgeMs: ageMs, watchdogKillMs }: ModeSnapshot): boolean {
  return ageMs !== null && ageMs > watchdogKillMs
}

function isLoopStuck({ loopTickAgeMs, watchdogKillMs }: ModeSnapshot): boolean {
  return loopTickAgeMs !== null && loopTickAgeMs > watchdogKillMs
}

function isSessionKillConfirmed(snapshot: ModeSnapshot): boolean {
  return snapshot.tooManyRequestsIn5m >= snapshot.tooManyRequestsKillMin
}

function isDiskFull(s: ModeSnapshot): boolean {
  const isKnown = !isOlder(s.diskUsedAgeMs, s.diskUsedAgeMsMax)
  return isKnown && s.diskUsedPct !== null && s.diskUsedPct >= s.diskKillAt
}

function isDiskFullConfirmed(s: ModeSnapshot): boolean {
  const isKnown = !isOlder(s.diskUsedSecondaryAgeMs, s.diskUsedAgeMsMax)
  return isKnown && s.diskUsedPctSecondary !== null && s.diskUsedPctSecondary >= s.diskKillAt
}

/** The watchdog says that it stopped the desk, the kill switch does not (yet). */
function isWatchdogAtOdds({ killSwitchMode, watchdogState }: ModeSnapshot): boolean {
  return killSwitchMode === 'NORMAL' && watchdogState !== null && watchdogState !== 'ARMED'
}

function isInputMissing(snapshot: ModeSnapshot): boolean {
  return (
    !isKillSwitchMode(snapshot.killSwitchMode) ||
    isOlder(snapshot.killSwitchAgeMs, snapshot.killSwitchAgeMsMax) ||
    isOlder(snapshot.safetyHeartbeatAgeMs, snapshot.safetyHeartbeatAgeMsMax) ||
    isOlder(snapshot.marketDataAgeMs, snapshot.marketDataAgeMsMax) ||
    !isAmount(snapshot.instrumentMetadataAgeMs) ||
    !isAmount(snapshot.feeModelAgeMs) ||
    !isAmount(snapshot.mmUtil) ||
    isOlder(snapshot.mmUtilAgeMs, snapshot.mmUtilAgeMsMax) ||
    !isWatchdogState(snapshot.watchdogState) ||
    (!isSure(snapshot.isSafetyReady) && !isClear(snapshot.isSafetyReady)) ||
    !isSure(snapshot.isVenueReady) ||
    snapshot.cancelOnDisconnect !== 'armed' ||
    (!isSure(snapshot.isSessionKillActive) && !isClear(snapshot.isSessionKillActive)) ||
    !isAmount(snapshot.tooManyRequestsIn5m) ||
    !isAmount(snapshot.loopTickAgeMs) ||
    !isAmount(snapshot.policyAgeMs) ||
    isDiskUnknown(snapshot)
  )
}

function isDiskUnknown(snapshot: ModeSnapshot): boolean {
  return (
    !isAmount(snapshot.diskUsedPct) ||
    isOlder(snapshot.diskUsedAgeMs, snapshot.diskUsedAgeMsMax) ||
    !isAmount(snapshot.diskUsedPctSecondary) ||
    isOlder(snapshot.diskUsedSecondaryAgeMs, snapshot.diskUsedAgeMsMax)
  )
}

/** A flag says no only when it is exactly that: what is missing or senseless does not. */
function isClear(flag: unknown): boolean {
  return flag === false
}

function isSure(flag: unknown): boolean {
  return flag === true
}

/** Neither missing nor senseless, whatever the type says of it. */
function isAmount(value: number | null): boolean {
  return value !== null && value >= 0
}

function isWatchdogState(state: ModeSnapshot['watchdogState']): boolean {
  return state === 'ARMED' || state === 'TRIGGERED' || state === 'SAFE_MODE'
}

function isKillSwitchMode(mode: ModeSnapshot['killSwitchMode']): boolean {
  return mode === 'NORMAL' || mode === 'SOFT_STOP' || mode === 'HARD_STOP' || mode === 'EMERGENCY'
}

/** An age that is missing or not a number counts as too old. */
function isOlder(ageMs: number | null, ageMsMax: number): boolean {
  return ageMs === null || !(ageMs >= 0 && ageMs <= ageMsMax)
}
