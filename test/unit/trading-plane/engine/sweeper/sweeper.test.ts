import { describe, expect, test } from 'vitest'
import type { Effect } from '@bulkhead/trading-plane/engine/effects.ts'
import type { OrdersReading } from '@bulkhead/trading-plane/engine/events.ts'
import { hash64, intent, ofKind, only, trade, venueOrder, type EngineBench } from '../harness.ts'
import { orderLabel } from '@bulkhead/trading-plane/engine/intents/label.ts'
import { closing, deskWith, expectDenied, expectSent } from '../gates/gate-bench.ts'
import { answer, untilSweep } from './sweep-bench.ts'

const sweep = (bench: EngineBench, reading: Partial<OrdersReading> = {}) => {
  untilSweep(bench)
  return answer(bench, reading)
}

const statesOf = (effects: readonly Effect[]) =>
  ofKind(effects, 'record').flatMap(({ record }) => (record.type === 'leg' ? [record.state] : []))
const fillsOf = (effects: readonly Effect[]) =>
  ofKind(effects, 'tell').filter(({ message }) => message.type === 'fill')
const logsOf = (effects: readonly Effect[]) => ofKind(effects, 'log').map(({ message }) => message)

/** Sent and without an answer. */
function inFlight(bench: EngineBench, wish = {}): string {
  const label = only(bench.propose(wish), 'submit').order.label
  bench.dispatch(label)
  return label
}

/** A label that this desk makes and that no intent of it has. */
const ghostLabel = () => {
  const { group_id: groupId } = intent()
  const identity = { instrument: 'BTC-PERPETUAL', side: 'buy', amount: '1', price: '1' } as const
  return orderLabel('quoter', { ...identity, groupId, legIndex: 0 }, hash64) ?? ''
}

