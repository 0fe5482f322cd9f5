import { describe, expect, test } from 'vitest'
import type { Effect } from '@bulkhead/trading-plane/engine/effects.ts'
import { denialOf, type EngineBench, ofKind, only, perpetual } from '../harness.ts'
import { deskWith, expectDenied, expectSent } from '../gates/gate-bench.ts'
import { called, during, entry, fill, future, roomy, size, wayOut } from './close-bench.ts'

/** A desk that holds 500 USD of the perpetual and sees no book of it. */
function blind(held = 500): EngineBench {
  const bench = deskWith({}, roomy)
  bench.give({ kind: 'instruments', instruments: [perpetual, future] })
  bench.give({ kind: 'positions', positions: [size(perpetual.name, held)] })
  bench.depth({ bids: [], asks: [] })
  return bench
}

function tell(bench: EngineBench, bestBid: number, bestAsk: number, ageMs = 0): Effect[] {
  const venueMs = bench.at().nowMs - ageMs
  const ticker = { bestBid, bestAsk, venueMs }
  return bench.give({ kind: 'ticker-read', instrument: perpetual.name, ticker })
}

describe('a close that the ordinary path refuses for want of a book', () => {
  test('AT-937: is priced from the ticker of the venue', () => {
    const bench = blind()
    const refused = bench.propose(wayOut)
    expect(denialOf(refused)).toBe('LiquidityGateNoL2')
    expect(only(refused, 'read-ticker').instrument).toBe(perpetual.name)
    expect(ofKind(refused, 'submit')).toEqual([])
    const sent = tell(bench, 59_000, 59_010)
    expect(only(sent, 'submit').order).toMatchObject({
      instrument: perpetual.name,
      side: 'sell',
      amount: '500',
      price: '58997.5',
      timeInForce: 'immediate_or_cancel',
      reduceOnly: true,
    })
    expect(bench.engine.judgeDispatch(only(sent, 'submit').order.label, bench.at())).toBe(
      'OrderUnknown',
    )
  })

  test.each([
    [
      'no answer',
      (bench: EngineBench) =>
        bench.give({ kind: 'ticker-read', instrument: perpetual.name, ticker: null }),
    ],
    ['an old ticker', (bench: EngineBench) => tell(bench, 59_000, 59_010, 1_001)],
    ['a ticker from the future', (bench: EngineBench) => tell(bench, 59_000, 59_010, -1_001)],
    ['an inverted ticker', (bench: EngineBench) => tell(bench, 59_010, 59_000)],
    ['an empty side', (bench: EngineBench) => tell(bench, 0, 59_010)],
    ['no number', (bench: EngineBench) => tell(bench, Number.NaN, 59_010)],
  ])('AT-938: with %s sends nothing and says EmergencyCloseNoPrice', (_what, answer) => {
    const bench = blind()
    bench.propose(wayOut)
    const effects = answer(bench)
    expect(ofKind(bench.effects, 'submit')).toEqual([])
    expect(only(effects, 'log')).toMatchObject({ message: 'EmergencyCloseNoPrice' })
    expect(entry(effects, 'EMERGENCY_CLOSE_REFUSED')?.fields).toMatchObject({
      reason: 'EmergencyCloseNoPrice',
    })
    expect(bench.engine.view(bench.at()).counters['denied_EmergencyCloseNoPrice']).toBe(1)
    expect(bench.pass(100)).not.toContainEqual(expect.objectContaining({ kind: 'submit' }))
  })

  test('uses the book again as soon as there is one', () => {
    const bench = blind()
    bench.propose(wayOut)
    tell(bench, 59_000, 59_010)
    const first = ofKind(bench.effects, 'submit')
    bench.book(59_500, 59_500.5)
    const second = fill(bench, first, 0)
    expect(only(second, 'submit').order.price).toBe('59495')
  })

  test('never goes beyond the limit of the strategy', () => {
    const bench = blind()
    bench.propose({ ...wayOut, limit_price: '58999' })
    expect(only(tell(bench, 59_000, 59_010), 'submit').order.price).toBe('58999')
  })

  test.each([
    ['that may rest', { time_in_force: 'good_til_cancelled' as const }, 500],
    ['on the side that is not held', { side: 'buy' as const }, 500],
    ['of nothing', {}, 0],
  ])('is not for an order %s', (_what, wish, held) => {
    const bench = blind(held)
    const effects = bench.propose({ ...wayOut, ...wish })
    expect(denialOf(effects)).toBe('LiquidityGateNoL2')
    expect(ofKind(effects, 'read-ticker')).toEqual([])
  })

  test('closes a short by buying above the ask', () => {
    const bench = blind(-500)
    bench.propose({ ...wayOut, side: 'buy', limit_price: '70000' })
    expect(only(tell(bench, 59_000, 59_010), 'submit').order).toMatchObject({
      side: 'buy',
      price: '59012.5',
    })
  })
})

