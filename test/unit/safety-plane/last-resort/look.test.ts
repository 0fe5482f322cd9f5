import { expect, test } from 'vitest'
import { fail, ok, type Result } from '@bulkhead/shared/kernel/result.ts'
import type { SafetyVenue, VenueFault } from '@bulkhead/safety-plane/exchange/ports.ts'
import { lookAtRisk } from '@bulkhead/safety-plane/last-resort/look.ts'

type Count = number | 'silent'

const fault: VenueFault = { code: 'VENUE_TIMED_OUT', detail: 'no reply' }

/** Answers only what a look may ask; any other call of the port throws. */
function venueWith(all: Count, byCurrency: Count, positions: Count): SafetyVenue {
  const answer = <T>(count: Count, make: (at: number) => T): Promise<Result<T[], VenueFault>> =>
    Promise.resolve(
      count === 'silent' ? fail(fault) : ok(Array.from({ length: count }, (_, at) => make(at))),
    )
  const reads: Pick<SafetyVenue, 'readOpenOrders' | 'readPositions'> = {
    readOpenOrders: (read) =>
      answer(read === 'all' ? all : byCurrency, (at) => ({
        orderId: String(at),
        instrument: 'BTC-PERPETUAL',
        reduceOnly: false,
      })),
    readPositions: () =>
      answer(positions, () => ({
        instrument: 'BTC-PERPETUAL',
        size: 10,
        delta: 10,
        perpetual: 'BTC-PERPETUAL',
      })),
  }
  return reads as SafetyVenue
}

test.each<[Count, Count, Count, boolean]>([
  [0, 0, 0, true],
  [1, 0, 0, false],
  [0, 1, 0, false],
  [0, 0, 1, false],
  ['silent', 0, 0, false],
  [0, 'silent', 0, false],
  [0, 0, 'silent', false],
])('orders %s and %s, positions %s: flat is %s', async (all, byCurrency, positions, flat) => {
  const seen = await lookAtRisk(venueWith(all, byCurrency, positions))
  expect(seen.flat).toBe(flat)
  const silent = [all, byCurrency, positions].filter((count) => count === 'silent')
  expect(seen.faults).toEqual(silent.map(() => 'VENUE_TIMED_OUT'))
  expect(seen.orders).toEqual([all, byCurrency].map((n) => (n === 'silent' ? null : n)))
})
