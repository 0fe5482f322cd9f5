import { randomUUID } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import {
  active,
  denialOf,
  EngineBench,
  intent,
  ofKind,
  only,
  openOrder,
  option,
  perpetual,
  toldStates,
  trade,
  venueOrder,
} from './harness.ts'

describe('an opening intent', () => {
  test('is proposed with its exact size and price under its label when nothing forbids it', () => {
    const bench = active()
    const effects = bench.propose({ amount: '109.99', limit_price: '59000.7' })
    const { order, record, audit } = only(effects, 'submit')
    expect(order).toMatchObject({ amount: '100', price: '59000.5', reduceOnly: false })
    expect(record).toMatchObject({ type: 'intent', label: order.label, amount_steps: 10 })
    expect(audit).toMatchObject({ action: 'INTENT_RECORDED', subject: order.label })
  })

  test('AT-926: of an instrument without a grid is denied and nothing is sent', () => {
    const bench = active()
    const broken = { ...perpetual, tickSize: null }
    bench.give({ kind: 'instruments', instruments: [broken] })
    const effects = bench.propose()
    expect(denialOf(effects)).toBe('InstrumentMetadataMissing')
    expect(ofKind(effects, 'submit')).toEqual([])
  })

  test('AT-908: below the least size after quantization is denied and nothing is sent', () => {
    const effects = active().propose({ amount: '9.9' })
    expect(denialOf(effects)).toBe('TooSmallAfterQuantization')
    expect(ofKind(effects, 'submit')).toEqual([])
  })

  test('AT-928: with a hash that the ledger knows does nothing and writes nothing', () => {
    const bench = active()
    const same = intent()
    only(bench.propose(same), 'submit')
    const effects = bench.propose({ ...same, intent_id: randomUUID() })
    expect(denialOf(effects)).toBe('DuplicateIntent')
    expect([...ofKind(effects, 'submit'), ...ofKind(effects, 'record')]).toEqual([])
  })

  test('with an id that was used is denied, whatever else it says', () => {
    const bench = active()
    const first = intent()
    bench.propose(first)
    const again = bench.propose({ intent_id: first.intent_id, limit_price: '50000' })
    expect(denialOf(again)).toBe('DuplicateIntent')
  })

  test.each([
    ['OrderNotionalAboveLimit', { amount: '1010' }],
    ['PostOnlyWouldCross', { post_only: true, limit_price: '60000.5' }],
    ['PostOnlyWouldCross', { post_only: true, side: 'sell', limit_price: '59999.5' }],
    ['IntentMalformed', { limit_price: '0' }],
    ['InstrumentMetadataMissing', { instrument: 'SOL-PERPETUAL' }],
  ] as const)('is denied as %s by %o', (reason, wish) => {
    const effects = active().propose(wish)
    expect(denialOf(effects)).toBe(reason)
    expect(ofKind(effects, 'submit')).toEqual([])
  })

  test('counts orders on their way against the position limit, on its own side only', () => {
    const bench = active()
    for (const _ of [1, 2, 3]) only(bench.propose({ amount: '1000' }), 'submit')
    expect(denialOf(bench.propose({ amount: '10' }))).toBe('PendingExposureBudgetExceeded')
    only(bench.propose({ side: 'sell', amount: '10', limit_price: '61000' }), 'submit')
  })

  test('counts what is held against the position limit', () => {
    const bench = active()
    const held = { instrument: perpetual.name, averagePrice: 1, markPrice: 1 }
    bench.give({ kind: 'positions', positions: [{ ...held, size: 2_950 }] })
    expect(denialOf(bench.propose({ amount: '60' }))).toBe('PendingExposureBudgetExceeded')
    only(bench.propose({ amount: '50' }), 'submit')
  })

  test('does not count an order that can only reduce as exposure', () => {
    const bench = active()
    for (const _ of [1, 2, 3]) only(bench.propose({ amount: '1000', reduce_only: true }), 'submit')
    only(bench.propose({ amount: '1000' }), 'submit')
  })

  test('counts a fill that the position does not show yet', () => {
    const bench = active()
    const label = bench.rest({ amount: '1000' })
    bench.give({ kind: 'trades', trades: [trade(label, 1_000)] })
    for (const _ of [1, 2]) only(bench.propose({ amount: '1000' }), 'submit')
    expect(denialOf(bench.propose({ amount: '10' }))).toBe('PendingExposureBudgetExceeded')
  })

  test('measures coins at the index, and without an index not at all', () => {
    const bench = active()
    const wish = { instrument: option.name, limit_price: '0.01' }
    expect(denialOf(bench.propose({ ...wish, amount: '0.1' }))).toBe('OrderNotionalAboveLimit')
    bench.depth({ bids: [[0.01, 1]], asks: [[0.011, 1]], indexPrice: null }, option.name)
    expect(denialOf(bench.propose({ ...wish, amount: '0.1' }))).toBe('LiquidityGateNoL2')
  })

  test('finds a bounded number of live orders and of orders a second', () => {
    const bench = active({ openOrdersMax: 2 })
    bench.propose({ amount: '10' })
    bench.propose({ amount: '10' })
    expect(denialOf(bench.propose({ amount: '10' }))).toBe('OpenOrdersAboveLimit')
    const slow = active({ intentsPerSecondMax: 1 })
    slow.propose({ amount: '10' })
    expect(denialOf(slow.propose({ amount: '10' }))).toBe('IntentRateAboveLimit')
    slow.pass(1_000)
    only(slow.propose({ amount: '10' }), 'submit')
  })

  test('of an expired or inactive instrument is denied', () => {
    const bench = active()
    for (const change of [{ isActive: false }, { expirationMs: 1 }]) {
      bench.give({ kind: 'instruments', instruments: [{ ...perpetual, ...change }] })
      expect(denialOf(bench.propose())).toBe('InstrumentExpiredOrDelisted')
    }
  })

  test('leaves at most five audit entries a second behind when it is denied', () => {
    const bench = active()
    const effects = Array.from({ length: 20 }, () => bench.propose({ amount: '1' })).flat()
    expect(ofKind(effects, 'audit')).toHaveLength(5)
    expect(toldStates(effects)).toHaveLength(20)
  })
})

