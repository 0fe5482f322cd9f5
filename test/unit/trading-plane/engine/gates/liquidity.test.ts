import { randomUUID } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import type { PreparedIntent } from '@bulkhead/trading-plane/engine/gates/gate.ts'
import { walkOf } from '@bulkhead/trading-plane/engine/gates/liquidity.ts'
import type { BookView } from '@bulkhead/trading-plane/engine/state.ts'
import type { Level } from '@bulkhead/trading-plane/market-data/book.core.ts'
import { type EngineBench, intent, ofKind, only, option, perpetual } from '../harness.ts'
import { closing, deskWith, expectDenied, expectSent, figuresOf } from './gate-bench.ts'

const ask: Level = [60_000.5, 1e6]
const bid: Level = [59_999.5, 1e6]
const rejectLog = { kind: 'log', message: 'LiquidityGateReject' }

/** Ways in which a book is missing, cannot be true, or is too old. */
const blind: readonly (readonly [string, (bench: EngineBench) => void])[] = [
  ['has a gap', (bench) => bench.give({ kind: 'book-gap', instrument: perpetual.name })],
  ['has no asks', (bench) => bench.depth({ bids: [bid], asks: [] })],
  ['has no bids', (bench) => bench.depth({ bids: [], asks: [ask] })],
  ['is crossed', (bench) => bench.depth({ bids: [ask], asks: [bid] })],
  ['is locked', (bench) => bench.depth({ bids: [bid], asks: [bid] })],
  [
    'is older than a second',
    (bench) => {
      bench.tickMs += 1_001
      bench.readSafety()
    },
  ],
]

describe('a book that cannot be seen', () => {
  test.each(blind)('AT-344: opens nothing and is logged when it %s', (_how, spoil) => {
    const bench = deskWith()
    spoil(bench)
    const effects = bench.propose()
    expectDenied(effects, 'LiquidityGateNoL2')
    expect(ofKind(effects, 'log')).toMatchObject([
      { ...rejectLog, fields: { reason: 'LiquidityGateNoL2' } },
    ])
  })

  test.each(blind)('AT-909: gives its code and sends nothing when it %s', (_how, spoil) => {
    const bench = deskWith()
    expectSent(bench.propose())
    spoil(bench)
    expectDenied(bench.propose(), 'LiquidityGateNoL2')
    bench.book()
    bench.pass(0)
    if (bench.mode().mode === 'Active') expectSent(bench.propose())
  })

  test('that nobody has ever sent opens nothing', () => {
    const bench = deskWith()
    bench.give({ kind: 'instruments', instruments: [{ ...perpetual, name: 'ETH-PERPETUAL' }] })
    expectDenied(bench.propose({ instrument: 'ETH-PERPETUAL' }), 'LiquidityGateNoL2')
  })

  test.each([
    [
      'is missing',
      (bench: EngineBench) => bench.give({ kind: 'book-gap', instrument: perpetual.name }),
    ],
    ['cannot be true', (bench: EngineBench) => bench.depth({ bids: [ask], asks: [bid] })],
    [
      'is too old',
      (bench: EngineBench) => {
        bench.tickMs += 1_001
        bench.readSafety()
      },
    ],
  ])('AT-421: lets a cancel pass and no closing order when it %s', (_how, spoil) => {
    const bench = deskWith()
    const place = intent({ limit_price: '58000' })
    bench.rest(place)
    spoil(bench)
    expectDenied(bench.propose(closing), 'LiquidityGateNoL2')
    const ids = { intent_id: randomUUID(), strategy_id: 'quoter' }
    const cancel = { type: 'cancel' as const, ...ids, target_intent_id: place.intent_id }
    only(bench.give({ kind: 'intent', intent: cancel }), 'cancel')
    bench.book()
    expectSent(bench.propose(closing))
  })

  test('is trusted to the last millisecond', () => {
    const bench = deskWith()
    bench.tickMs += 1_000
    bench.readSafety()
    expectSent(bench.propose())
    bench.tickMs += 1
    expectDenied(bench.propose(), 'LiquidityGateNoL2')
  })

  test('on one side lets an order close into the other', () => {
    const bench = deskWith()
    bench.depth({ bids: [bid], asks: [] })
    expectSent(bench.propose(closing))
    expectDenied(bench.propose({ reduce_only: true }), 'LiquidityGateNoL2')
  })
})

