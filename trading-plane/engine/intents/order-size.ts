import { notionalUsd } from '../exposure/exposure.ts'
import { decimalOf, stepsIn } from '../numbers/decimal.ts'
import { type InstrumentSpec, isSizedInUsd } from './instrument.ts'

/** One size in every unit that it has (contract 1.0). Exactly one of coin and USD is canonical. */
export type OrderSize = {
  /** Whole contracts; null where the amount is not a whole number of them. */
  readonly contracts: number | null
  /** Canonical for options and linear futures, derived for the others; null without an index. */
  readonly qtyCoin: number | null
  /** Canonical for perpetuals and inverse futures; never set for what is sized in coins. */
  readonly qtyUsd: number | null
  readonly notionalUsd: number | null
}

/** What an amount on the grid is worth in the other units; the amount itself is what is sent. */
export function orderSize(
  spec: InstrumentSpec,
  amount: number,
  indexPrice: number | null,
): OrderSize {
  const isUsd = isSizedInUsd(spec.kind)
  const hasIndex = indexPrice !== null && indexPrice > 0
  return {
    contracts: wholeContracts(spec, amount),
    qtyCoin: isUsd ? (hasIndex ? amount / indexPrice : null) : amount,
    qtyUsd: isUsd ? amount : null,
    notionalUsd: notionalUsd(spec, amount, indexPrice),
  }
}

function wholeContracts({ contractSize }: InstrumentSpec, amount: number): number | null {
  const exact = decimalOf(amount)
  if (contractSize === null || exact === undefined) return null
  const down = stepsIn(exact, contractSize, 'down')
  return down !== undefined && down === stepsIn(exact, contractSize, 'up') ? down : null
}
