import { createEngineState } from '@bulkhead/trading-plane/engine/state.ts'
import { netEdgeOf } from '@bulkhead/trading-plane/engine/gates/net-edge.ts'
import { instrumentSpec } from '@bulkhead/trading-plane/engine/intents/instrument.ts'
import { orderSize } from '@bulkhead/trading-plane/engine/intents/order-size.ts'
import type { PreparedIntent } from '@bulkhead/trading-plane/engine/gates/gate.ts'
import { describe, expect, test } from 'vitest'
import type { InstrumentInfo } from '@bulkhead/trading-plane/venues/port.ts'
import type { Level } from '@bulkhead/trading-plane/market-data/book.core.ts'
import { type EngineBench, engineConfig, intent, option, perpetual } from '../harness.ts'
import { closing, deskWith, expectDenied, expectSent, figuresOf } from './gate-bench.ts'

const roomy = { orderNotionalUsdMax: 1e6, positionNotionalUsdMax: 1e6 }
/** 1,000 USD taken from the book: the fee at 5 bps is 0.5 USD, the least edge 1 USD. */
const taking = { amount: '1000', limit_price: '60000.5' }

describe('the edge of an opening order', () => {
  test('AT-015: must leave the least edge after its fee', () => {
    const effects = deskWith().propose({ ...taking, expected_edge_usd: '1.49' })
    expectDenied(effects, 'NetEdgeTooLow')
    expect(figuresOf(effects)).toMatchObject({ fee_usd: '0.5', net_edge_usd: '0.99' })
    expectSent(deskWith().propose({ ...taking, expected_edge_usd: '1.5' }))
  })

  test('pays for the way through the book', () => {
    const walked = (edge: string) => {
      const bench = deskWith()
      const asks: Level[] = [
        [60_000, 500],
        [60_060, 500],
      ]
      bench.depth({ bids: [[59_990, 1e6]], asks })
      return bench.propose({ amount: '1000', limit_price: '60060', expected_edge_usd: edge })
    }
    expect(figuresOf(walked('1.99'))).toMatchObject({ slippage_usd: '0.5', net_edge_usd: '0.99' })
    expectSent(walked('2'))
  })

  test('pays the rate of a maker only when it cannot take', () => {
    const resting = { amount: '1000', limit_price: '59000', expected_edge_usd: '1' }
    expectSent(deskWith().propose({ ...resting, post_only: true }))
    expectDenied(deskWith().propose(resting), 'NetEdgeTooLow')
  })

  test('does not live on a rebate', () => {
    const bench = deskWith()
    bench.give({ kind: 'instruments', instruments: [{ ...perpetual, makerFeeRate: -0.001 }] })
    const resting = { amount: '1000', limit_price: '59000', post_only: true }
    expectDenied(bench.propose({ ...resting, expected_edge_usd: '0.9' }), 'NetEdgeTooLow')
  })

  test('AT-932: with a part of it missing is refused, nothing is assumed', () => {
    expectDenied(deskWith().propose({ expected_edge_usd: undefined }), 'NetEdgeInputMissing')
    for (const rate of ['takerFeeRate', 'makerFeeRate'] as const) {
      const bench = deskWith()
      bench.give({ kind: 'instruments', instruments: [{ ...perpetual, [rate]: null }] })
      const resting = { post_only: rate === 'makerFeeRate', limit_price: '59000' }
      const effects = bench.propose(resting)
      expectDenied(effects, 'NetEdgeInputMissing')
      expect(figuresOf(effects)).toMatchObject({ input: 'fee_usd' })
      expectSent(bench.propose({ ...resting, post_only: !resting.post_only }))
    }
  })

  test('is not asked of an order that closes', () => {
    const { expected_edge_usd: _, ...close } = { ...closing, expected_edge_usd: '0' }
    expectSent(deskWith().propose({ ...close, expected_edge_usd: undefined }))
    expectSent(deskWith().propose({ ...close, expected_edge_usd: '-100' }))
  })

  test('is measured in USD for an option that is paid in coins', () => {
    const bench = deskWith({}, roomy)
    const asks: Level[] = [
      [0.01, 0.1],
      [0.010_01, 10],
    ]
    bench.depth({ bids: [[0.009, 1]], asks, indexPrice: 60_000 }, option.name)
    const buy = { instrument: option.name, amount: '0.2', limit_price: '0.0105' }
    const figures = figuresOf(bench.propose({ ...buy, expected_edge_usd: '0' }))
    expect(figures).toMatchObject({ fee_usd: '3.6' })
    expect(Number(figures['slippage_usd'])).toBeCloseTo(0.06, 6)
  })
})