describe('the last word before an order leaves', () => {
  test('is no when the mode changed after the gates', () => {
    const bench = active()
    const { label } = only(bench.propose(), 'submit').order
    bench.dispatch(label)
    expect(bench.engine.judgeDispatch(label, bench.at())).toBeNull()
    bench.readSafety({ killSwitch: { mode: 'SOFT_STOP', generation: 2 } })
    expect(bench.engine.judgeDispatch(label, bench.at())).toBe('TradingModeForbidsOpen')
    const effects = bench.give({ kind: 'withheld', label, reason: 'TradingModeForbidsOpen' })
    expect(denialOf(effects)).toBe('TradingModeForbidsOpen')
    expect(ofKind(effects, 'record')[0]?.record).toMatchObject({ state: 'not_placed' })
    expect(ofKind(effects, 'audit')[0]?.record).toMatchObject({ action: 'INTENT_DENIED' })
  })

  test('needs a reading of the kill switch that is younger than 300 ms', () => {
    const bench = active()
    const { label } = only(bench.propose(), 'submit').order
    bench.dispatch(label)
    bench.tickMs += 300
    expect(bench.engine.judgeDispatch(label, bench.at())).toBeNull()
    bench.tickMs += 1
    expect(bench.engine.judgeDispatch(label, bench.at())).toBe('TradingModeForbidsOpen')
    expect(bench.mode().mode).toBe('Active')
  })

  test('is yes for an order that closes, in every mode', () => {
    const bench = active()
    bench.pass(100, { killSwitch: { mode: 'EMERGENCY', generation: 2 } })
    expect(bench.mode().mode).toBe('Kill')
    const { label } = only(bench.propose({ reduce_only: true }), 'submit').order
    bench.dispatch(label)
    expect(bench.engine.judgeDispatch(label, bench.at())).toBeNull()
  })

  test('is no for an order that was never decided on or is over', () => {
    const bench = active()
    const { label } = only(bench.propose(), 'submit').order
    expect(bench.engine.judgeDispatch(label, bench.at())).toBe('OrderUnknown')
    expect(bench.engine.judgeDispatch('nothing', bench.at())).toBe('OrderUnknown')
  })
})