describe('an order that would sweep the book', () => {
  const thin = (second: number): EngineBench => {
    const bench = deskWith()
    const asks: Level[] = [
      [60_000, 500],
      [second, 500],
    ]
    bench.depth({ bids: [[59_990, 1e6]], asks })
    return bench
  }
  const sweep = { amount: '1000', limit_price: '61000' }

  test('AT-317: is refused above ten basis points and sent at ten', () => {
    expectSent(thin(60_120).propose(sweep))
    const effects = thin(60_121).propose(sweep)
    expectDenied(effects, 'ExpectedSlippageTooHigh')
    const figures = { gate: 'Liquidity', wap: '60060.5', best_price: '60000' }
    expect(figuresOf(effects)).toMatchObject(figures)
    expect(ofKind(effects, 'log')).toMatchObject([{ ...rejectLog, fields: figures }])
  })

  test('is judged by what it can take: a limit near the touch, a rest, post-only all pass', () => {
    expectSent(thin(61_000).propose({ ...sweep, limit_price: '60060' }))
    expectSent(thin(61_000).propose({ ...sweep, limit_price: '59000' }))
    expectSent(thin(61_000).propose({ ...sweep, post_only: true, limit_price: '59999' }))
    expectSent(thin(61_000).propose({ ...sweep, amount: '500' }))
  })

  test('takes nothing when it can only rest, and is refused by its own gate when it would cross', () => {
    const crossing = { ...sweep, post_only: true }
    expectDenied(thin(61_000).propose(crossing), 'PostOnlyWouldCross')
    const levels: Level[] = [[60_000, 500]]
    const book = { bids: levels, asks: levels } as unknown as BookView
    const quantized = { amount: '100', price: '61000' }
    const prepared = { intent: { side: 'buy', post_only: true }, quantized }
    expect(walkOf(book, prepared as unknown as PreparedIntent)).toEqual({
      filled: 0,
      averagePrice: 60_000,
      bestPrice: 60_000,
      slippageBps: 0,
    })
  })

  test('takes the levels that nobody sees for as dear as the limit', () => {
    const bench = deskWith()
    bench.depth({ bids: [bid], asks: [[60_000.5, 500]] })
    expectSent(bench.propose({ ...sweep, limit_price: '60100' }))
    expectDenied(bench.propose(sweep), 'ExpectedSlippageTooHigh')
  })

  test('is refused before its edge is looked at', () => {
    const worthless = { ...sweep, expected_edge_usd: '-5' }
    expectDenied(thin(61_000).propose(worthless), 'ExpectedSlippageTooHigh')
    expectDenied(thin(60_000.5).propose(worthless), 'NetEdgeTooLow')
  })

  test('is refused when it closes too, while one near the touch may always close', () => {
    const bench = deskWith()
    const bids: Level[] = [
      [59_990, 10],
      [59_000, 1e6],
    ]
    bench.depth({ bids, asks: [ask] })
    const close = { ...closing, amount: '1000', limit_price: '59000' }
    expectDenied(bench.propose(close), 'ExpectedSlippageTooHigh')
    expectSent(bench.propose({ ...close, limit_price: '59931' }))
  })

  test('counts coins of an option by their own book', () => {
    const bench = deskWith({}, { orderNotionalUsdMax: 1e6, positionNotionalUsdMax: 1e6 })
    const asks: Level[] = [
      [0.01, 0.1],
      [0.02, 10],
    ]
    bench.depth({ bids: [[0.009, 1]], asks }, option.name)
    const buy = { instrument: option.name, limit_price: '0.02' }
    expectSent(bench.propose({ ...buy, amount: '0.1' }))
    expectDenied(bench.propose({ ...buy, amount: '0.2' }), 'ExpectedSlippageTooHigh')
  })
})
