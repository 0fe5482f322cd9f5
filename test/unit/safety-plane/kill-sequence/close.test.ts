import { describe, expect, test } from 'vitest'
import { closeOrderFor } from '@bulkhead/safety-plane/kill-sequence/close.core.ts'

const tick = (tickSize: number, steps: { abovePrice: number; tickSize: number }[] = []) => ({
  tickSize,
  steps,
})
const quote = (bidPrice: number | null, askPrice: number | null, grid = tick(0.5)) => ({
  bidPrice,
  askPrice,
  tick: grid,
})

describe('the order that closes a position', () => {
  test.each([
    ['a long at the best bid', 100, quote(60_000, 60_010), 0, 'sell', 100, 60_000],
    ['a short at the best ask', -250, quote(60_000, 60_010.5), 0, 'buy', 250, 60_010.5],
    [
      'a long below the bid, downwards on the grid',
      100,
      quote(60_000.5, null),
      25,
      'sell',
      100,
      59_850,
    ],
    [
      'a short above the ask, upwards on the grid',
      -100,
      quote(null, 60_000.5),
      25,
      'buy',
      100,
      60_151,
    ],
    [
      'an option on its larger step',
      -0.1,
      quote(null, 0.0421, tick(0.0001, [{ abovePrice: 0.005, tickSize: 0.0005 }])),
      0,
      'buy',
      0.1,
      0.0425,
    ],
    [
      'an option on its small step below',
      0.1,
      quote(0.0043, null, tick(0.0001, [{ abovePrice: 0.005, tickSize: 0.0005 }])),
      0,
      'sell',
      0.1,
      0.0043,
    ],
    [
      'a worthless option at one tick',
      1,
      quote(0.0001, null, tick(0.0001)),
      100,
      'sell',
      1,
      0.0001,
    ],
    [
      'a price that a binary fraction cannot hold',
      1,
      quote(0.3, null, tick(0.1)),
      0,
      'sell',
      1,
      0.3,
    ],
    ['a grid in exponent form', 1, quote(3e-7, null, tick(1e-7)), 0, 'sell', 1, 3e-7],
  ])('takes %s', (_what, size, book, widenBps, side, amount, price) => {
    expect(closeOrderFor(size, book, widenBps)).toEqual({ side, amount, price })
  })

  test.each([
    ['nobody bids', 100, quote(null, 60_000)],
    ['nobody offers', -100, quote(60_000, null)],
    ['the best price is zero', 100, quote(0, 60_000)],
  ])('does not exist when %s, because it would be a market order', (_what, size, book) => {
    expect(closeOrderFor(size, book, 0)).toBeNull()
  })

  test.each([0, Number.NaN])('of a position of %d is a broken invariant', (size) => {
    expect(() => closeOrderFor(size, quote(1, 1), 0)).toThrow('position')
  })
})
