import type { ExchangeHealth } from '../../../venues/port.ts'
import { noOverride, type SafetyOverride } from '../override.ts'
import type { ExchangeHealthLimits } from './config.ts'

/** The last answer of the venue about itself. */
export type ExchangeHealthState = {
  readonly health: ExchangeHealth | null
  /** When it was asked for; null until it was answered once. */
  readonly askedTickMs: number | null
}

export const exchangeHealthAtStart: ExchangeHealthState = { health: null, askedTickMs: null }

export type ExchangeHealthVerdict = {
  readonly isMaintenance: boolean
  readonly override: SafetyOverride
}

/**
 * Judges what the venue says of itself (contract 2.3.1): Maintenance while it is locked and from
 * the lead time before a maintenance window to its end; ForceReduceOnly while nothing is known.
 *
 * @param nowMs the venue's clock where it is known, else ours
 */
export function judgeExchangeHealth(
  { health, askedTickMs }: ExchangeHealthState,
  tickMs: number,
  nowMs: number,
  limits: ExchangeHealthLimits,
): ExchangeHealthVerdict {
  const isKnown = askedTickMs !== null && tickMs - askedTickMs < limits.staleMs
  const isNear = ({ startMs, endMs }: { startMs: number; endMs: number }) =>
    startMs - nowMs <= limits.maintenanceLeadMs && nowMs < endMs
  return {
    isMaintenance: health !== null && (health.isLocked || health.maintenance.some(isNear)),
    override: isKnown ? noOverride : { kind: 'ForceReduceOnly', cooldownS: 0 },
  }
}