describe('fee rates that grow old', () => {
  /** A desk whose rates are `ageMs` old and whose metadata never is. */
  const aged = (ageMs: number): EngineBench => {
    const bench = deskWith()
    bench.give({ kind: 'instruments', instruments: [perpetual, option] })
    bench.pass(ageMs)
    return bench
  }
  const feeOf = (bench: EngineBench) =>
    figuresOf(bench.propose({ ...taking, expected_edge_usd: '0' }))['fee_usd']

  test('AT-318: cost a fifth more beyond 300 seconds', () => {
    expect(feeOf(aged(300_000))).toBe('0.5')
    expect(feeOf(aged(300_001))).toBe('0.6')
  })

  test('AT-320: cost the rate times 1.20 while they are soft-stale, and that can refuse', () => {
    expect(feeOf(aged(900_000))).toBe('0.6')
    expectDenied(aged(600_000).propose({ ...taking, expected_edge_usd: '1.59' }), 'NetEdgeTooLow')
    expectSent(aged(600_000).propose({ ...taking, expected_edge_usd: '1.6' }))
  })

  test('AT-319: degrade the desk and open nothing beyond 900 seconds', () => {
    expect(aged(900_000).mode()).toMatchObject({ mode: 'Active', riskState: 'Healthy' })
    const bench = aged(900_001)
    expect(bench.mode()).toMatchObject({ mode: 'ReduceOnly', riskState: 'Degraded' })
    expect(bench.mode().reasons).toContain('REDUCEONLY_FEE_MODEL_HARD_STALE')
    expectDenied(bench.propose(), 'NetEdgeInputMissing')
    expectSent(bench.propose(closing))
  })
})

test('the edge of an order tells which of its inputs is missing, asked by itself', () => {
  const state = createEngineState(engineConfig)
  const at = { nowMs: 0, tickMs: 0, serverMs: null }
  const spec = instrumentSpec(perpetual)
  if (spec === undefined) throw new Error('no grid')
  const quantized = { amount: '1000', price: '60000', amountSteps: 100, priceTicks: 120_000 }
  const size = orderSize(spec, 1_000, 60_000)
  const prepared = { intent: intent({ amount: '1000' }), spec, quantized, size } as PreparedIntent
  const noEdge = { ...prepared, intent: intent({ expected_edge_usd: undefined }) }
  const missing = (input: string) => ({ reason: 'NetEdgeInputMissing', figures: { input } })
  expect(netEdgeOf(state, noEdge, at)).toEqual(missing('expected_edge_usd'))
  expect(netEdgeOf(state, prepared, at)).toEqual(missing('fee_usd'))
  state.metadata.toldTickMs.set(perpetual.name, 0)
  expect(netEdgeOf(state, prepared, at)).toEqual(missing('expected_slippage_usd'))
})

test('the slippage of what is priced in USD and sized in coins is in USD', () => {
  const linear: InstrumentInfo = {
    ...perpetual,
    name: 'BTC_USDC-PERPETUAL',
    kind: 'linear_future',
    currency: 'USDC',
    amountStep: '0.001',
    minAmount: '0.001',
    contractSize: '0.001',
  }
  const bench = deskWith({}, roomy)
  bench.give({ kind: 'instruments', instruments: [perpetual, option, linear] })
  const asks: Level[] = [
    [60_000, 0.05],
    [60_100, 0.05],
  ]
  bench.depth({ bids: [[59_990, 1]], asks }, linear.name)
  const wish = { instrument: linear.name, amount: '0.1', limit_price: '60100' }
  const effects = bench.propose({ ...wish, expected_edge_usd: '0' })
  expectDenied(effects, 'NetEdgeTooLow')
  expect(figuresOf(effects)).toMatchObject({ slippage_usd: '5', fee_usd: '3' })
})
