import { describe, expect, test } from 'vitest'
import type { Level } from '@bulkhead/trading-plane/market-data/book.core.ts'
import { walkBook } from '@bulkhead/trading-plane/engine/gates/book-walk.ts'

const asks: readonly Level[] = [
  [100, 10],
  [101, 10],
  [110, 10],
]
const bids: readonly Level[] = [
  [100, 10],
  [99, 10],
  [90, 10],
]

describe('walking a book', () => {
  test.each([
    ['within the best level', asks, 'buy', 10, 200, 10, 100, 0],
    ['through two levels', asks, 'buy', 20, 200, 20, 100.5, 50],
    ['down the bids', bids, 'sell', 20, 1, 20, 99.5, 50],
    ['no further than its limit', asks, 'buy', 30, 101, 20, 100.5, 50],
    ['not at all when it would rest', asks, 'buy', 10, 99.5, 0, 100, 0],
    ['beyond the last level at its limit', asks, 'buy', 40, 130, 40, 110.25, 1_025],
    ['below the last bid at its limit', bids, 'sell', 40, 50, 40, 84.75, 1_525],
  ] as const)('goes %s', (_how, levels, side, amount, limit, filled, averagePrice, slippageBps) => {
    const walk = walkBook(levels, side, amount, limit)
    expect(walk).toMatchObject({ filled, averagePrice, bestPrice: 100 })
    expect(walk?.slippageBps).toBeCloseTo(slippageBps, 6)
  })

  test('finds no price in an empty side', () => {
    expect(walkBook([], 'buy', 1, 1)).toBeUndefined()
  })
})