describe('what the safety plane says', () => {
  test('a soft stop blocks opening, cancels what could open, and keeps what closes', () => {
    const bench = active()
    const opening = bench.rest({}, 'v1')
    const closing = bench.rest({ side: 'sell', reduce_only: true, limit_price: '61000' }, 'v2')
    const stop = { killSwitch: { mode: 'SOFT_STOP' as const, generation: 2 } }
    const effects = bench.pass(100, stop)
    expect(ofKind(effects, 'cancel').map(({ cancel }) => cancel.label)).toEqual([opening])
    expect(denialOf(bench.propose())).toBe('TradePermissionKillSwitch')
    only(bench.propose({ reduce_only: true }), 'submit')
    expect(bench.stateOf(closing)).toBe('open')
  })

  test('AT-1065: cancels of opening orders go out in batches and are repeated until the venue confirms', () => {
    const bench = active()
    const labels = ['a', 'b', 'c'].map((id) => bench.rest({ amount: '10' }, id))
    const stop = { killSwitch: { mode: 'SOFT_STOP' as const, generation: 2 } }
    const cancelled = (effects: ReturnType<EngineBench['pass']>) =>
      ofKind(effects, 'cancel').map(({ cancel }) => labels.indexOf(cancel.label))
    expect(cancelled(bench.pass(100, stop))).toEqual([0, 1])
    expect(cancelled(bench.pass(100, stop))).toEqual([2])
    expect(cancelled(bench.pass(100, stop))).toEqual([])
    expect(cancelled(bench.pass(1_000, stop))).toEqual([0, 1])
  })

  test('silence of the safety Redis closes opening after a second, a stop outlives it', () => {
    const bench = active()
    bench.tickMs += 1_000
    bench.give({ kind: 'feed-alive' })
    bench.give({ kind: 'safety', reading: null })
    expect(bench.mode().mode).toBe('Active')
    bench.tickMs += 1
    expect(bench.mode().reasons).toEqual(['REDUCEONLY_INPUT_MISSING_OR_STALE'])
    bench.readSafety({ killSwitch: { mode: 'HARD_STOP', generation: 2 } })
    bench.tickMs += 60_000
    expect(bench.mode().mode).toBe('Kill')
  })

  test('a state whose generation went back is not believed', () => {
    const bench = active()
    bench.readSafety({ killSwitch: { mode: 'HARD_STOP', generation: 5 } })
    bench.readSafety({ killSwitch: { mode: 'NORMAL', generation: 4 } })
    expect(bench.mode().mode).toBe('Kill')
    bench.readSafety({ killSwitch: { mode: 'NORMAL', generation: 6 } })
    expect(bench.mode().mode).toBe('Active')
  })

  test('a heartbeat that was found once is of unknown age', () => {
    const bench = new EngineBench()
    const heard = (safetyHeartbeat: string) => {
      bench.readSafety({ safetyHeartbeat })
      bench.give({ kind: 'feed-alive' })
      return bench.mode().reasons.includes('REDUCEONLY_INPUT_MISSING_OR_STALE')
    }
    bench.give({ kind: 'instruments', instruments: [perpetual] })
    bench.give({ kind: 'venue-ready', cancelOnDisconnect: 'armed' })
    bench.readAccount()
    bench.disk()
    bench.give({ kind: 'tick' })
    expect([heard('x'), heard('x'), heard('y')]).toEqual([true, true, false])
  })

  test('a heartbeat counts only once it was seen to change', () => {
    const bench = new EngineBench()
    const beat = (safetyHeartbeat: string) => bench.readSafety({ safetyHeartbeat })
    bench.becomeActive()
    beat('x')
    bench.tickMs += 5_001
    bench.give({ kind: 'feed-alive' })
    beat('x')
    expect(bench.mode().mode).toBe('ReduceOnly')
    beat('y')
    expect(bench.mode().mode).toBe('Active')
  })
})

describe('the open-permission latch', () => {
  const latched = () => {
    const bench = active()
    const place = intent({ reduce_only: true, side: 'sell', limit_price: '61000' })
    bench.rest(place, 'v1')
    bench.rest({ intent_id: '00000000-0000-4000-8000-000000000001' }, 'v2')
    bench.give({ kind: 'book-gap', instrument: option.name })
    expect(bench.mode().reasons).toEqual([
      'REDUCEONLY_OPEN_PERMISSION_LATCHED',
      'REDUCEONLY_RISKSTATE_DEGRADED',
    ])
    return { bench, closing: place.intent_id }
  }
  const cancelOf = (target: string) => ({
    kind: 'intent' as const,
    intent: {
      type: 'cancel' as const,
      intent_id: randomUUID(),
      strategy_id: 'quoter',
      target_intent_id: target,
    },
  })

  test('AT-010: lets nothing open, lets close and cancel, keeps protection', () => {
    const { bench, closing } = latched()
    const opening = bench.propose()
    expect(denialOf(opening)).toBe('OpenPermissionLatched')
    expect(ofKind(opening, 'submit')).toEqual([])
    only(bench.propose({ reduce_only: true }), 'submit')
    only(bench.give(cancelOf('00000000-0000-4000-8000-000000000001')), 'cancel')
    const unprotect = bench.give(cancelOf(closing))
    expect(denialOf(unprotect)).toBe('RiskIncreasingCancelReplaceForbidden')
    expect(ofKind(unprotect, 'cancel')).toEqual([])
  })

  test('AT-110: takes an order that does not say reduce-only for an opening one', () => {
    const { bench } = latched()
    for (const unclear of [undefined, null]) {
      const wish = { ...intent(), reduce_only: unclear as unknown as boolean }
      const effects = bench.give({ kind: 'intent', intent: wish })
      expect(denialOf(effects)).toBe('OpenPermissionLatched')
      expect(ofKind(effects, 'submit')).toEqual([])
    }
  })
})