describe('the sweeper', () => {
  test('asks every ten seconds of a session, and again soon when it got no answer', () => {
    const bench = deskWith()
    untilSweep(bench)
    answer(bench)
    const first = bench.tickMs
    untilSweep(bench)
    expect(bench.tickMs - first).toBe(10_000)
    expect(ofKind(bench.pass(30_000), 'sweep')).toEqual([])
    bench.give({ kind: 'sweep-failed' })
    const failed = bench.tickMs
    untilSweep(bench)
    expect(bench.tickMs - failed).toBe(1_000)
    bench.give({ kind: 'venue-lost', detail: 'cut' })
    expect(ofKind(bench.pass(60_000), 'sweep')).toEqual([])
    bench.give({ kind: 'venue-ready', cancelOnDisconnect: 'armed' })
    const ready = bench.tickMs
    untilSweep(bench)
    expect(bench.tickMs - ready).toBeLessThanOrEqual(10_100)
  })

  test('concludes nothing from a question that got no answer', () => {
    const bench = deskWith()
    const label = inFlight(bench)
    untilSweep(bench)
    const effects = bench.give({ kind: 'sweep-failed' })
    expect(effects).toEqual([])
    expect(bench.stateOf(label)).toBe('sent')
  })

  test('AT-121: takes a fill that the session missed, and the session’s later word is ignored', () => {
    const bench = deskWith()
    const label = bench.rest({}, 'v1')
    const fill = { ...trade(label, 40), venueOrderId: 'v1' }
    const order = venueOrder({ label, venueOrderId: 'v1', filledAmount: 40 })
    const swept = sweep(bench, { trades: [fill], openOrders: [order] })
    expect(fillsOf(swept)).toHaveLength(1)
    expect(statesOf(swept).at(-1)).toBe('partly_filled')
    const replayed = bench.give({ kind: 'trades', trades: [fill] })
    expect([...ofKind(replayed, 'record'), ...fillsOf(replayed)]).toEqual([])
    expect(bench.stateOf(label)).toBe('partly_filled')
  })

  test('AT-269: updates the ledger by REST after a lost session, before the session replays', () => {
    const bench = deskWith()
    const label = bench.rest({}, 'v1')
    bench.give({ kind: 'venue-lost', detail: 'cut' })
    bench.give({ kind: 'venue-ready', cancelOnDisconnect: 'armed' })
    const fill = { ...trade(label, 100), venueOrderId: 'v1' }
    const done = venueOrder({ label, venueOrderId: 'v1', filledAmount: 100, state: 'filled' })
    const swept = sweep(bench, { trades: [fill], byLabel: new Map([[label, [done]]]) })
    const written = ofKind(swept, 'record').map(({ record }) => record)
    expect(written.filter(({ type }) => type === 'trade')).toMatchObject([{ trade_id: 't1' }])
    expect(statesOf(swept).at(-1)).toBe('filled')
    expect(bench.give({ kind: 'trades', trades: [fill] })).toEqual([])
  })

  test('AT-270: a trade that the session tells twice is taken once', () => {
    const bench = deskWith()
    const label = bench.rest({}, 'v1')
    const first = bench.give({ kind: 'trades', trades: [trade(label, 40)] })
    expect(fillsOf(first)).toHaveLength(1)
    const before = bench.engine.view(bench.at()).liveLegs
    expect(bench.give({ kind: 'trades', trades: [trade(label, 40), trade(label, 40)] })).toEqual([])
    expect(bench.engine.view(bench.at()).liveLegs).toEqual(before)
  })

  test('AT-122: cancels an order with a label of ours that no intent explains, and says so', () => {
    const bench = deskWith()
    const ghost = venueOrder({ label: ghostLabel(), venueOrderId: 'ghost' })
    const strange = venueOrder({ label: 'by hand', venueOrderId: 'other' })
    const own = bench.rest({}, 'v1')
    const swept = sweep(bench, {
      openOrders: [ghost, strange, venueOrder({ label: own, venueOrderId: 'v1' })],
    })
    const cancel = only(swept, 'cancel')
    expect(cancel.cancel).toMatchObject({ label: ghost.label, venueOrderId: 'ghost' })
    expect(cancel.audit).toMatchObject({ action: 'GHOST_ORDER_CANCELED', subject: ghost.label })
    expect(logsOf(swept)).toEqual(['GhostOrderCanceled'])
  })

  test('cancels an order that rests although its leg ended, once two sweeps saw it', () => {
    const bench = deskWith()
    const label = bench.rest({}, 'v1')
    const gone = venueOrder({ label, venueOrderId: 'v1', state: 'cancelled' })
    bench.give({ kind: 'orders', orders: [gone] })
    const openOrders = [venueOrder({ label, venueOrderId: 'v1' })]
    expect(ofKind(sweep(bench, { openOrders }), 'cancel')).toEqual([])
    expect(only(sweep(bench, { openOrders }), 'cancel').cancel.venueOrderId).toBe('v1')
    expect(ofKind(sweep(bench), 'cancel')).toEqual([])
    expect(ofKind(sweep(bench, { openOrders }), 'cancel')).toEqual([])
  })

  test.each([
    ['Sent', false, 'not_placed'],
    ['Acked', true, 'cancelled'],
  ])(
    'AT-123: ends what is %s and neither open nor traded, and frees its place',
    (_, isAcked, end) => {
      const bench = deskWith({}, { openOrdersMax: 1 })
      const label = isAcked ? bench.rest({}, 'v1') : inFlight(bench)
      untilSweep(bench)
      expectDenied(bench.propose(), 'OpenOrdersAboveLimit')
      const swept = answer(bench)
      expect(statesOf(swept)).toEqual([end])
      expect(bench.stateOf(label)).toBeUndefined()
      expectSent(bench.propose())
    },
  )

  test('ends nothing that traded as failed, nor what may still land', () => {
    const bench = deskWith()
    const traded = inFlight(bench)
    const swept = sweep(bench, { trades: [{ ...trade(traded, 30), venueOrderId: 'v1' }] })
    expect(statesOf(swept)[0]).toBe('partly_filled')
    const late = deskWith()
    untilSweep(late)
    const label = inFlight(late)
    const effects = answer(late, { byLabel: new Map([[label, []]]) })
    expect(statesOf(effects)).toEqual([])
    expect(late.stateOf(label)).toBe('sent')
  })
})

