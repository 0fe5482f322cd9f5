import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { BookFeed } from '@bulkhead/trading-plane/venues/paper/book-feed.core.ts'
import { fundsOf } from '@bulkhead/trading-plane/venues/paper/funds.core.ts'
import type { PlaceRequest } from '@bulkhead/trading-plane/venues/paper/order-checks.core.ts'
import {
  NOW_MS,
  accountOf,
  instrumentOf,
  orderRequest,
  paperExchange,
} from '../../../../support/paper-exchange.ts'

type Action =
  | { kind: 'place'; name: 'ann' | 'bob'; parts: Partial<PlaceRequest> }
  | { kind: 'cancel'; name: 'ann' | 'bob'; pick: number }
  | { kind: 'edit'; name: 'ann' | 'bob'; pick: number; amount: number; price: number }
  | { kind: 'market'; direction: 'buy' | 'sell'; priceTicks: number; lots: number }

const name = fc.constantFrom('ann' as const, 'bob' as const)
const direction = fc.constantFrom('buy' as const, 'sell' as const)
const price = fc.integer({ min: -5, max: 5 }).map((offset) => 50_000 + offset * 0.5)
const amount = fc.integer({ min: 1, max: 50 }).map((lots) => lots * 10)

const action: fc.Arbitrary<Action> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('place' as const),
      name,
      parts: fc.record({
        direction,
        price,
        amount,
        reduceOnly: fc.boolean(),
        postOnly: fc.boolean(),
        timeInForce: fc.constantFrom(
          'good_til_cancelled' as const,
          'immediate_or_cancel' as const,
          'fill_or_kill' as const,
        ),
      }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('cancel' as const), name, pick: fc.nat() }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('edit' as const),
      name,
      pick: fc.nat(),
      amount,
      price,
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('market' as const),
      direction,
      priceTicks: price.map((value) => value * 2),
      lots: fc.integer({ min: 0, max: 60 }),
    }),
  },
)

type Exchange = ReturnType<typeof paperExchange>

function perform(exchange: Exchange, next: Action): void {
  if (next.kind === 'market') {
    exchange.matcher.setMarketLevel(instrumentOf(exchange), next, NOW_MS)
    return
  }
  const account = accountOf(exchange, next.name)
  if (next.kind === 'place') {
    exchange.place(account, orderRequest(next.parts), NOW_MS)
    return
  }
  const open = exchange.orders.open(account)
  const orderId = open[next.pick % open.length]?.orderId ?? 'none'
  if (next.kind === 'cancel') exchange.cancel(account, orderId, NOW_MS)
  else {
    const request = { orderId, amount: next.amount, price: next.price, ...noFlags }
    exchange.edit(account, request, NOW_MS)
  }
}
const noFlags = { postOnly: undefined, rejectPostOnly: undefined, validUntilMs: undefined }

const lotsHeld = (exchange: Exchange, who: 'ann' | 'bob') =>
  accountOf(exchange, who).positions.get('BTC-PERPETUAL')?.lots ?? 0