describe('the attempts of an emergency close', () => {
  test('AT-316: reach five, ten and twenty ticks beyond the best price', () => {
    const bench = blind()
    bench.propose(wayOut)
    const first = tell(bench, 59_000, 59_010)
    bench.book(59_000, 59_010)
    const second = fill(bench, first, 0)
    const third = fill(bench, second, 0)
    const prices = [first, second, third].map((each) => only(each, 'submit').order.price)
    expect(prices).toEqual(['58997.5', '58995', '58990'])
  })

  test('AT-222: go out under slippage that ends an ordinary order before net edge and pricer', () => {
    const bench = blind()
    bench.propose(wayOut)
    const thin = {
      bids: [[59_000, 10] as const, [50_000, 1e6] as const],
      asks: [[59_010, 10] as const, [61_000, 1e6] as const],
    }
    expectSent(during(bench, () => bench.depth(thin)))
    for (const wish of [{ limit_price: '62000' }, { ...wayOut, limit_price: '50000' }]) {
      const refused = bench.propose(wish)
      expectDenied(refused, 'ExpectedSlippageTooHigh')
      expect(only(refused, 'log')).toMatchObject({
        message: 'LiquidityGateReject',
        fields: { slippage_bps: expect.stringMatching(/^\d/), wap: expect.stringMatching(/^\d/) },
      })
      const { passed, refused_by } = only(refused, 'decision').decision
      expect(refused_by).toBe('Liquidity')
      expect(passed).not.toContain('NetEdge')
      expect(passed).not.toContain('Price')
    }
  })

  test('AT-236: go out where the liquidity gate would refuse, and no gate is asked', () => {
    const bench = blind()
    const thin = {
      bids: [[59_000, 10] as const, [50_000, 1e6] as const],
      asks: [[59_010, 1e6] as const],
    }
    bench.propose(wayOut)
    const sent = during(bench, () => bench.depth(thin))
    expectSent(sent)
    expectDenied(bench.propose({ ...wayOut, limit_price: '50000' }), 'ExpectedSlippageTooHigh')
  })

  test('AT-327: go out where the net edge gate would refuse', () => {
    const bench = blind()
    bench.give({
      kind: 'instruments',
      instruments: [{ ...perpetual, takerFeeRate: null, makerFeeRate: null }, future],
    })
    bench.propose(wayOut)
    expectSent(tell(bench, 59_000, 59_010))
    bench.book()
    expectDenied(bench.propose({ amount: '10' }), 'NetEdgeInputMissing')
  })

  test('close what is left, end when nothing is, and give an account', () => {
    const bench = blind()
    bench.propose(wayOut)
    const first = tell(bench, 59_000, 59_010)
    bench.book(59_000, 59_010)
    const second = fill(bench, first, 300)
    expect(only(second, 'submit').order.amount).toBe('200')
    bench.tickMs += 250
    const done = fill(bench, second, 200)
    expect(ofKind(done, 'submit')).toEqual([])
    expect(entry(done, 'ATOMIC_NAKED_EVENT')?.fields).toMatchObject({
      strategy_id: 'quoter',
      exposure_usd_before: '500.00',
      exposure_usd_after: '0.00',
      time_to_delta_neutral_ms: '250',
      close_attempts: '2',
      hedge_used: 'false',
      is_neutral: 'true',
      cause: 'close_without_book',
      trading_mode_at_event: 'ReduceOnly',
    })
  })

  test('are three and no more, and nothing opens while they go on', () => {
    const bench = blind()
    bench.propose(wayOut)
    let effects = during(bench, () => bench.book(59_000, 59_010))
    expect(bench.mode()).toMatchObject({ riskState: 'Degraded', mode: 'ReduceOnly' })
    expect(denialOf(bench.propose({ amount: '10' }))).toBe('TradingModeForbidsOpen')
    let attempts = 0
    while (ofKind(effects, 'submit').length > 0) {
      attempts += 1
      effects = fill(bench, effects, 0)
    }
    expect(attempts).toBe(3)
    expect(entry(effects, 'ATOMIC_NAKED_EVENT')?.fields).toMatchObject({
      cause: 'emergency_close_exhausted',
      is_neutral: 'false',
    })
    expect(bench.mode().riskState).toBe('Healthy')
    expect(ofKind(bench.pass(100), 'submit')).toEqual([])
  })

  test('wait for an order in doubt and for a venue that is away', () => {
    const bench = blind()
    bench.propose(wayOut)
    const first = tell(bench, 59_000, 59_010)
    const { label } = only(first, 'submit').order
    bench.dispatch(label)
    bench.give({ kind: 'place-reply', label, outcome: { kind: 'ambiguous', detail: '' } })
    expect(ofKind(bench.pass(100), 'submit')).toEqual([])
    bench.give({ kind: 'venue-lost', detail: '' })
    const absent = bench.give({ kind: 'looked-up', label, orders: [] })
    expect([...ofKind(absent, 'submit'), ...ofKind(absent, 'read-ticker')]).toEqual([])
    bench.tickMs += 5_000
    bench.give({ kind: 'looked-up', label, orders: [] })
    const back = bench.give({ kind: 'venue-ready', cancelOnDisconnect: 'armed' })
    expect(only(back, 'read-ticker').instrument).toBe(perpetual.name)
  })

  test('take back a perpetual of the coin for what a future could not be rid of', () => {
    const bench = deskWith({}, roomy)
    bench.give({ kind: 'instruments', instruments: [perpetual, future] })
    const held = [size(future.name, 600), size(perpetual.name, 900)]
    bench.give({ kind: 'positions', positions: held })
    bench.propose({ ...wayOut, instrument: future.name, amount: '600' })
    let effects = during(bench, () => bench.book(59_000, 59_010, future.name))
    for (const _ of [1, 2, 3]) effects = fill(bench, effects, 0)
    expect(only(effects, 'submit').order).toMatchObject({
      instrument: perpetual.name,
      side: 'sell',
      amount: '600',
      reduceOnly: true,
    })
    const done = fill(bench, effects, 600)
    expect(entry(done, 'ATOMIC_NAKED_EVENT')?.fields).toMatchObject({
      hedge_used: 'true',
      close_attempts: '3',
      cause: 'hedge_fallback',
    })
  })
})

