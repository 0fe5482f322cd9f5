import type { PermissionFault } from '@bulkhead/shared/contracts/reasons/trade-permission.ts'
import type { ClockSample } from '../../venues/port.ts'
import type { At } from '../at.ts'

export type ClockLimits = {
  /** Larger differences are a drift. */
  readonly clockDriftMsMax: number
  readonly clockSampleAgeMsMax: number
}

/** How our wall clock stands to the exchange's (plan 9.1). */
export type ClockVerdict = {
  readonly localMs: number
  /** Null when the exchange's clock is not known. */
  readonly exchangeMs: number | null
  /** Ours minus the exchange's; positive when ours is ahead. */
  readonly driftMs: number | null
  readonly fault: Extract<PermissionFault, `EXCHANGE_TIME_${string}`> | null
}

/**
 * Judges our wall clock by the last sample of the exchange's. Between samples the monotonic clock
 * carries the exchange's time on, so a step of our own clock shows at once and not at the next
 * sample (D-21).
 *
 * @param sample null when the last question was not answered, or none was asked yet
 */
export function judgeClock(sample: ClockSample | null, at: At, limits: ClockLimits): ClockVerdict {
  const localMs = at.nowMs
  if (sample === null || !isUsable(sample, at, limits)) {
    return { localMs, exchangeMs: null, driftMs: null, fault: 'EXCHANGE_TIME_UNAVAILABLE' }
  }
  const exchangeMs = at.tickMs + sample.offsetMs
  const driftMs = localMs - exchangeMs
  const isWithin = Math.abs(driftMs) <= limits.clockDriftMsMax
  return { localMs, exchangeMs, driftMs, fault: isWithin ? null : 'EXCHANGE_TIME_DRIFT' }
}

/** A sample errs by half its round trip; one that errs more than the limit proves nothing. */
function isUsable(sample: ClockSample, at: At, limits: ClockLimits): boolean {
  const { offsetMs, roundTripMs, observedTickMs } = sample
  const isRecent = at.tickMs - observedTickMs <= limits.clockSampleAgeMsMax
  const isSharp = roundTripMs >= 0 && roundTripMs / 2 <= limits.clockDriftMsMax
  return Number.isFinite(offsetMs) && Number.isFinite(at.nowMs) && isRecent && isSharp
}
