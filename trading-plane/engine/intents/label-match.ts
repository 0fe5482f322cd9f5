import type { Leg } from '../legs/leg.ts'
import type { Side } from '../../venues/port.ts'
import { type LabelParts, parseLabel } from './label.ts'

/** What the venue says of an order or a trade beside its label. */
export type Seen = {
  readonly instrument: string
  readonly side: Side
  /** Whole amount in steps of the instrument; null where it is not told or not on the grid. */
  readonly amountSteps: number | null
}

/**
 * Whose order a label is that equals none of ours (contract 1.1.2): that of the only leg with its
 * group and leg index, else of the only one that its hash, instrument, side and amount leave over,
 * asked for in this order.
 *
 * @param candidates legs with group and leg index of the label
 * @returns `ambiguous` when more than one is left, when none is, or when the only one contradicts
 */
export function matchLabel(
  { ih16 }: LabelParts,
  seen: Seen,
  candidates: readonly Leg[],
): Leg | 'ambiguous' | null {
  const [first] = candidates
  if (first === undefined) return null
  const isLikely = (leg: Leg) => leg.instrument === seen.instrument && leg.side === seen.side
  if (candidates.length === 1) return isLikely(first) ? first : 'ambiguous'
  const rules: readonly ((leg: Leg) => boolean)[] = [
    ({ label }) => parseLabel(label)?.ih16 === ih16,
    ({ instrument }) => instrument === seen.instrument,
    ({ side }) => side === seen.side,
    ({ amountSteps }) => seen.amountSteps === null || amountSteps === seen.amountSteps,
  ]
  let left = candidates
  for (const rule of rules) left = left.filter(rule)
  return left.length === 1 && left[0] !== undefined ? left[0] : 'ambiguous'
}
