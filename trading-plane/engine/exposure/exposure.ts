import { filledSteps, isLive, type Leg } from '../legs/leg.ts'
import type { Decimal } from '../numbers/decimal.ts'
import { type InstrumentSpec, isSizedInUsd } from '../intents/instrument.ts'

/** A signed amount in the instrument's own unit after the worst that can still fill on one side. */
export type WorstCase = { readonly long: number; readonly short: number }

/**
 * Where a position could end if every live order of one side filled and none of the other: what
 * limits are checked against, so that orders on their way count (contract 1.4.2.1). Reduce-only
 * orders cannot add exposure and are left out.
 */
export function worstCase(size: number, legs: Iterable<Leg>, spec: InstrumentSpec): WorstCase {
  let long = Math.max(size, 0)
  let short = Math.min(size, 0)
  for (const leg of legs) {
    if (leg.instrument !== spec.name || leg.reduceOnly || !isLive(leg)) continue
    const remaining = amountOfSteps(leg.amountSteps - filledSteps(leg), spec.amountStep)
    if (leg.side === 'buy') long += remaining
    else short -= remaining
  }
  return { long, short }
}

/**
 * USD worth of an amount: the amount itself where it is in USD, else coins at the index (contract
 * 1.0).
 *
 * @returns null when the instrument is sized in coins and no index price is known
 */
export function notionalUsd(
  spec: InstrumentSpec,
  amount: number,
  indexPrice: number | null,
): number | null {
  if (isSizedInUsd(spec.kind)) return Math.abs(amount)
  if (indexPrice === null || !(indexPrice > 0)) return null
  return Math.abs(amount) * indexPrice
}

/** A risk measure, hence a double; what goes to the venue stays exact text. */
export function amountOfSteps(steps: number, step: Decimal): number {
  return (steps * Number(step.digits)) / 10 ** step.scale
}
