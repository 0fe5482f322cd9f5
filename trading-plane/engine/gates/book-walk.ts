import type { Level } from '../../market-data/book.core.ts'
import type { Side } from '../../venues/port.ts'

/** What taking from a book would cost; without a trade all is zero. */
export type Walk = {
  /** In the unit of the levels: what could trade at once. */
  readonly filled: number
  /** Weighted average price of it; the best price when nothing would trade. */
  readonly averagePrice: number
  readonly bestPrice: number
  /** Distance of the average from the best price, never negative. */
  readonly slippageBps: number
}

/**
 * Walks the opposite side of a book with a limit order (contract 1.3). Levels beyond the limit are
 * not touched. What is left when the visible levels end inside the limit is taken to trade at the
 * limit, because nobody knows what stands there: the estimate errs on the dear side only.
 *
 * @returns undefined when the side is empty
 */
export function walkBook(
  levels: readonly Level[],
  side: Side,
  amount: number,
  limitPrice: number,
): Walk | undefined {
  const best = levels[0]
  if (best === undefined) return undefined
  const bestPrice = best[0]
  const isWithin = (price: number) => (side === 'buy' ? price <= limitPrice : price >= limitPrice)
  let left = amount
  let paid = 0
  for (const [price, standing] of levels) {
    if (left <= 0 || !isWithin(price)) break
    const taken = Math.min(left, standing)
    paid += taken * price
    left -= taken
  }
  const deepest = levels.at(-1) ?? best
  if (isWithin(deepest[0])) {
    paid += left * limitPrice
    left = 0
  }
  const filled = amount - left
  if (filled <= 0) return { filled: 0, averagePrice: bestPrice, bestPrice, slippageBps: 0 }
  const averagePrice = paid / filled
  const away = side === 'buy' ? averagePrice - bestPrice : bestPrice - averagePrice
  return {
    filled,
    averagePrice,
    bestPrice,
    slippageBps: Math.max(0, (away / bestPrice) * 10_000),
  }
}
