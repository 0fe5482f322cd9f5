import { describe, expect, test } from 'vitest'
import type { PlaceIntent } from '@bulkhead/shared/contracts/intents.ts'
import type { InstrumentInfo } from '@bulkhead/trading-plane/venues/port.ts'
import { type EngineBench, only, option, perpetual } from '../harness.ts'
import { closing, deskWith, expectDenied, expectSent, figuresOf } from './gate-bench.ts'

const roomy = { orderNotionalUsdMax: 1e6, positionNotionalUsdMax: 1e7 }
const linear: InstrumentInfo = {
  ...perpetual,
  name: 'BTC_USDC-PERPETUAL',
  kind: 'linear_future',
  currency: 'USDC',
  amountStep: '0.001',
  minAmount: '0.001',
  contractSize: '0.001',
}

/** 1,000 USD taken from the book: the fee is 0.5 USD, the least edge 1 USD. */
const taking: Partial<PlaceIntent> = {
  amount: '1000',
  limit_price: '60000.5',
  time_in_force: 'immediate_or_cancel',
}
const priceOf = (wish: Partial<PlaceIntent>, bench = deskWith()) =>
  only(bench.propose({ ...taking, ...wish }), 'submit').order.price
const selling: Partial<PlaceIntent> = { side: 'sell', limit_price: '59999.5' }

describe('the limit of an order that takes', () => {
  test('keeps half of the net edge where that is more than fee and least edge', () => {
    // Net edge 10 - 0.5 USD; 4.75 USD of 1,000 away from 60,300: 60,300 * 1000 / 1004.75.
    const wish = { fair_price: '60300', expected_edge_usd: '10' }
    expect(priceOf({ ...wish, limit_price: '60040' })).toBe('60014.5')
    // The other way: 59,700 * 1000 / (1000 - 4.75) = 59,984.92, up to the tick.
    const sell = { ...selling, fair_price: '59700', expected_edge_usd: '10' }
    expect(priceOf({ ...sell, limit_price: '59960' })).toBe('59985')
  })

  test('keeps fee and least edge where half of the net edge is less', () => {
    // 1.5 USD of 1,000: 60,090 * 1000 / 1001.5 = 60,000, and 59,910 * 1000 / 998.5 = 60,000.
    const wish = { expected_edge_usd: '1.6' }
    expect(priceOf({ ...wish, limit_price: '60030', fair_price: '60090' })).toBe('60000')
    expect(priceOf({ ...wish, ...selling, limit_price: '59970', fair_price: '59910' })).toBe(
      '60000',
    )
  })

  test('stays that of the strategy where it is the safer one', () => {
    const wish = { expected_edge_usd: '10' }
    expect(priceOf({ ...wish, limit_price: '60000.5', fair_price: '70000' })).toBe('60000.5')
    expect(priceOf({ ...wish, ...selling, fair_price: '50000' })).toBe('59999.5')
  })

  test('asks for the edge that the inventory asks for', () => {
    const bench = deskWith({ inventorySkew: { deltaLimits: { BTC: 10 } } }, roomy)
    const position = { instrument: perpetual.name, averagePrice: 1, markPrice: 1, size: 600_000 }
    bench.give({ kind: 'positions', positions: [position] })
    const wish = { fair_price: '60120', expected_edge_usd: '2.1' }
    // At the limit of the inventory the least edge is 1.5 USD: 60,120 * 1000 / 1002.
    expect(priceOf({ ...wish, limit_price: '60040' }, bench)).toBe('60000')
    expect(priceOf({ ...wish, limit_price: '60040' })).toBe('60029.5')
  })

  test('is in the unit of the price, for what is sized in coins too', () => {
    const bench = deskWith({}, roomy)
    bench.give({ kind: 'instruments', instruments: [perpetual, option, linear] })
    bench.book(59_999.5, 60_000.5, linear.name)
    // 0.1 coins, fee 3 USD, 4 USD in all or 40 a coin.
    const coins = { instrument: linear.name, amount: '0.1', expected_edge_usd: '4.5' }
    expect(priceOf({ ...coins, limit_price: '60030', fair_price: '60045' }, bench)).toBe('60005')
    const out = { ...coins, ...selling, fair_price: '59955' }
    expect(priceOf({ ...out, limit_price: '59970' }, bench)).toBe('59995')
    bench.depth({ bids: [[0.02, 100]], asks: [[0.0205, 100]] }, option.name)
    // One coin, fee 18 USD, 41 of the 100 USD kept: 0.000683 coins, down to the tick of 0.0005.
    const priced = { instrument: option.name, amount: '1', expected_edge_usd: '100' }
    expect(priceOf({ ...priced, limit_price: '0.022', fair_price: '0.022' }, bench)).toBe('0.021')
  })

  test('needs a fair price, for an order that opens and takes and for no other', () => {
    for (const fair_price of [undefined, '0', '0.0']) {
      const effects = deskWith().propose({ ...taking, fair_price })
      expectDenied(effects, 'NetEdgeInputMissing')
      expect(figuresOf(effects)).toMatchObject({ gate: 'NetEdge', input: 'fair_price' })
    }
    expectSent(deskWith().propose({ ...taking, fair_price: '70000' }))
    expectSent(deskWith().propose({ ...taking, time_in_force: 'good_til_cancelled' }))
    expectSent(deskWith().propose({ ...taking, ...closing }))
  })

  test('moves nothing that rests and nothing that closes, whatever its fair price', () => {
    const far = { fair_price: '1' }
    const resting = { ...taking, ...far, time_in_force: 'good_til_cancelled' as const }
    expect(priceOf(resting)).toBe('60000.5')
    expect(priceOf({ ...far, reduce_only: true, side: 'sell', limit_price: '59999.5' })).toBe(
      '59999.5',
    )
  })

  test('that is no price denies the order, and the same is sent with a sound forecast', () => {
    const nonsense = { ...selling, fair_price: '59700', expected_edge_usd: '2000.5' }
    const bench: EngineBench = deskWith()
    const effects = bench.propose({ ...taking, ...nonsense })
    expectDenied(effects, 'NetEdgeTooLow')
    expect(figuresOf(effects)).toMatchObject({ limit_price: 'unknown' })
    expectSent(bench.propose({ ...taking, ...nonsense, expected_edge_usd: '2' }))
    const below = { instrument: option.name, amount: '1', limit_price: '0.011' }
    const buy = { ...below, expected_edge_usd: '2000', fair_price: '0.0112' }
    expectDenied(
      deskWith({}, { orderNotionalUsdMax: 1e6, positionNotionalUsdMax: 1e6 }).propose({
        ...taking,
        ...buy,
      }),
      'NetEdgeTooLow',
    )
  })
})
