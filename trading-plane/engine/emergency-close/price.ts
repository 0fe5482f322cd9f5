import type { At } from '../at.ts'
import { freshBook } from '../gates/liquidity.ts'
import type { InstrumentSpec } from '../intents/instrument.ts'
import { type Quantized, quantize, shiftPrice } from '../intents/quantize.ts'
import { decimalOf, textOfSteps } from '../numbers/decimal.ts'
import type { EngineState } from '../state.ts'
import type { Side } from '../../venues/port.ts'

export type BestPrice = {
  readonly price: number
  readonly source: 'l2_book' | 'l1_ticker'
}

/**
 * The price that an order would meet: of the book where it is whole and fresh, else of the ticker
 * where that is (contract 3.1).
 *
 * @returns null without a valid source
 */
export function bestPrice(
  state: EngineState,
  instrument: string,
  side: Side,
  at: At,
): BestPrice | null {
  const book = freshBook(state, instrument, at)
  const inBook = side === 'buy' ? book?.bestAsk : book?.bestBid
  if (inBook !== undefined && inBook !== null && inBook > 0) {
    return { price: inBook, source: 'l2_book' }
  }
  const ticker = state.emergencyClose.tickers.get(instrument)
  if (ticker === undefined || at.serverMs === null) return null
  const { bestBid, bestAsk, venueMs } = ticker
  const isSound = bestBid > 0 && bestAsk > 0 && bestBid <= bestAsk
  // A timestamp from the future is no better than an old one.
  const isFresh = Math.abs(at.serverMs - venueMs) <= state.config.gates.liquidity.bookAgeMsMax
  if (!isSound || !isFresh) return null
  return { price: side === 'buy' ? bestAsk : bestBid, source: 'l1_ticker' }
}

/**
 * An order of whole steps that reaches this many ticks beyond a price, on the grid, and not beyond
 * the limit. A seller never goes below one tick.
 */
export function crossingOrder(
  spec: InstrumentSpec,
  side: Side,
  steps: number,
  { best, ticks, limit }: { best: number; ticks: number; limit: string | null },
): Quantized | undefined {
  const exact = decimalOf(best)
  if (exact === undefined) return undefined
  const amount = textOfSteps(steps, spec.amountStep)
  const touch = quantize(spec, side, amount, textOfSteps(1, exact))
  if (!touch.ok) return undefined
  const lowest = quantize(spec, side, amount, textOfSteps(1, spec.tickSize))
  const beyond =
    shiftPrice(spec, side, touch.value, -ticks) ?? (lowest.ok ? lowest.value : undefined)
  const bound = limit === null ? undefined : quantize(spec, side, amount, limit)
  if (beyond === undefined || bound === undefined || !bound.ok) return beyond
  const isBeyondLimit =
    side === 'buy'
      ? beyond.priceTicks > bound.value.priceTicks
      : beyond.priceTicks < bound.value.priceTicks
  return isBeyondLimit ? bound.value : beyond
}
