import { describe, expect, test } from 'vitest'
import { intentDenialReasons } from '@bulkhead/shared/contracts/reasons/intent-denials.ts'
import { gateList } from '@bulkhead/trading-plane/engine/gates/list.ts'
import { denialOf, type EngineBench, intent, perpetual } from '../harness.ts'
import { deskWith, expectDenied, expectSent } from './gate-bench.ts'

const place = (name: string) => gateList.findIndex((entry) => entry.name === name)
const before = (first: string, second: string) => place(first) >= 0 && place(first) < place(second)

describe('the list of gates', () => {
  test('names every gate once', () => {
    const names = gateList.map(({ name }) => name)
    expect(new Set(names).size).toBe(names.length)
  })

  test('judges the wish before what would be sent', () => {
    const stages = gateList.map(({ stage }) => stage)
    expect(stages.lastIndexOf('wish')).toBeLessThan(stages.indexOf('order'))
  })

  test.each([
    ['OrderType', 'Units'],
    ['Units', 'TradePermission'],
    ['TradePermission', 'Liquidity'],
    ['Liquidity', 'NetEdge'],
    ['NetEdge', 'InventorySkew'],
    ['InventorySkew', 'MarginHeadroom'],
    ['MarginHeadroom', 'PendingExposure'],
    ['PendingExposure', 'GlobalExposure'],
    ['GlobalExposure', 'TradingMode'],
  ])('runs %s before %s', (first, second) => {
    expect(before(first, second)).toBe(true)
  })

  test('ends with the only gate that takes something', () => {
    expect(gateList.at(-1)?.name).toBe('IntentRate')
  })

  test('lets a closing order skip exactly what the contract lets it skip', () => {
    const judged = gateList.filter(({ judges }) => judges.includes('CLOSE'))
    expect(judged.map(({ name }) => name)).toEqual([
      'OrderType',
      'Units',
      'Liquidity',
      'PostOnly',
      'OpenOrders',
      'IntentRate',
    ])
    expect(gateList.every(({ judges }) => judges.includes('OPEN'))).toBe(true)
  })
})

/** One way for each gate to object that can be taken back, and the code that it objects with. */
const ways: readonly (readonly [string, (bench: EngineBench) => void, Record<string, unknown>])[] =
  [
    ['OrderTypeMarketForbidden', () => {}, { order_type: 'market' }],
    ['ContractsAmountMismatch', () => {}, { contracts: 1 }],
    ['OrderNotionalAboveLimit', () => {}, { amount: '2000' }],
    ['LiquidityGateNoL2', (bench) => bench.depth({ bids: [], asks: [] }), {}],
    ['PostOnlyWouldCross', () => {}, { post_only: true, limit_price: '60001' }],
    ['NetEdgeTooLow', () => {}, { expected_edge_usd: '0' }],
    [
      'MarginHeadroomRejectOpens',
      (bench) =>
        bench.readAccount([
          { currency: 'BTC', equity: 1, maintenanceMargin: 0.8, initialMargin: 0.8 },
        ]),
      {},
    ],
    ['TradingModeForbidsOpen', (bench) => bench.give({ kind: 'safety', reading: null }), {}],
  ]

describe('a denial', () => {
  test.each(ways)(
    'by %s leaves nothing that stands in the way of the same intent later',
    (reason, spoil, wish) => {
      const bench = deskWith()
      const same = intent()
      const state = () => {
        const { liveLegs, positions } = bench.engine.view(bench.at())
        return { liveLegs, positions }
      }
      const clean = state()
      if (reason === 'TradingModeForbidsOpen') bench.readSafety({ watchdogState: 'TRIGGERED' })
      else spoil(bench)
      const effects = bench.give({ kind: 'intent', intent: { ...same, ...wish } })
      expectDenied(effects, reason)
      expect(state()).toEqual(clean)
      expect(effects.every(({ kind }) => ['tell', 'audit', 'log', 'decision'].includes(kind))).toBe(
        true,
      )
      expect(bench.engine.view(bench.at()).counters[`denied_${reason}`]).toBe(1)
      if (reason === 'ContractsAmountMismatch') return
      bench.book()
      bench.pass(0)
      expectSent(bench.give({ kind: 'intent', intent: same }))
    },
  )

  test('AT-930: always carries a code of the registry', () => {
    const bench = deskWith()
    const resting = intent({ reduce_only: true, side: 'sell', limit_price: '61000' })
    bench.rest(resting)
    const reasons = [
      denialOf(bench.propose({ amount: '1' })),
      denialOf(bench.propose({ order_type: 'market' })),
      ...[1, 2, 3, 4].map(() => denialOf(bench.propose({ amount: '1000' }))).slice(3),
    ]
    bench.depth({ bids: [], asks: [] }, perpetual.name)
    reasons.push(denialOf(bench.propose()))
    bench.give({ kind: 'book-gap', instrument: perpetual.name })
    const ids = { intent_id: 'x', strategy_id: 'quoter', target_intent_id: resting.intent_id }
    const cancel = { type: 'cancel' as const, ...ids }
    reasons.push(denialOf(bench.give({ kind: 'intent', intent: cancel })))
    expect(reasons).toEqual([
      'TooSmallAfterQuantization',
      'OrderTypeMarketForbidden',
      'PendingExposureBudgetExceeded',
      'LiquidityGateNoL2',
      'RiskIncreasingCancelReplaceForbidden',
    ])
    for (const reason of reasons) expect(intentDenialReasons).toContain(reason)
  })
})