describe('an order that grew old at the venue', () => {
  const resting = (bench: EngineBench, wish = {}, ageMs = 30_001) => {
    const label = bench.rest(wish, 'v1')
    untilSweep(bench)
    const createdMs = bench.at().nowMs - ageMs
    const reduceOnly = 'reduce_only' in wish
    return { label, openOrders: [venueOrder({ label, venueOrderId: 'v1', createdMs, reduceOnly })] }
  }

  test('AT-303: is cancelled after 30 s when it opens, and never when it is reduce-only', () => {
    const young = deskWith()
    expect(ofKind(answer(young, resting(young, {}, 30_000)), 'cancel')).toEqual([])
    const old = deskWith()
    const { label, openOrders } = resting(old)
    const swept = answer(old, { openOrders })
    expect(only(swept, 'cancel').cancel.label).toBe(label)
    expect(logsOf(swept)).toEqual(['StaleOrderCanceled'])
    const protecting = deskWith()
    const kept = resting(protecting, closing, 3_600_000)
    expect(ofKind(answer(protecting, kept), 'cancel')).toEqual([])
    expect(protecting.stateOf(kept.label)).toBe('open')
  })

  test('is dated by our own clock when the venue does not date it', () => {
    const bench = deskWith()
    const label = bench.rest({}, 'v1')
    const openOrders = [venueOrder({ label, venueOrderId: 'v1' })]
    const cancels = [1, 2, 3, 4].map(() => ofKind(sweep(bench, { openOrders }), 'cancel').length)
    expect(cancels).toEqual([0, 0, 0, 1])
  })

  test('AT-124: is cancelled and not replaced while the desk is Degraded', () => {
    const bench = deskWith()
    const { label, openOrders } = resting(bench)
    bench.give({ kind: 'trades-gap', instrument: 'BTC-PERPETUAL' })
    expect(bench.mode().riskState).toBe('Degraded')
    const swept = answer(bench, { openOrders })
    expect(only(swept, 'cancel').cancel.label).toBe(label)
    expect(ofKind(swept, 'submit')).toEqual([])
    const after = bench.pass(60_000)
    expect(ofKind(after, 'submit')).toEqual([])
  })
})

describe('an order that was sent when the session broke', () => {
  test('AT-329: is found and cancelled within ten seconds, and the ledger says what the venue says', () => {
    const bench = deskWith()
    const label = inFlight(bench)
    bench.give({ kind: 'venue-lost', detail: 'cut' })
    const outcome = { kind: 'ambiguous', detail: 'lost' } as const
    bench.give({ kind: 'place-reply', label, outcome })
    bench.pass(500)
    bench.give({ kind: 'venue-ready', cancelOnDisconnect: 'armed' })
    const readyTickMs = bench.tickMs
    // The reconciliation gets no answer, and neither does the cancel, though the venue obeys it.
    const asked = untilSweep(bench)
    const cancels = ofKind(bench.effects, 'cancel').filter(({ cancel }) => cancel.label === label)
    expect(cancels.length).toBeGreaterThan(0)
    expect(ofKind(asked, 'sweep')[0]?.targets).toEqual([{ label, currency: 'BTC' }])
    expect(bench.tickMs - readyTickMs).toBeLessThanOrEqual(10_100)
    const order = venueOrder({ label, venueOrderId: 'v1', state: 'cancelled' })
    const swept = answer(bench, { byLabel: new Map([[label, [order]]]) })
    expect(statesOf(swept)).toEqual(['cancelled'])
    expect(bench.stateOf(label)).toBeUndefined()
    const resting = venueOrder({ label, venueOrderId: 'v1' })
    expect(ofKind(sweep(bench, { openOrders: [resting] }), 'cancel')).toEqual([])
    expect(only(sweep(bench, { openOrders: [resting] }), 'cancel').cancel).toMatchObject({ label })
  })
})
