import type { IntentDenialReason } from '@bulkhead/shared/contracts/reasons/intent-denials.ts'
import type { At } from './at.ts'
import { isCoolingDown } from './emergency-stop/core.ts'
import type { PolicyView } from './events.ts'
import { isGroupExposed, isGroupHeld } from './groups/state.ts'
import { hasDrifted } from './monitors/clock-drift/core.ts'
import { judgeCertificate } from './monitors/f1-certificate/core.ts'
import { haveSmilesTripped } from './monitors/svi/state.ts'
import type { EngineState } from './state.ts'
import { isBudgetHalted } from './trade-permission/budget-halt.ts'
import { evaluateMode, type ModeDecision } from './trading-mode/evaluate.ts'
import { isContinuityLost, isLatched } from './trading-mode/open-permission.ts'
import type { ModeSnapshot } from './trading-mode/snapshot.ts'

/** How far ahead of ours the clock may be by which a policy was dated. */
const policySkewMsMax = 1_000

/**
 * The mode now, from one frozen snapshot of everything it depends on (contract 2.2.0).
 *
 * @param rescued a group whose own exposure is left out: of an order that takes it away
 */
export function modeNow(
  state: EngineState,
  at: At,
  killSwitchAgeMsMax: number,
  rescued?: string,
): ModeDecision {
  return evaluateMode(snapshotOf(state, at, killSwitchAgeMsMax, rescued))
}

/**
 * Why an opening order may not go now, or null. The latch is named first: it tells the strategy
 * that waiting for the reconciliation is enough.
 */
export function openingDenial(state: EngineState, mode: ModeDecision): IntentDenialReason | null {
  if (mode.mode === 'Active') return null
  const isLatchAlone = mode.mode === 'ReduceOnly' && isLatched(state.openPermission)
  return isLatchAlone ? 'OpenPermissionLatched' : 'TradingModeForbidsOpen'
}

export function snapshotOf(
  state: EngineState,
  at: At,
  killSwitchAgeMsMax: number,
  rescued?: string,
): ModeSnapshot {
  const { safety, venue, config, metadata, monitors, handedPolicy } = state
  const { reading } = state.account
  const { primary, secondary } = monitors.disk
  const { instrumentMetadata, netEdge, units, marginHeadroom } = config.gates
  const certificate = judgeCertificate(monitors.certificate, at, config.monitors.certificate)
  const metadataAgeMs = ageMs(metadata.readTickMs, at)
  return Object.freeze({
    killSwitchMode: safety.killSwitchMode,
    isEmergencyCoolingDown: isCoolingDown(state.emergencyStop, at, config.emergencyCooldownMs),
    killSwitchAgeMs: ageMs(safety.killSwitchTickMs, at),
    killSwitchAgeMsMax,
    safetyHeartbeatAgeMs: ageMs(safety.heartbeatTickMs, at),
    safetyHeartbeatAgeMsMax: config.safetyHeartbeatAgeMsMax,
    watchdogState: safety.watchdogState,
    isSafetyReady: safety.isSafetyReady,
    marketDataAgeMs: ageMs(state.feedTickMs, at),
    marketDataAgeMsMax: config.marketDataAgeMsMax,
    isVenueReady: venue.isReady,
    cancelOnDisconnect: venue.cancelOnDisconnect,
    isOpenPermissionLatched: isLatched(state.openPermission),
    isContinuityLost: isContinuityLost(state.openPermission),
    isSessionKillActive: venue.isSessionKillActive,
    isClosingInEmergency: state.emergencyClose.running.size > 0,
    isGroupExposed: isGroupExposed(state.groups, rescued),
    isGroupHeld: isGroupHeld(state.groups, at.tickMs, config.gates.groups.lockWaitMsMax),
    isBudgetHalted: isBudgetHalted(state, at),
    tooManyRequestsIn5m: state.complaints.count(at.tickMs),
    tooManyRequestsKillMin: config.tooManyRequestsKillMin,
    rateLimitReadFailures: state.rateLimit.readFailures.count(at.tickMs),
    rateLimitReadFailuresTrip: config.rateLimit.readFailuresTrip,
    instrumentMetadataAgeMs: metadataAgeMs,
    instrumentMetadataAgeMsMax: instrumentMetadata.ttlMs,
    // The rates come with the instruments.
    feeModelAgeMs: metadataAgeMs,
    feeModelAgeMsMax: netEdge.feeHardMs,
    unitsMismatchAgeMs: ageMs(state.wiringFaultTickMs, at),
    unitsMismatchDegradedMs: units.mismatchDegradedMs,
    mmUtil: reading?.mmUtil ?? null,
    mmUtilAgeMs: ageMs(reading?.askedTickMs ?? null, at),
    mmUtilAgeMsMax: marginHeadroom.ageMsMax,
    mmUtilReduceOnly: marginHeadroom.reduceOnlyAt,
    mmUtilKill: marginHeadroom.killAt,
    cortexOverride: monitors.cortexOverride.kind,
    isBunkerModeActive: monitors.networkJitter.isActive,
    isMaintenance: monitors.isMaintenance,
    loopTickAgeMs: ageMs(monitors.loopTickMs, at),
    watchdogKillMs: config.monitors.watchdogKillMs,
    diskUsedPct: primary?.usedPct ?? null,
    diskUsedAgeMs: ageMs(primary?.askedTickMs ?? null, at),
    diskUsedPctSecondary: secondary?.usedPct ?? null,
    diskUsedSecondaryAgeMs: ageMs(secondary?.askedTickMs ?? null, at),
    diskUsedAgeMsMax: config.monitors.disk.ageMsMax,
    diskKillAt: config.monitors.disk.killAt,
    isDiskDegraded: monitors.disk.isDegraded,
    isOutputFull: state.isOutputFull,
    hasClockDrifted: hasDrifted(state.permission.clockSample, at, config.monitors.clockDrift),
    haveSmilesTripped: haveSmilesTripped(monitors.svi, at.tickMs, config.monitors.svi),
    policyGeneratedMs: handedPolicy?.generatedMs ?? null,
    policyAgeMs: policyAgeMs(handedPolicy, at),
    policyAgeMsMax: config.policyAgeMsMax,
    certificateState: certificate.state,
    certificateExpiresMs: certificate.expiresMs,
    isCertificateRequired: config.monitors.certificate.isRequired,
  })
}

/**
 * By wall clocks that may differ a little; one that is from the future beyond that has a negative
 * age, which is no age at all (decision D-49).
 */
function policyAgeMs(policy: PolicyView | null, at: At): number | null {
  if (policy === null) return null
  const ageMs = at.nowMs - policy.generatedMs
  return ageMs < 0 && ageMs >= -policySkewMsMax ? 0 : ageMs
}

/** Null while nothing was heard. */
export function ageMs(sinceTickMs: number | null, at: At): number | null {
  return sinceTickMs === null ? null : at.tickMs - sinceTickMs
}
