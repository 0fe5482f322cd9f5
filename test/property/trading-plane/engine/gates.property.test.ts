import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { intentDenialReasons } from '@bulkhead/shared/contracts/reasons/intent-denials.ts'
import { walkBook } from '@bulkhead/trading-plane/engine/gates/book-walk.ts'
import type { Level } from '@bulkhead/trading-plane/market-data/book.core.ts'
import {
  denialOf,
  EngineBench,
  engineConfig,
  intent,
  ofKind,
  option,
  perpetual,
} from '../../../unit/trading-plane/engine/harness.ts'

const anyNumber = fc.oneof(
  fc.double(),
  fc.constantFrom(0, -0, -1, 1e308, Number.NaN, Number.POSITIVE_INFINITY, 60_000),
)
const wildLevels = fc.array(fc.tuple(anyNumber, anyNumber), { maxLength: 12 })
const decimalText = fc
  .tuple(fc.bigInt(0n, 10n ** 15n - 1n), fc.stringMatching(/^\d{0,12}$/))
  .map(([whole, part]) => (part === '' ? `${whole}` : `${whole}.${part}`))

/** Whatever the socket's schema lets through. */
const wildWish = fc.record({
  instrument: fc.constantFrom(perpetual.name, option.name, 'SOL-PERPETUAL'),
  side: fc.constantFrom('buy' as const, 'sell' as const),
  amount: fc.oneof(decimalText, fc.constantFrom('0', '10', '100', '0.1')),
  limit_price: fc.option(fc.oneof(decimalText, fc.constantFrom('60000', '0.01')), {
    nil: undefined,
  }),
  contracts: fc.option(fc.integer({ min: 1, max: 1_000_000_000 }), { nil: undefined, freq: 2 }),
  order_type: fc.option(fc.constantFrom('limit' as const, 'market', 'stop_limit'), {
    nil: undefined,
  }),
  linked_order_type: fc.option(fc.constant('x'), { freq: 2 }),
  post_only: fc.boolean(),
  reduce_only: fc.boolean(),
  expected_edge_usd: fc.option(fc.oneof(decimalText, fc.constantFrom('-1', '0', '1000')), {
    nil: undefined,
  }),
})