describe('Kill', () => {
  test('AT-208: by margin closes what is held and sends nothing else', () => {
    const bench = deskWith({}, roomy)
    bench.give({ kind: 'positions', positions: [size(perpetual.name, 500)] })
    const resting = bench.rest()
    bench.account = called
    const effects = bench.pass(10)
    expect(bench.mode()).toMatchObject({ mode: 'Kill', reasons: ['KILL_MARGIN_MM_UTIL_CRITICAL'] })
    expect(only(effects, 'cancel').cancel.label).toBe(resting)
    expect(only(effects, 'submit').order).toMatchObject({
      side: 'sell',
      amount: '500',
      reduceOnly: true,
    })
    expect(denialOf(bench.propose({ amount: '10' }))).toMatch(/^TradePermission|TradingMode/)
    const done = fill(bench, effects, 500)
    expect(entry(done, 'ATOMIC_NAKED_EVENT')?.fields).toMatchObject({
      cause: 'kill_containment',
      trading_mode_at_event: 'Kill',
      is_neutral: 'true',
    })
    expect(ofKind(bench.pass(60_000), 'submit')).toEqual([])
  })

  test('tries again only after a pause, as long as something is held', () => {
    const bench = deskWith({}, roomy)
    bench.give({ kind: 'positions', positions: [size(perpetual.name, 500)] })
    bench.account = called
    let effects = bench.pass(10)
    for (const _ of [1, 2, 3]) effects = fill(bench, effects, 0)
    expect(ofKind(bench.pass(29_000), 'submit')).toEqual([])
    expectSent(bench.pass(1_001))
  })

  test.each(['HARD_STOP', 'EMERGENCY'] as const)(
    'by %s leaves closing to the safety plane',
    (mode) => {
      const bench = deskWith({}, roomy)
      bench.give({ kind: 'positions', positions: [size(perpetual.name, 500)] })
      bench.pass(10, { killSwitch: { mode, generation: 2 } })
      expect(bench.mode().mode).toBe('Kill')
      expect(ofKind(bench.pass(10, { killSwitch: { mode, generation: 2 } }), 'submit')).toEqual([])
    },
  )

  test('keeps a perpetual while something else of its coin is held', () => {
    const bench = deskWith({}, roomy)
    bench.give({ kind: 'instruments', instruments: [perpetual, future] })
    bench.book(59_000, 59_010, future.name)
    const held = [size(future.name, 600), size(perpetual.name, -600)]
    bench.give({ kind: 'positions', positions: held })
    bench.account = called
    const effects = bench.pass(10)
    expect(only(effects, 'submit').order.instrument).toBe(future.name)
    const after = fill(bench, effects, 600)
    expect(ofKind(after, 'submit')).toEqual([])
    expect(only(bench.pass(100), 'submit').order).toMatchObject({
      instrument: perpetual.name,
      side: 'buy',
    })
  })

  test('AT-961: goes on with one instrument when another is found to have expired', () => {
    const { bench, gone, effects } = flattenWithExpired()
    const sent = ofKind(effects, 'submit').map(({ order }) => order.instrument)
    expect(sent.toSorted()).toEqual([gone, 'ETH-24SEP27'])
    const other = only(
      effects.filter((effect) => effect.kind !== 'submit' || effect.order.instrument !== gone),
      'submit',
    ).order
    endByVenue(bench, effects, gone)
    expect(bench.mode().mode).toBe('Kill')
    bench.dispatch(other.label)
    expect(bench.engine.judgeDispatch(other.label, bench.at())).toBeNull()
    const after = fill(bench, [{ kind: 'submit', order: other } as never], 0)
    expect(only(after, 'submit').order.instrument).toBe('ETH-24SEP27')
    expect(entry(bench.effects, 'INSTRUMENT_EXPIRED')?.subject).toBe(gone)
  })

  test('AT-962: leaves an expired instrument alone once nothing of it is held', () => {
    const { bench, gone, effects } = flattenWithExpired()
    endByVenue(bench, effects, gone)
    const held = [size('ETH-24SEP27', 600)]
    const others = ofKind(effects, 'submit').filter(({ order }) => order.instrument !== gone)
    let next: Effect[] = others
    for (const _ of [1, 2, 3]) next = fill(bench, next, 0)
    bench.reconcile({ positions: held })
    const before = bench.effects.length
    for (let minute = 0; minute < 10; minute += 1) {
      bench.give({ kind: 'positions', positions: held })
      bench.pass(60_000)
    }
    const later = bench.effects.slice(before)
    const touched = [
      ...ofKind(later, 'submit').map(({ order }) => order.instrument),
      ...ofKind(later, 'read-ticker').map(({ instrument }) => instrument),
    ]
    expect(touched).not.toContain(gone)
    expect(touched).toContain('ETH-24SEP27')
    const sold = { side: 'sell' as const, instrument: gone, limit_price: '1' }
    expect(denialOf(bench.propose(sold))).toBe('InstrumentExpiredOrDelisted')
  })
})

/** A desk in Kill with something of an expired future and something of a living one. */
function flattenWithExpired() {
  const bench = deskWith({}, roomy)
  const expired = { ...future, expirationMs: bench.at().nowMs + 100 }
  const ether = { ...future, name: 'ETH-24SEP27', currency: 'ETH' }
  bench.give({ kind: 'instruments', instruments: [perpetual, expired, ether] })
  bench.book(59_000, 59_010, expired.name)
  bench.book(3_000, 3_001, ether.name)
  bench.give({ kind: 'positions', positions: [size(expired.name, 600), size(ether.name, 600)] })
  bench.account = called
  const effects = bench.pass(1_000)
  return { bench, gone: expired.name, effects }
}

function endByVenue(bench: EngineBench, effects: readonly Effect[], instrument: string): void {
  const found = ofKind(effects, 'submit').find(({ order }) => order.instrument === instrument)
  const label = found?.order.label ?? ''
  bench.dispatch(label)
  const outcome = {
    kind: 'rejected',
    code: 11_044,
    message: 'not_open_order',
    mayMeanInstrumentGone: true,
  } as const
  bench.give({ kind: 'place-reply', label, outcome })
}
