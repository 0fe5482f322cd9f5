import { describe, expect, test } from 'vitest'
import { instrumentSpec } from '@bulkhead/trading-plane/engine/intents/instrument.ts'
import { orderSize } from '@bulkhead/trading-plane/engine/intents/order-size.ts'
import { only, option, perpetual } from '../harness.ts'
import { closing, deskWith, expectDenied, expectSent } from './gate-bench.ts'

const roomy = { orderNotionalUsdMax: 1e6, positionNotionalUsdMax: 1e6 }

describe('the size of an order', () => {
  test('AT-277: is one canonical amount; the rest is derived, and a contradiction is refused', () => {
    const bench = deskWith({}, roomy)
    bench.depth({ bids: [[0.01, 1e3]], asks: [[0.011, 1e3]], indexPrice: 100_000 }, option.name)
    bench.depth({ bids: [[99_999, 1e6]], asks: [[100_001, 1e6]], indexPrice: 100_000 })
    const coin = only(
      bench.propose({ instrument: option.name, amount: '0.3', limit_price: '0.001' }),
      'submit',
    )
    expect(coin.order.amount).toBe('0.3')
    expect(coin.audit.fields).toMatchObject({ qty_coin: '0.3', notional_usd: '30000' })
    expect(coin.audit.fields).not.toHaveProperty('qty_usd')
    const usd = only(bench.propose({ amount: '30000', limit_price: '90000' }), 'submit')
    expect(usd.order.amount).toBe('30000')
    const derived = { qty_coin: '0.3', notional_usd: '30000', contracts: '3000' }
    expect(usd.audit.fields).toMatchObject({ qty_usd: '30000', ...derived })
    const mismatch = { amount: '30000', contracts: 2_990, limit_price: '90000' }
    expectDenied(bench.propose(mismatch), 'ContractsAmountMismatch')
    expect(bench.mode().riskState).toBe('Degraded')
  })

  test('has no derived part where index or multiplier is not known', () => {
    const spec = instrumentSpec({ ...perpetual, contractSize: null })
    if (spec === undefined) throw new Error('no grid')
    const size = { contracts: null, qtyCoin: null, qtyUsd: 100, notionalUsd: 100 }
    expect(orderSize(spec, 100, null)).toEqual(size)
    const coin = instrumentSpec(option)
    if (coin === undefined) throw new Error('no grid')
    const blind = { contracts: null, qtyCoin: 0.3, qtyUsd: null, notionalUsd: null }
    expect(orderSize(coin, 0.3, null)).toEqual(blind)
    expect(orderSize(coin, 2, null).contracts).toBe(2)
  })
})

describe('contracts beside an amount', () => {
  test('AT-920: that differ are refused, send nothing, and degrade the desk', () => {
    const bench = deskWith()
    expect(bench.mode().riskState).toBe('Healthy')
    expectDenied(bench.propose({ amount: '100', contracts: 9 }), 'ContractsAmountMismatch')
    expect(bench.mode()).toMatchObject({ riskState: 'Degraded', mode: 'ReduceOnly' })
  })

  test('AT-280: may differ by a thousandth of the amount and not by more', () => {
    const exact = deskWith({}, roomy)
    for (const amount of ['1000', '1001', '999.01']) {
      expectSent(exact.propose({ amount, contracts: 100 }))
    }
    expectSent(exact.propose({ amount: '10000', contracts: 999 }))
    expect(exact.mode().riskState).toBe('Healthy')
    for (const amount of ['1001.1', '998.9']) {
      const bench = deskWith({}, roomy)
      expectDenied(bench.propose({ amount, contracts: 100 }), 'ContractsAmountMismatch')
      expect(bench.mode().riskState).toBe('Degraded')
    }
  })

  test('are held against the amount itself where that is small', () => {
    const linear = { ...perpetual, name: 'BTC_USDC-PERPETUAL', kind: 'linear_future' as const }
    const steps = { amountStep: '0.001', minAmount: '0.001', contractSize: '0.001' }
    const wish = { instrument: linear.name, amount: '0.1', limit_price: '59000' }
    const propose = (contracts: number) => {
      const bench = deskWith({}, roomy)
      bench.give({ kind: 'instruments', instruments: [perpetual, { ...linear, ...steps }] })
      bench.book(59_999.5, 60_000.5, linear.name)
      return bench.propose({ ...wish, contracts })
    }
    expectSent(propose(100))
    expectDenied(propose(101), 'ContractsAmountMismatch')
  })

  test('that differ refuse a closing order too, whose size is as wrong', () => {
    const wrong = { ...closing, amount: '100', contracts: 100 }
    expectDenied(deskWith().propose(wrong), 'ContractsAmountMismatch')
    expectSent(deskWith().propose({ ...wrong, contracts: 10 }))
  })

  test('cannot be shown to match without a multiplier', () => {
    const bench = deskWith()
    bench.give({ kind: 'instruments', instruments: [{ ...perpetual, contractSize: null }] })
    expectDenied(bench.propose({ amount: '100', contracts: 10 }), 'ContractsAmountMismatch')
    expectSent(deskWith().propose({ amount: '100', contracts: 10 }))
  })

  test('degrade the desk for as long as is set, and closing goes on meanwhile', () => {
    const bench = deskWith()
    bench.propose({ amount: '100', contracts: 9 })
    bench.pass(300_000)
    bench.give({ kind: 'instruments', instruments: [perpetual, option] })
    expectSent(bench.propose(closing))
    expectDenied(bench.propose(), 'TradingModeForbidsOpen')
    bench.pass(1)
    expectSent(bench.propose())
  })
})
