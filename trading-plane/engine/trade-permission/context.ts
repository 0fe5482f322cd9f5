import type { KillSwitchMode } from '@bulkhead/shared/contracts/kill-switch.ts'
import type { TradingMode } from '@bulkhead/shared/contracts/reasons/mode-reasons.ts'
import {
  type PermissionFault,
  permissionFaults,
} from '@bulkhead/shared/contracts/reasons/trade-permission.ts'
import type { OpeningsReading } from './budget.ts'
import type { ClockVerdict } from './clock.ts'

/** What the venue and the safety plane look like from here. */
export type HealthReading = {
  readonly isVenueReady: boolean
  /** Since the venue's market data was last heard; null before. */
  readonly venueSilenceMs: number | null
  readonly venueSilenceMsMax: number
  readonly safetyHeartbeatAgeMs: number | null
  readonly safetyHeartbeatAgeMsMax: number
}

/** What each source says now; null when it gave no answer that counts (missing, too old). */
export type PermissionSources = {
  readonly killSwitch: KillSwitchMode | null
  readonly budget: OpeningsReading | null
  readonly health: HealthReading | null
  readonly clock: ClockVerdict | null
  readonly risk: TradingMode | null
}

export type BudgetSignal = 'WITHIN' | 'HARD_STOP' | 'DATA_CORRUPT'
/** YELLOW: a clock cannot be relied on. RED: the venue or the safety plane is not there. */
export type HealthStatus = 'GREEN' | 'YELLOW' | 'RED'
export type RiskAssessment = 'NORMAL' | 'ELEVATED' | 'CRITICAL'

/**
 * Everything that the permission is decided from. No intent, strategy or confidence belongs here.
 */
export type PermissionContext = {
  readonly killSwitchActive: boolean
  readonly budgetSignal: BudgetSignal
  readonly healthStatus: HealthStatus
  readonly riskAssessment: RiskAssessment
  /** In registry order. */
  readonly faults: readonly PermissionFault[]
}

const risks: Readonly<Record<TradingMode, RiskAssessment>> = {
  Active: 'NORMAL',
  ReduceOnly: 'ELEVATED',
  Kill: 'CRITICAL',
}
const killSwitchModes: Readonly<Record<KillSwitchMode, true>> = {
  NORMAL: true,
  SOFT_STOP: true,
  HARD_STOP: true,
  EMERGENCY: true,
}

/**
 * The context that the sources give. A source that gives nothing, or nothing that can be
 * understood, counts as the most restrictive that it could say, and the fault is named (law 3).
 */
export function buildPermissionContext(sources: PermissionSources): PermissionContext {
  const { killSwitch, budget, health, clock, risk } = sources
  const isComplete =
    isKey(killSwitchModes, killSwitch) &&
    isReading(budget) &&
    isReading(health) &&
    isReading(clock) &&
    isKey(risks, risk)
  const budgetSignal = budgetSignalOf(budget)
  const found = new Set<PermissionFault>()
  if (!isComplete) found.add('POLICY_CONTEXT_INCOMPLETE')
  if (budgetSignal === 'DATA_CORRUPT') found.add('BUDGET_DATA_CORRUPT')
  const clockFault = isReading(clock) ? clock.fault : 'EXCHANGE_TIME_UNAVAILABLE'
  if (clockFault !== null) found.add(clockFault)
  return Object.freeze({
    killSwitchActive: killSwitch !== 'NORMAL',
    budgetSignal,
    healthStatus: healthOf(health, clock),
    riskAssessment: isKey(risks, risk) ? risks[risk] : 'CRITICAL',
    faults: permissionFaults.filter((fault) => found.has(fault)),
  })
}

function isKey<K extends string>(table: Readonly<Record<K, unknown>>, key: unknown): key is K {
  return typeof key === 'string' && Object.hasOwn(table, key)
}

function isReading<T extends object>(reading: T | null): reading is T {
  return typeof reading === 'object' && reading !== null
}

/** Counts that are no counts prove nothing, least of all that there is budget left. */
export function budgetSignalOf(budget: OpeningsReading | null): BudgetSignal {
  if (!isReading(budget)) return 'HARD_STOP'
  const { openings, openingsMax, isExceeded, isCorrupt } = budget
  const isSound = !isCorrupt && isCount(openings) && isCount(openingsMax)
  if (!isSound || openingsMax === 0) return 'DATA_CORRUPT'
  return isExceeded || openings > openingsMax ? 'HARD_STOP' : 'WITHIN'
}

function healthOf(health: HealthReading | null, clock: ClockVerdict | null): HealthStatus {
  if (!isReading(health)) return 'RED'
  const isVenueHeard = isWithin(health.venueSilenceMs, health.venueSilenceMsMax)
  const isSafetyHeard = isWithin(health.safetyHeartbeatAgeMs, health.safetyHeartbeatAgeMsMax)
  if (!health.isVenueReady || !isVenueHeard || !isSafetyHeard) return 'RED'
  return isReading(clock) && clock.fault === null ? 'GREEN' : 'YELLOW'
}

/** An age that is missing, or is no number, is too old. */
function isWithin(ageMs: number | null, ageMsMax: number): boolean {
  return ageMs !== null && ageMs <= ageMsMax
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0
}