describe('a fill that an order reports', () => {
  const reported = () => {
    const bench = active()
    const label = bench.rest({ amount: '100' })
    const order = venueOrder({ label, filledAmount: 100, state: 'filled' })
    bench.give({ kind: 'orders', orders: [order] })
    bench.pass(100)
    expect(bench.mode().reasons).toEqual([])
    return { bench, label }
  }

  test('asks for its trade when that does not come, and opens nothing until it is known', () => {
    const { bench, label } = reported()
    const effects = bench.pass(1_000)
    only(effects, 'reconcile')
    expect(bench.engine.view(bench.at()).openPermissionReasons).toEqual([
      'WS_TRADES_GAP_RECONCILE_REQUIRED',
    ])
    expect(denialOf(bench.propose())).toBe('OpenPermissionLatched')
    bench.reconcile()
    bench.pass(100)
    expect(denialOf(bench.propose())).toBe('OpenPermissionLatched')
    bench.pass(1_000)
    const held = { instrument: perpetual.name, size: 100, averagePrice: 1, markPrice: 1 }
    bench.reconcile({ trades: [trade(label, 100)], positions: [held] })
    bench.pass(1_000)
    only(bench.propose(), 'submit')
  })

  test('latches nothing when its trade comes within the time', () => {
    const { bench, label } = reported()
    bench.give({ kind: 'trades', trades: [trade(label, 100)] })
    bench.pass(5_000)
    expect(bench.mode().reasons).toEqual([])
    only(bench.propose(), 'submit')
  })
})

