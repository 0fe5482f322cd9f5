import { describe, expect, test } from 'vitest'
import { type EngineBench, ofKind, only, option, perpetual } from '../harness.ts'
import { closing, deskWith, expectDenied, expectSent, figuresOf } from './gate-bench.ts'

const roomy = { orderNotionalUsdMax: 1e6, positionNotionalUsdMax: 1e7 }

/** A desk that is this many coins long, with a limit of ten; a coin is worth 60,000 USD. */
function holding(coins: number, deltaLimits: Readonly<Record<string, number>> = { BTC: 10 }) {
  const bench = deskWith({ inventorySkew: { deltaLimits } }, roomy)
  hold(bench, coins)
  return bench
}

function hold(bench: EngineBench, coins: number): void {
  const position = { instrument: perpetual.name, averagePrice: 1, markPrice: 1 }
  bench.give({ kind: 'positions', positions: [{ ...position, size: coins * 60_000 }] })
}

/** Worth `net` USD after fees; it can only rest, so there is neither fee nor slippage. */
const buy = (net: number) => ({
  post_only: true,
  limit_price: '59000',
  expected_edge_usd: String(net),
})
const sell = (net: number) => ({ ...buy(net), side: 'sell' as const, limit_price: '61000' })

describe('the inventory', () => {
  test('AT-224: near its limit refuses what adds to it and asks less of what brings it back', () => {
    expectSent(holding(0).propose(buy(1.44)))
    expectDenied(holding(9).propose(buy(1.44)), 'InventorySkew')
    expectSent(holding(9).propose(sell(1.44)))
    expectDenied(holding(0).propose(sell(0.56)), 'NetEdgeTooLow')
    expectSent(holding(9).propose(sell(0.56)))
    expectDenied(holding(9).propose(sell(0.54)), 'NetEdgeTooLow')
  })

  test('far beyond its limit asks half of what brings it back, and no less', () => {
    expectSent(holding(15).propose(sell(0.51)))
    expectDenied(holding(15).propose(sell(0.49)), 'NetEdgeTooLow')
  })

  test('that is short mirrors all of it', () => {
    expectDenied(holding(-9).propose(sell(1.44)), 'InventorySkew')
    expectSent(holding(-9).propose(buy(0.56)))
    expectDenied(holding(-9).propose(buy(0.54)), 'NetEdgeTooLow')
  })

  test('AT-281: at nine tenths of its limit asks 45 percent more', () => {
    const effects = holding(9).propose(buy(1.449))
    expectDenied(effects, 'InventorySkew')
    expect(figuresOf(effects)).toMatchObject({ edge_usd_min: '1.45', inventory_ratio: '0.9' })
    expectSent(holding(9).propose(buy(1.4501)))
  })

  const priceOf = (bench: EngineBench, wish: object) =>
    only(bench.propose(wish), 'submit').order.price
  const atAsk = { limit_price: '60000.5', expected_edge_usd: '1000' }

  test('AT-030: at its limit puts a buy three ticks below the best ask', () => {
    expect(priceOf(holding(0), atAsk)).toBe('60000.5')
    expect(priceOf(holding(10), atAsk)).toBe('59999')
  })

  test('AT-282: moves a price by three ticks at most, and away from the touch', () => {
    const moved = [0.1, 3.3, 3.4, 6.6, 6.7, 9.9, 10].map((coins) => priceOf(holding(coins), atAsk))
    expect(moved).toEqual(['60000', '60000', '59999.5', '59999.5', '59999', '59999', '59999'])
    expect(priceOf(holding(-10), { ...sell(1000), limit_price: '61000' })).toBe('61001.5')
    expect(priceOf(holding(10), sell(1000))).toBe('61000')
  })

  test.each([
    'AT-043: without a limit for its coin opens nothing',
    'AT-922: without a limit gives its code and sends nothing',
  ])('%s', () => {
    for (const limits of [{}, { ETH: 10 }]) {
      expectDenied(holding(0, limits).propose(), 'InventorySkewDeltaLimitMissing')
      expectSent(holding(0, limits).propose(closing))
    }
    expectSent(holding(0, { BTC: 10 }).propose())
  })

  test('AT-934: counts what is on its way with what is held', () => {
    const bench = holding(4)
    expectSent(bench.propose({ ...buy(1000), amount: '300000' }))
    expectDenied(bench.propose(buy(1.44)), 'InventorySkew')
    expectSent(bench.propose({ ...buy(1000), amount: '120000' }))
    expectDenied(bench.propose(buy(1000)), 'InventorySkew')
    expectSent(holding(4).propose(buy(1.44)))
  })

  test('takes orders of the other side for unfilled: they bring nothing back yet', () => {
    const bench = holding(9)
    expectSent(bench.propose({ ...sell(1000), amount: '540000' }))
    expectDenied(bench.propose(buy(1.44)), 'InventorySkew')
    const calm = holding(4)
    expectSent(calm.propose({ ...sell(1000), amount: '240000' }))
    expectSent(calm.propose(buy(1.3)))
  })

  test('leaves out orders on their way that can only close', () => {
    const bench = holding(4)
    expectSent(bench.propose({ ...buy(0), reduce_only: true, amount: '240000' }))
    expectSent(bench.propose(buy(1.3)))
    expectDenied(bench.propose({ ...buy(1.19), amount: '10' }), 'InventorySkew')
  })

  test('beyond its limit lets nothing add to it, whatever it is worth', () => {
    expectSent(holding(10).propose(buy(1_000)))
    expectDenied(holding(10.01).propose(buy(1_000)), 'InventorySkew')
    expectSent(holding(10.01).propose(sell(1_000)))
  })

  test('takes an option for as much as it could be, against the side that asks', () => {
    const bench = holding(0)
    const held = { instrument: option.name, size: 9, averagePrice: 1, markPrice: 1 }
    bench.give({ kind: 'positions', positions: [held] })
    expectDenied(bench.propose(buy(1.44)), 'InventorySkew')
    expectDenied(bench.propose(sell(1.44)), 'InventorySkew')
  })

  test('of unknown worth lets nothing open, and closing goes on', () => {
    const bench = holding(0)
    const held = { instrument: 'BTC-GONE', size: 1, averagePrice: 1, markPrice: 1 }
    bench.give({ kind: 'positions', positions: [held] })
    expectDenied(bench.propose(), 'InventorySkew')
    expectSent(bench.propose(closing))
  })

  test('does not touch the price of an order that closes', () => {
    expect(priceOf(holding(-10), { ...closing, limit_price: '61000' })).toBe('61000')
  })

  test('leaves the name of an order to its wish, so that the same wish is known again', () => {
    const bench = holding(10)
    const ids = { group_id: '6f9619ff-8b86-4011-b42d-00c04fc964ff' }
    expectSent(bench.propose({ ...buy(1_000), ...ids }))
    hold(bench, 0)
    expectDenied(bench.propose({ ...buy(1_000), ...ids }), 'DuplicateIntent')
    expect(ofKind(bench.effects, 'submit')).toHaveLength(1)
  })

  test('leaves no price below zero', () => {
    expectDenied(holding(10).propose({ ...buy(1_000), limit_price: '1.5' }), 'InventorySkew')
    expectSent(holding(10).propose({ ...buy(1_000), limit_price: '2' }))
  })
})
