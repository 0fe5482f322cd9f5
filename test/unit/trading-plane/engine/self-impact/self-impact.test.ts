import { randomUUID } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { perpetual, trade, type EngineBench } from '../harness.ts'
import { closing, deskWith, expectDenied, expectSent, figuresOf } from '../gates/gate-bench.ts'

/** The figures of the contract's examples, at which this desk may hold as much as it likes. */
const limits = {
  windowMs: 10_000,
  feedAgeMsMax: 5_000,
  fractionTrip: 0.25,
  selfNotionalUsdMin: 10_000,
  notionalUsdTrip: 150_000,
}
const roomy = { orderNotionalUsdMax: 1e9, positionNotionalUsdMax: 1e9 }
const desk = (change: Partial<typeof limits> = {}) =>
  deskWith({ selfImpact: { ...limits, ...change }, globalExposure: { deltaUsdMax: 1e12 } }, roomy)

/** We bought for so many USD and the whole market, with us, traded for so many. */
function traded(bench: EngineBench, ownUsd: number, publicUsd: number, side = 'buy' as const) {
  const label = bench.rest({ amount: String(ownUsd) })
  const fill = { ...trade(label, ownUsd, randomUUID()), side, venueMs: bench.at().nowMs }
  bench.give({ kind: 'trades', trades: [fill] })
  bench.hearTrades(publicUsd)
}

/** The trades were heard of a second ago; the book is told again, as its own gate wants it. */
function aSecondLater(bench: EngineBench) {
  bench.tickMs += 1_000
  bench.readSafety()
  bench.give({ kind: 'feed-alive' })
  const level = [[59_999.5, 1e6]] as const
  const asks = [[60_000.5, 1e6]] as const
  const book = { instrument: perpetual.name, bids: level, asks, indexPrice: 60_000 }
  bench.give({ kind: 'book', book: { ...book, heardTickMs: bench.tickMs } })
}

describe('the self-impact guard', () => {
  test('AT-955: refuses to open on where we were a quarter of all that was traded', () => {
    const bench = desk()
    traded(bench, 40_000, 100_000)
    aSecondLater(bench)
    const effects = bench.propose()
    expectDenied(effects, 'FeedbackLoopGuardActive')
    expect(figuresOf(effects)).toMatchObject({
      gate: 'SelfImpact',
      rule: 'fraction',
      self_notional_usd: '40000',
      public_notional_usd: '100000',
      self_fraction: '0.4',
    })
    const alone = desk({ fractionTrip: 0.41 })
    traded(alone, 40_000, 100_000)
    aSecondLater(alone)
    expectSent(alone.propose())
  })

  test('AT-956: refuses to open on after very much of our own, however small a part it was', () => {
    const bench = desk()
    traded(bench, 200_000, 10_000_000)
    aSecondLater(bench)
    const effects = bench.propose()
    expectDenied(effects, 'FeedbackLoopGuardActive')
    expect(figuresOf(effects)).toMatchObject({ rule: 'notional', self_fraction: '0.02' })
    const alone = desk({ notionalUsdTrip: 200_001 })
    traded(alone, 200_000, 10_000_000)
    aSecondLater(alone)
    expectSent(alone.propose())
  })

  test('AT-957: lets an order pass below every limit', () => {
    const bench = desk()
    traded(bench, 20_000, 200_000)
    aSecondLater(bench)
    expectSent(bench.propose())
  })

  test.each([
    ['at the fraction', 25_000, 100_000, true],
    ['just below it', 25_000, 100_010, false],
    ['at the least that counts', 10_000, 10_000, true],
    ['just below that', 9_990, 9_990, false],
    ['at the limit of notional', 150_000, 1e9, true],
    ['just below that', 149_990, 1e9, false],
    ['where nobody else is known to have traded', 10_000, 0, true],
  ])('%s, with %i of %i USD, trips: %s', (_where, own, all, hasTripped) => {
    const bench = desk()
    traded(bench, own, all)
    const effects = bench.propose()
    if (hasTripped) expectDenied(effects, 'FeedbackLoopGuardActive')
    else expectSent(effects)
  })

  test('minds only the direction that we traded in, and never what closes', () => {
    const bench = desk()
    traded(bench, 40_000, 100_000)
    expectSent(bench.propose({ side: 'sell', limit_price: '61000' }))
    expectSent(bench.propose({ ...closing, amount: '100' }))
    expectDenied(bench.propose(), 'FeedbackLoopGuardActive')
  })

  test('then refuses this strategy, and no other, all of its kind for the cooldown', () => {
    const bench = desk()
    traded(bench, 40_000, 100_000)
    expectDenied(bench.propose(), 'FeedbackLoopGuardActive')
    bench.pass(299_000)
    const effects = bench.propose({ side: 'sell', limit_price: '61000' })
    expectDenied(effects, 'FeedbackLoopGuardActive')
    expect(figuresOf(effects)).toMatchObject({ cooldown_s: '1' })
    expectSent(bench.propose({ strategy_id: 'another' }))
    bench.pass(1_000)
    expectSent(bench.propose())
  })

  test('forgets what was traded before its window', () => {
    const bench = desk()
    traded(bench, 40_000, 40_000)
    bench.pass(10_200)
    expectSent(bench.propose())
  })

  test('dates a trade that a reconciliation found by the clock of the venue', () => {
    const bench = desk()
    const label = bench.rest({ amount: '40000' })
    const late = { ...trade(label, 40_000), venueMs: bench.at().nowMs - 10_300 }
    bench.give({ kind: 'trades', trades: [late] })
    expectSent(bench.propose())
  })

  test('shows what it looked at in every decision', () => {
    const bench = desk()
    traded(bench, 20_000, 200_000)
    aSecondLater(bench)
    const decision = bench.propose().find(({ kind }) => kind === 'decision')
    expect(decision).toMatchObject({
      decision: {
        inputs: {
          public_trades_age_ms: 1_000,
          public_notional_usd: 200_000,
          self_notional_usd: 20_000,
        },
      },
    })
  })
})

describe('public trades that are not known', () => {
  const latched = (bench: EngineBench) => bench.engine.view(bench.at()).openPermissionReasons

  test('AT-953: are no ground to judge by: the desk is Degraded and latched instead', () => {
    const bench = desk()
    traded(bench, 40_000, 100_000)
    for (let second = 0; second < 5; second += 1) aSecondLater(bench)
    expect(latched(bench)).toEqual([])
    bench.tickMs += 1
    const effects = bench.propose()
    expectDenied(effects, 'OpenPermissionLatched')
    expect(figuresOf(effects)).toEqual({
      gate: 'SelfImpact',
      public_trades_age_ms: '5001',
      reason: 'OpenPermissionLatched',
    })
    expect(latched(bench)).toEqual(['WS_TRADES_GAP_RECONCILE_REQUIRED'])
    expect(bench.mode()).toMatchObject({ mode: 'ReduceOnly', riskState: 'Degraded' })
    expect(bench.engine.view(bench.at()).counters['denied_FeedbackLoopGuardActive']).toBeUndefined()
  })

  test('keep opening shut through every reconciliation until they are known again', () => {
    const bench = desk()
    for (let second = 0; second < 6; second += 1) aSecondLater(bench)
    expectDenied(bench.propose(), 'OpenPermissionLatched')
    bench.give({ kind: 'tick' })
    bench.reconcile()
    expect(latched(bench)).toEqual(['WS_TRADES_GAP_RECONCILE_REQUIRED'])
    bench.pass(1_000)
    bench.reconcile()
    expect(latched(bench)).toEqual([])
    expectSent(bench.propose())
  })
})
