import type { ClockSample } from '../../../venues/port.ts'
import type { ClockDriftLimits } from './config.ts'

/**
 * Whether our wall clock is further from the venue's than is allowed (contract 4.3, D-21). A sample
 * errs by at most half its round trip; only what is beyond that error is drift. A clock that was
 * not asked is the trade permission's business.
 */
export function hasDrifted(
  sample: ClockSample | null,
  at: { readonly nowMs: number; readonly tickMs: number },
  limits: ClockDriftLimits,
): boolean {
  if (sample === null) return false
  const driftMs = Math.abs(at.nowMs - at.tickMs - sample.offsetMs)
  return !(driftMs - sample.roundTripMs / 2 <= limits.driftMsMax)
}