describe('the exchange under any sequence of requests', () => {
  test('keeps positions equal to the sum of fills and orders in step with the book', () => {
    fc.assert(
      fc.property(fc.array(action, { minLength: 10, maxLength: 50, size: 'max' }), (actions) => {
        const exchange = paperExchange()
        const book = exchange.book(instrumentOf(exchange))
        for (const next of actions) perform(exchange, next)
        for (const who of ['ann', 'bob'] as const) {
          const account = accountOf(exchange, who)
          const fromFills = exchange.orders
            .fills(account)
            .reduce(
              (lots, { order, print }) => lots + (order.direction === 'buy' ? 1 : -1) * print.lots,
              0,
            )
          expect(lotsHeld(exchange, who)).toBe(fromFills)
          for (const order of exchange.orders.open(account)) {
            expect(book.get(order.orderId)?.lots).toBe(order.lots - order.filledLots)
          }
          for (const order of exchange.orders.closed(account)) {
            expect(order.state).not.toBe('open')
            expect(book.get(order.orderId)).toBeUndefined()
          }
        }
      }),
      { numRuns: 200 },
    )
  })

  test('never lets a reduce-only fill grow or flip a position', () => {
    fc.assert(
      fc.property(fc.array(action, { minLength: 10, maxLength: 60, size: 'max' }), (actions) => {
        const exchange = paperExchange()
        const held = { ann: 0, bob: 0 }
        for (const next of actions) {
          perform(exchange, next)
          for (const event of exchange.matcher.drainEvents()) {
            if (event.kind !== 'fill') continue
            const { order, print } = event.fill
            const who = order.account.name as 'ann' | 'bob'
            const before = held[who]
            held[who] += (order.direction === 'buy' ? 1 : -1) * print.lots
            if (!order.reduceOnly) continue
            expect(Math.abs(held[who])).toBeLessThan(Math.abs(before))
            expect(held[who] * before).toBeGreaterThanOrEqual(0)
          }
        }
      }),
      { numRuns: 300 },
    )
  })

  test('pays out exactly what the other side pays in, fees aside', () => {
    fc.assert(
      fc.property(fc.array(action.filter(({ kind }) => kind !== 'market')), (actions) => {
        const exchange = paperExchange()
        for (const next of actions) perform(exchange, next)
        let equityCoin = 0
        for (const who of ['ann', 'bob'] as const) {
          const account = accountOf(exchange, who)
          equityCoin += fundsOf(exchange, account, 'BTC').equityCoin + account.wallets.BTC.feesCoin
        }
        expect(equityCoin).toBeCloseTo(20, 5)
        expect(lotsHeld(exchange, 'ann') + lotsHeld(exchange, 'bob')).toBe(0)
      }),
      { numRuns: 200 },
    )
  })

  test('gives the same events for the same requests', () => {
    fc.assert(
      fc.property(fc.array(action, { minLength: 10, maxLength: 40, size: 'max' }), (actions) => {
        const run = () => {
          const exchange = paperExchange()
          for (const next of actions) perform(exchange, next)
          return exchange.matcher.drainEvents()
        }
        expect(run()).toEqual(run())
      }),
      { numRuns: 50 },
    )
  })

  test('sends book changes that rebuild the book, with an unbroken chain of change numbers', () => {
    fc.assert(
      fc.property(fc.array(action, { minLength: 10, maxLength: 50, size: 'max' }), (actions) => {
        const exchange = paperExchange()
        const instrument = instrumentOf(exchange)
        const book = exchange.book(instrument)
        const feed = new BookFeed(instrument, book, 7)
        const copy = { bids: new Map<number, number>(), asks: new Map<number, number>() }
        let lastChangeId = 7
        for (const [index, next] of actions.entries()) {
          perform(exchange, next)
          feed.touch(exchange.matcher.drainTouched().get(instrument) ?? [])
          const change = feed.change(book, 100 + index * 3, NOW_MS) as
            | { prev_change_id: number; change_id: number; bids: Entry[]; asks: Entry[] }
            | undefined
          if (change === undefined) continue
          expect(change.prev_change_id).toBe(lastChangeId)
          lastChangeId = change.change_id
          for (const side of ['bids', 'asks'] as const) apply(copy[side], change[side])
        }
        for (const [side, key] of [
          ['buy', 'bids'],
          ['sell', 'asks'],
        ] as const) {
          const levels = book.side(side).map(({ priceTicks, lots }) => [priceTicks / 2, lots * 10])
          expect([...copy[key]].toSorted(byPrice)).toEqual(levels.toSorted(byPrice))
        }
      }),
      { numRuns: 200 },
    )
  })
})

type Entry = ['new' | 'change' | 'delete', number, number]
const byPrice = (left: number[], right: number[]) => (left[0] ?? 0) - (right[0] ?? 0)

/** A strict listener: `new` only for unknown prices, `change` and `delete` only for known ones. */
function apply(side: Map<number, number>, entries: readonly Entry[]): void {
  for (const [kind, at, value] of entries) {
    expect(side.has(at)).toBe(kind !== 'new')
    if (kind === 'delete') side.delete(at)
    else side.set(at, value)
  }
}
