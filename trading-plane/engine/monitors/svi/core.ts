import type { SviRejection } from '@bulkhead/shared/contracts/reasons/svi-rejections.ts'
import type { SviLimits } from './config.ts'
import { type FitContext, judgeFit, type SviFit } from './guards.ts'

/** What is known of one expiry of one coin. */
export type Smile = {
  /** The last fit that passed every guard, which is the one that is used; null before the first. */
  readonly valid: SviFit | null
  readonly validTickMs: number | null
  /** Why the newest fit was not taken; null when it was. */
  readonly rejection: SviRejection | null
}

export const smileAtStart: Smile = { valid: null, validTickMs: null, rejection: null }

/**
 * Takes a new fit, or holds the last valid one (contract 4.1). A fit that is held for the whole
 * trip window is too old to be compared with: the next one is judged without it, so that a market
 * that has moved for good is not refused for ever (decision D-46).
 *
 * @param fit null when the quotes gave none
 */
export function takeFit(
  before: Smile,
  fit: SviFit | null,
  around: Omit<FitContext, 'last'>,
  tickMs: number,
  limits: SviLimits,
): Smile {
  const isComparable =
    before.validTickMs !== null && tickMs - before.validTickMs < limits.tripWindowMs
  const last = isComparable ? before.valid : null
  const rejection = fit === null ? 'SVI_NOT_FINITE' : judgeFit(fit, { ...around, last }, limits)
  if (rejection !== null) return { ...before, rejection }
  return { valid: fit, validTickMs: tickMs, rejection: null }
}