describe('the gates, whatever comes', () => {
  test('never throw, and answer with one order or one code of the registry', () => {
    fc.assert(
      fc.property(
        wildWish,
        wildLevels,
        wildLevels,
        fc.option(anyNumber),
        fc.tuple(anyNumber, anyNumber),
        (wish, bids, asks, indexPrice, [maintenanceMargin, equity]) => {
          const bench = new EngineBench().becomeActive()
          const book = { instrument: wish.instrument, bids, asks, indexPrice }
          bench.give({ kind: 'book', book: { ...book, heardTickMs: bench.tickMs } })
          const own = { currency: 'BTC', equity, maintenanceMargin, initialMargin: 0 }
          bench.readAccount([own])
          const { limit_price: price, ...rest } = intent(wish)
          const wished = price === undefined ? rest : { ...rest, limit_price: price }
          const effects = bench.give({ kind: 'intent', intent: wished })
          const sent = ofKind(effects, 'submit').length
          const denial = denialOf(effects)
          expect(sent + Number(denial !== undefined)).toBe(1)
          if (denial !== undefined) expect(intentDenialReasons).toContain(denial)
        },
      ),
      { numRuns: 1_000 },
    )
  }, 60_000)

  test('let nothing open on an account whose use of margin is no number', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY),
        anyNumber,
        (bad, other) => {
          for (const [maintenanceMargin, equity] of [
            [bad, other],
            [Number.POSITIVE_INFINITY, bad],
          ] as const) {
            const bench = new EngineBench().becomeActive()
            bench.readAccount([{ currency: 'BTC', equity, maintenanceMargin, initialMargin: 0 }])
            expect(ofKind(bench.propose(), 'submit')).toEqual([])
          }
        },
      ),
    )
  })

  test('keep what could be held within the budget under any interleaving of ends', () => {
    const step = fc.record({
      do: fc.constantFrom('buy' as const, 'sell', 'fill', 'reject', 'doubt', 'told'),
      pick: fc.nat(20),
      size: fc.integer({ min: 1, max: 100 }),
    })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const config = { ...engineConfig, openOrdersMax: 100, intentsPerSecondMax: 1_000 }
        const bench = new EngineBench(config).becomeActive()
        const orders: { label: string; signed: number; isLive: boolean }[] = []
        let held = 0
        let trades = 0
        for (const each of steps) {
          const live = orders.filter(({ isLive }) => isLive)
          const order = live[each.pick % Math.max(1, live.length)]
          if (each.do === 'buy' || each.do === 'sell') {
            const price = each.do === 'buy' ? '59000' : '61000'
            const wish = { side: each.do, amount: String(each.size * 10), limit_price: price }
            for (const { order: sent } of ofKind(bench.propose(wish), 'submit')) {
              const signed = each.do === 'buy' ? each.size * 10 : -each.size * 10
              orders.push({ label: sent.label, signed, isLive: true })
              bench.dispatch(sent.label)
            }
          } else if (each.do === 'told') {
            const truth = { instrument: perpetual.name, averagePrice: 1, markPrice: 1 }
            bench.give({ kind: 'positions', positions: [{ ...truth, size: held }] })
          } else if (order !== undefined) {
            const { label, signed } = order
            if (each.do === 'doubt') {
              bench.give({ kind: 'place-reply', label, outcome: { kind: 'ambiguous', detail: '' } })
              continue
            }
            order.isLive = false
            if (each.do === 'reject') {
              const outcome = { kind: 'rejected', code: 1, message: '' } as const
              bench.give({ kind: 'place-reply', label, outcome })
              continue
            }
            held += signed
            trades += 1
            const side = signed > 0 ? ('buy' as const) : ('sell' as const)
            const fill = { tradeId: `t${trades}`, venueOrderId: label, label, side }
            const money = { amount: Math.abs(signed), price: 1, fee: 0, feeCurrency: 'BTC' }
            const trade = { ...fill, ...money, instrument: perpetual.name, venueMs: 0 }
            bench.give({ kind: 'trades', trades: [trade] })
          }
          const pending = orders.filter(({ isLive }) => isLive)
          const sum = (sign: number) =>
            pending.reduce((total, { signed }) => total + Math.max(0, signed * sign), 0)
          expect(Math.max(held, 0) + sum(1)).toBeLessThanOrEqual(3_000)
          expect(Math.max(-held, 0) + sum(-1)).toBeLessThanOrEqual(3_000)
        }
      }),
      { numRuns: 300 },
    )
  })
})

describe('the walk through a book', () => {
  const levels = fc
    .uniqueArray(fc.integer({ min: 1, max: 1_000 }), { minLength: 1, maxLength: 10 })
    .chain((prices) =>
      fc
        .array(fc.integer({ min: 1, max: 50 }), {
          minLength: prices.length,
          maxLength: prices.length,
        })
        .map((amounts) => {
          const rising = prices.toSorted((left, right) => left - right)
          return rising.map((price, index): Level => [price, amounts[index] ?? 1])
        }),
    )

  test('agrees with buying one by one', () => {
    fc.assert(
      fc.property(
        levels,
        fc.integer({ min: 1, max: 600 }),
        fc.nat(1_100),
        (asks, amount, limit) => {
          const units = asks.flatMap(([price, size]) => Array.from({ length: size }, () => price))
          const seen = units.slice(0, amount).filter((price) => price <= limit)
          const isDeeper = amount > units.length && (asks.at(-1)?.[0] ?? 0) <= limit
          const unseen = Array.from({ length: isDeeper ? amount - units.length : 0 }, () => limit)
          const bought = [...seen, ...unseen]
          const walk = walkBook(asks, 'buy', amount, limit)
          expect(walk?.filled).toBe(bought.length)
          const paid = bought.reduce((total, price) => total + price, 0)
          if (bought.length > 0) expect(walk?.averagePrice).toBeCloseTo(paid / bought.length, 6)
        },
      ),
      { numRuns: 500 },
    )
  })
})