describe('an order at the venue', () => {
  test('AT-230: that fills before its acknowledgement ends filled, with both in the ledger', () => {
    const bench = active()
    const { label } = only(bench.propose(), 'submit').order
    bench.dispatch(label)
    const filled = bench.give({ kind: 'trades', trades: [trade(label, 100)] })
    const order = openOrder(label, 100)
    const reply = { kind: 'accepted' as const, order, trades: [trade(label, 100)] }
    const acked = bench.give({ kind: 'place-reply', label, outcome: reply })
    const records = [...filled, ...acked].flatMap((effect) =>
      effect.kind === 'record' ? [effect.record] : [],
    )
    expect(records.map(({ type }) => type)).toEqual(['trade', 'leg', 'leg'])
    expect(records.at(-1)).toMatchObject({ state: 'filled', venue_order_id: '1' })
    expect(ofKind(acked, 'audit')[0]?.record.action).toBe('ORDER_ACKED')
  })

  test('has its fill recorded before it is told, and told once', () => {
    const bench = active()
    const label = bench.rest({}, '1')
    const effects = bench.give({ kind: 'trades', trades: [trade(label, 40), trade(label, 40)] })
    expect(effects.map(({ kind }) => kind)).toEqual(['record', 'tell', 'record'])
    expect(bench.give({ kind: 'trades', trades: [trade(label, 40)] })).toEqual([])
  })

  test('that nobody answered for is looked up past its lease, and never sent again', () => {
    const bench = active()
    const { label } = only(bench.propose(), 'submit').order
    bench.dispatch(label, 2_000)
    const outcome = { kind: 'ambiguous', detail: 'no answer' } as const
    const doubt = bench.give({ kind: 'place-reply', label, outcome })
    expect(toldStates(doubt)).toEqual(['unknown'])
    expect(ofKind(bench.pass(2_500), 'lookup')).toEqual([])
    expect(only(bench.pass(100), 'lookup').target).toEqual({ label, currency: 'BTC' })
    bench.give({ kind: 'looked-up', label, orders: null })
    expect(bench.stateOf(label)).toBe('unknown')
    only(bench.pass(1_000), 'lookup')
    const gone = bench.give({ kind: 'looked-up', label, orders: [] })
    expect(toldStates(gone)).toEqual(['rejected'])
    expect(ofKind(bench.effects, 'submit')).toHaveLength(1)
  })

  test('that was in doubt and is found goes on living', () => {
    const bench = active()
    const { label } = only(bench.propose(), 'submit').order
    bench.dispatch(label)
    bench.give({ kind: 'place-reply', label, outcome: { kind: 'ambiguous', detail: '' } })
    bench.pass(2_600)
    const found = bench.give({ kind: 'looked-up', label, orders: [openOrder(label)] })
    expect(toldStates(found)).toEqual(['open'])
  })

  test('is cancelled when its strategy says so, also when it said so before the answer', () => {
    const bench = active()
    const place = intent()
    const { label } = only(bench.propose(place), 'submit').order
    bench.dispatch(label)
    const ids = { intent_id: randomUUID(), strategy_id: 'quoter' }
    const cancel = { type: 'cancel' as const, ...ids, target_intent_id: place.intent_id }
    expect(ofKind(bench.give({ kind: 'intent', intent: cancel }), 'cancel')).toEqual([])
    const reply = { kind: 'accepted' as const, order: openOrder(label), trades: [] }
    const acked = bench.give({ kind: 'place-reply', label, outcome: reply })
    expect(only(acked, 'cancel').cancel).toEqual({ label, currency: 'BTC', venueOrderId: '1' })
  })

  test('of another strategy, or none, is not cancelled', () => {
    const bench = active()
    const place = intent()
    bench.propose(place)
    const ids = { intent_id: randomUUID(), target_intent_id: place.intent_id }
    const foreign = { type: 'cancel' as const, strategy_id: 'other', ...ids }
    expect(denialOf(bench.give({ kind: 'intent', intent: foreign }))).toBe('OrderUnknown')
    const nothing = { ...foreign, strategy_id: 'quoter', target_intent_id: randomUUID() }
    expect(denialOf(bench.give({ kind: 'intent', intent: nothing }))).toBe('OrderUnknown')
  })

  test('that closes keeps its protection while the desk may not open', () => {
    const bench = active()
    const place = intent({ reduce_only: true })
    bench.rest(place)
    bench.pass(100, { killSwitch: { mode: 'SOFT_STOP', generation: 2 } })
    const ids = { intent_id: randomUUID(), strategy_id: 'quoter' }
    const cancel = { type: 'cancel' as const, ...ids, target_intent_id: place.intent_id }
    const effects = bench.give({ kind: 'intent', intent: cancel })
    expect(denialOf(effects)).toBe('RiskIncreasingCancelReplaceForbidden')
  })

  test('with a label of ours that nobody knows is cancelled, a foreign one is left alone', () => {
    const bench = active()
    const orphan = openOrder('s4:00000000:000000000000:0:0000000000000000')
    const effects = bench.give({ kind: 'orders', orders: [orphan, openOrder('by-hand')] })
    expect(only(effects, 'cancel').cancel.venueOrderId).toBe('1')
    expect(bench.give({ kind: 'orders', orders: [openOrder('kill-1')] })).toEqual([])
  })

  test('is looked up when its cancel is refused, because it may be over', () => {
    const bench = active()
    const label = bench.rest()
    const outcome = { kind: 'rejected', code: 11_044, message: 'not_open_order' } as const
    const effects = bench.give({ kind: 'cancel-reply', label, outcome })
    expect(only(effects, 'lookup').target.label).toBe(label)
  })

  test('ends as cancelled when both reads answer without it', () => {
    const bench = active()
    const label = bench.rest()
    bench.tickMs += 3_000
    const effects = bench.give({ kind: 'looked-up', label, orders: [] })
    expect(toldStates(effects)).toEqual(['cancelled'])
  })
})

describe('the strategies', () => {
  test('that went away leave only orders that close', () => {
    const bench = active()
    const own = bench.rest({}, 'v1')
    bench.rest({ strategy_id: 'other' }, 'v2')
    bench.rest({ reduce_only: true, side: 'sell', limit_price: '61000' }, 'v3')
    const effects = bench.give({ kind: 'strategies-gone', strategyIds: ['quoter'] })
    expect(ofKind(effects, 'cancel').map(({ cancel }) => cancel.label)).toEqual([own])
  })
})

test('the same events at the same moments give the same effects', () => {
  const run = () => {
    const bench = new EngineBench()
    const ids = { intent_id: '1', group_id: '6f9619ff-8b86-4011-b42d-00c04fc964ff' }
    bench.becomeActive()
    const { label } = only(bench.propose(ids), 'submit').order
    bench.dispatch(label)
    bench.give({ kind: 'trades', trades: [trade(label, 40)] })
    bench.pass(100, { killSwitch: { mode: 'SOFT_STOP', generation: 2 } })
    return JSON.stringify(bench.effects)
  }
  expect(run()).toBe(run())
})
