import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { accountOf, NOW_MS, orderRequest, paperExchange } from '../../../support/paper-exchange.ts'
import { ofKind } from '../../../unit/trading-plane/engine/harness.ts'
import { deskWith } from '../../../unit/trading-plane/engine/gates/gate-bench.ts'

const middle = 50_000
const feeRate = 0.0005
const edgeUsdMin = 1
const onTick = (price: number) => Math.round(price * 2) / 2

/** What a trade earns in USD against the fair price, after the fee. */
function earnedUsd(side: 'buy' | 'sell', amountUsd: number, price: number, fair: number): number {
  const coins = amountUsd / price
  return coins * (side === 'buy' ? fair - price : price - fair) - amountUsd * feeRate
}

/**
 * The order that the engine would send, played against the paper venue's own matching while the
 * spread opens between the decision and the execution.
 */
test('AT-223: an order that takes a widened book fills at its limit or better and keeps the least edge', () => {
  let fills = 0
  fc.assert(
    fc.property(
      fc.record({
        side: fc.constantFrom('buy' as const, 'sell' as const),
        steps: fc.integer({ min: 10, max: 100 }),
        fairBps: fc.integer({ min: -20, max: 120 }),
        edgeBps: fc.integer({ min: 6, max: 150 }),
        reachBps: fc.integer({ min: 1, max: 200 }),
        spreadBps: fc.array(fc.integer({ min: 0, max: 90 }), { minLength: 1, maxLength: 4 }),
      }),
      ({ side, steps, fairBps, edgeBps, reachBps, spreadBps }) => {
        const away = (bps: number) => (side === 'buy' ? 1 + bps / 10_000 : 1 - bps / 10_000)
        const fair = middle * away(fairBps)
        const amount = steps * 10
        const bench = deskWith({}, { orderNotionalUsdMax: 1e6, positionNotionalUsdMax: 1e6 })
        bench.book(middle - 0.5, middle + 0.5)
        const wish = {
          side,
          amount: String(amount),
          limit_price: String(onTick(middle * away(reachBps))),
          time_in_force: 'immediate_or_cancel' as const,
          fair_price: String(onTick(fair)),
          expected_edge_usd: String((amount * edgeBps) / 10_000),
        }
        const order = ofKind(bench.propose(wish), 'submit')[0]?.order
        if (order === undefined) return
        const limit = Number(order.price)
        const kept = earnedUsd(side, amount, limit, onTick(fair))
        expect(kept).toBeGreaterThanOrEqual(edgeUsdMin - 1e-9)
        const exchange = paperExchange()
        for (const bps of spreadBps) {
          const price = onTick(middle * away(bps))
          const direction = side === 'buy' ? ('sell' as const) : ('buy' as const)
          exchange.place(
            accountOf(exchange, 'bob'),
            orderRequest({ direction, price, amount }),
            NOW_MS,
          )
        }
        const parts = { direction: side, amount, price: limit }
        const request = orderRequest({ ...parts, timeInForce: 'immediate_or_cancel' })
        const outcome = exchange.place(accountOf(exchange, 'ann'), request, NOW_MS)
        if (!outcome.ok) throw new Error(outcome.failure.message)
        for (const { print } of outcome.value.fills) {
          fills += 1
          const price = print.priceTicks * print.instrument.tickSize
          const isWorse = side === 'buy' ? price > limit : price < limit
          expect(isWorse).toBe(false)
        }
      },
    ),
    { numRuns: 300 },
  )
  expect(fills).toBeGreaterThan(10)
})
