import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  closeNow,
  type HeldPosition,
  hedgedGroups,
  openDelta,
  perpetualStep,
} from '@bulkhead/safety-plane/kill-sequence/close-plan.core.ts'

const perpetual = 'BTC-PERPETUAL'
const price = 50_000

/** A book around 50,000 with either side or the mark missing, and where the mark really is. */
const market = fc.record({
  unit: fc.constantFrom('usd' as const, 'coin' as const),
  bid: fc.option(fc.integer({ min: 49_000, max: 50_000 })),
  spread: fc.integer({ min: 1, max: 1_000 }),
  hasAsk: fc.boolean(),
  hasMark: fc.boolean(),
  step: fc.constantFrom(10, 1, 0.001),
})

/** Whole hundredths of a coin: doubles would mostly be too small to trade. */
const coins = (max: number) => fc.integer({ min: -max, max }).map((hundredths) => hundredths / 100)

const positions = fc.record({
  ownCoins: fc.option(coins(500)),
  others: fc.array(fc.option(coins(300), { freq: 20 }), { maxLength: 5 }),
})

function book(given: typeof market extends fc.Arbitrary<infer T> ? T : never) {
  const { unit, bid, spread, hasAsk, hasMark } = given
  return {
    bidPrice: bid,
    askPrice: hasAsk ? 50_000 + spread : null,
    markPrice: hasMark ? price : null,
    tick: { tickSize: 0.5, steps: [] },
    amountStep: given.step,
    amountUnit: unit,
    unitSize: 1,
  }
}

function heldOf(
  given: typeof positions extends fc.Arbitrary<infer T> ? T : never,
  unit: 'usd' | 'coin',
): HeldPosition[] {
  const { ownCoins, others } = given
  const rest = others.map((delta, at) => ({ instrument: `BTC-${at}`, size: 1, delta, perpetual }))
  if (ownCoins === null || ownCoins === 0) return rest
  const size = unit === 'usd' ? ownCoins * price : ownCoins
  return [{ instrument: perpetual, size, delta: ownCoins, perpetual }, ...rest]
}

test('no order of a perpetual, filled in any part, raises the open delta or turns its sign', () => {
  let sent = 0
  fc.assert(
    fc.property(
      market,
      positions,
      fc.double({ min: 0, max: 1, noNaN: true }),
      fc.boolean(),
      fc.integer({ min: 0, max: 300_000 }),
      (given, owned, part, mayHedge, hedgeNotionalUsdMax) => {
        const held = heldOf(owned, given.unit)
        for (const group of hedgedGroups(held)) {
          const quote = book(given)
          const limits = { widenBps: 25, mayHedge, hedgeNotionalUsdMax }
          const step = perpetualStep(group, quote, limits)
          if (step.kind === 'none') continue
          sent += 1
          const { order } = step
          const filled = (order.side === 'buy' ? 1 : -1) * order.amount * part
          const ownBefore = group.own?.size ?? 0
          const ownAfter = ownBefore + filled
          const deltaFilled = given.unit === 'usd' ? filled / price : filled
          const before = openDelta(group)
          const after = before + deltaFilled
          expect(Math.abs(after)).toBeLessThanOrEqual(Math.abs(before) + 1e-9)
          expect(after * Math.sign(before)).toBeGreaterThanOrEqual(-1e-9)
          if (step.kind === 'reduce') {
            expect(Math.abs(ownAfter)).toBeLessThanOrEqual(Math.abs(ownBefore) + 1e-6)
            expect(ownAfter * Math.sign(ownBefore)).toBeGreaterThanOrEqual(-1e-6)
          } else {
            const { bidPrice, askPrice, markPrice } = quote
            const highest = Math.max(bidPrice ?? 0, askPrice ?? 0, markPrice ?? 0)
            const usdPerUnit = given.unit === 'usd' ? 1 : highest
            const usd = Math.abs(ownAfter) * usdPerUnit
            const usdBefore = Math.abs(ownBefore) * usdPerUnit
            expect(mayHedge).toBe(true)
            expect(usd).toBeLessThanOrEqual(Math.max(hedgeNotionalUsdMax, usdBefore) + 0.01)
          }
        }
      },
    ),
    { numRuns: 2_000 },
  )
  expect(sent).toBeGreaterThan(200)
})

test('hedging again and again ends, with no more than the dead band left open', () => {
  fc.assert(
    fc.property(fc.double({ min: 0.05, max: 3, noNaN: true }), fc.boolean(), (delta, isLong) => {
      const option = { instrument: 'BTC-P', size: 1, delta: isLong ? delta : -delta, perpetual }
      let size = 0
      for (let round = 0; round < 3; round += 1) {
        const own = { instrument: perpetual, size, delta: size / price, perpetual }
        const group = { perpetual, own: size === 0 ? null : own, others: [option] }
        const quote = {
          bidPrice: price,
          askPrice: price,
          markPrice: price,
          tick: { tickSize: 0.5, steps: [] },
          amountStep: 10,
          amountUnit: 'usd' as const,
          unitSize: 1,
        }
        const step = perpetualStep(group, quote, {
          widenBps: 0,
          mayHedge: true,
          hedgeNotionalUsdMax: 1_000_000,
        })
        if (step.kind === 'none') {
          expect(round).toBeGreaterThan(0)
          expect(Math.abs(openDelta(group))).toBeLessThanOrEqual(delta * 0.05 + 1e-9)
          return
        }
        size += (step.order.side === 'buy' ? 1 : -1) * step.order.amount
      }
      throw new Error('it did not end')
    }),
  )
})

test('nothing held is forgotten: it is closed at once or belongs to a group', () => {
  fc.assert(
    fc.property(positions, (owned) => {
      const held = heldOf(owned, 'usd')
      const names = new Set(closeNow(held).map(({ instrument }) => instrument))
      for (const group of hedgedGroups(held)) {
        if (group.own !== null) names.add(group.own.instrument)
      }
      expect([...names].sort()).toEqual(held.map(({ instrument }) => instrument).sort())
    }),
  )
})
