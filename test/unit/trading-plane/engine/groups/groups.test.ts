import { atomicNakedEventSchema } from '@bulkhead/shared/contracts/atomic-naked-event.ts'
import { describe, expect, test } from 'vitest'
import { during, size } from '../emergency-close/close-bench.ts'
import { future } from '../emergency-close/close-bench.ts'
import { denialOf, type EngineBench, ofKind, only, perpetual, toldStates } from '../harness.ts'
import {
  answer,
  dispatched,
  entries,
  groupDesk,
  pair,
  recordedStates,
  recordsOf,
  reject,
  sentOrders,
  sentTogether,
  strategyId,
} from './group-bench.ts'

/** A second leg on the side of the first, so that neither brings the inventory back. */
const bothBuy = { side: 'buy' as const, limit_price: '60001', fair_price: '70000' }
const opens = (bench: EngineBench) => denialOf(bench.propose({ amount: '10' }))
const bothSides = { bids: [[59_990, 1e6] as const], asks: [[59_995, 1e6] as const] }
const thin = { bids: [[59_990, 10] as const, [40_000, 1e6] as const], asks: bothSides.asks }

/** Fails the rescues of a broken group, until the first order that closes. */
function refuseRescues(bench: EngineBench, effects = bench.effects.slice(-20)) {
  let latest = effects
  for (let rescues = sentTogether(latest); rescues.length > 0; rescues = sentTogether(latest)) {
    for (const { label } of rescues) bench.dispatch(label)
    latest = rescues.flatMap((order) => answer(bench, order, 0))
  }
  return latest
}

describe('a group', () => {
  test('is recorded before any leg is handed out, and its legs go out together', () => {
    const bench = groupDesk()
    const group = pair()
    const proposed = bench.give({ kind: 'group', group })
    expect(sentOrders(proposed)).toEqual([])
    const { record } = only(proposed, 'record-group')
    expect(record).toMatchObject({ type: 'group', group_id: group.group_id })
    const effects = bench.give({
      kind: 'group-recorded',
      groupId: group.group_id,
      isRecorded: true,
    })
    const orders = sentTogether(effects)
    expect(orders).toMatchObject([
      { instrument: future.name, side: 'buy', timeInForce: 'immediate_or_cancel' },
      { instrument: perpetual.name, side: 'sell', timeInForce: 'immediate_or_cancel' },
    ])
    expect(record.type === 'group' && record.labels).toBe(
      orders.map(({ label }) => label).join(' '),
    )
    expect(ofKind(effects, 'submit')).toEqual([])
  })

  test('AT-935a: that the ledger does not take sends no leg and says so', () => {
    const bench = groupDesk()
    const group = pair()
    bench.give({ kind: 'group', group })
    const effects = bench.give({
      kind: 'group-recorded',
      groupId: group.group_id,
      isRecorded: false,
    })
    expect(sentOrders(bench.effects)).toEqual([])
    expect(toldStates(effects)).toEqual(['denied', 'denied'])
    expect(denialOf(effects)).toBe('LedgerUnavailable')
    expect(entries(effects, 'INTENT_DENIED')).toHaveLength(2)
    expect(bench.engine.view(bench.at()).liveLegs).toEqual([])
    expect(ofKind(effects, 'record')).toEqual([])
    expect(sentOrders(bench.pass(100))).toEqual([])
  })

  test('one leg of which is refused is refused whole, and leaves nothing behind', () => {
    const bench = groupDesk()
    const before = bench.engine.view(bench.at())
    const group = pair({}, { expected_edge_usd: '0' })
    const effects = bench.give({ kind: 'group', group })
    const reasons = ofKind(effects, 'tell').map(({ message }) =>
      message.type === 'outcome' ? message.reject_reason_code : undefined,
    )
    expect(reasons).toEqual(['GroupLegDenied', 'NetEdgeTooLow'])
    expect([...recordsOf(effects), ...sentOrders(effects)]).toEqual([])
    const after = bench.engine.view(bench.at())
    expect(after.liveLegs).toEqual(before.liveLegs)
    expect(after.permission).toEqual(before.permission)
    expect(ofKind(effects, 'decision').map(({ decision }) => decision.refused_by)).toEqual([
      'Group',
      'NetEdge',
    ])
    expect(ofKind(bench.give({ kind: 'group', group: pair() }), 'record-group')).toHaveLength(1)
  })

  test('is judged with the legs before it reserved', () => {
    const coin = { globalExposure: { deltaUsdMax: 900 } }
    const both = pair({}, bothBuy)
    const effects = groupDesk(coin).give({ kind: 'group', group: both })
    expect(denialOf(effects)).toBe('GroupLegDenied')
    expect(ofKind(effects, 'decision').at(-1)?.decision.refused_by).toBe('GlobalExposure')
    const roomier = groupDesk({ globalExposure: { deltaUsdMax: 1_000 } })
    expect(denialOf(roomier.give({ kind: 'group', group: both }))).toBeUndefined()
  })

  test('that was proposed is not proposed again, nor is one of its legs', () => {
    const bench = groupDesk()
    const { group } = dispatched(bench)
    expect(denialOf(bench.give({ kind: 'group', group }))).toBe('DuplicateIntent')
    const other = { ...pair(), legs: group.legs }
    expect(denialOf(bench.give({ kind: 'group', group: other }))).toBe('DuplicateIntent')
    const [leg] = group.legs
    expect(denialOf(bench.propose({ intent_id: leg?.intent_id ?? '' }))).toBe('DuplicateIntent')
  })

  test('that fills whole is Complete, and only when its last leg has ended', () => {
    const bench = groupDesk()
    const { groupId, first, second } = dispatched(bench)
    answer(bench, second, 500)
    expect(recordedStates(bench.effects, groupId)).toEqual(['Dispatched'])
    const effects = answer(bench, first, 500)
    expect(recordedStates(bench.effects, groupId)).toEqual(['Dispatched', 'Complete'])
    expect(ofKind(effects, 'tell').at(-1)?.message).toEqual({
      type: 'group',
      group_id: groupId,
      strategy_id: strategyId,
      state: 'Complete',
    })
    expect(bench.mode().mode).toBe('Active')
    expect(sentOrders(bench.pass(100))).toEqual([])
  })

  test('that may not be sent as a whole is not sent at all, and no exposure is left', () => {
    const bench = groupDesk()
    const { groupId, first, second } = dispatched(bench)
    const effects = bench.give({
      kind: 'group-withheld',
      legs: [
        { label: first.label, reason: 'GroupLegDenied' },
        { label: second.label, reason: 'RateLimitBrownout' },
      ],
    })
    expect(toldStates(effects)).toEqual(['denied', 'denied'])
    expect(recordedStates(bench.effects, groupId).at(-1)).toBe('Complete')
    expect(sentOrders(effects)).toEqual([])
  })

  test('never waits for people', () => {
    const rule = { id: 'ask', description: 'People agree to all.', scope: {}, applies_if: [] }
    const rules = [{ ...rule, kind: 'tier' as const, tier: 'T2' as const }]
    const sets = [{ id: 'main', mode: 'enforce' as const, rules }]
    const policy = { version: 'v1', sets, strategy_owners: {} }
    const bench = groupDesk({}, { policy })
    expect(denialOf(bench.give({ kind: 'group', group: pair() }))).toBe('GroupNeedsApproval')
  })
})

describe('AT-924: a group that is held', () => {
  test('for longer than it may be takes the desk out of Active until it is free', () => {
    const bench = groupDesk()
    const group = pair()
    bench.give({ kind: 'group', group })
    bench.tickMs += 10
    bench.give({ kind: 'tick' })
    expect(bench.mode().mode).toBe('Active')
    bench.tickMs += 1
    expect(bench.mode()).toMatchObject({ mode: 'ReduceOnly', riskState: 'Degraded' })
    const turns = bench.engine.view(bench.at())
    for (const _ of [1, 2, 3]) {
      expect(sentOrders(bench.pass(100))).toEqual([])
      expect(opens(bench)).toBe('TradingModeForbidsOpen')
    }
    expect(bench.engine.view(bench.at()).counters['intents_place']).toBe(
      (turns.counters['intents_place'] ?? 0) + 3,
    )
    bench.give({ kind: 'group-recorded', groupId: group.group_id, isRecorded: true })
    expect(bench.mode().mode).toBe('Active')
    expect(opens(bench)).toBeUndefined()
  })
})

describe('AT-220: the first failure', () => {
  test('of a late leg breaks the group, which was never Complete before', () => {
    const bench = groupDesk()
    const { groupId, first, second } = dispatched(bench)
    answer(bench, first, 500)
    bench.pass(100)
    expect(recordedStates(bench.effects, groupId)).toEqual(['Dispatched'])
    const effects = reject(bench, second)
    expect(recordedStates(effects, groupId)).toEqual(['MixedFailed'])
    const closing = refuseRescues(bench, effects)
    expect(sentOrders(closing)).toMatchObject([
      { instrument: future.name, side: 'sell', amount: '500', reduceOnly: true },
    ])
    answer(bench, only(closing, 'submit').order, 500)
    expect(recordedStates(bench.effects, groupId)).toEqual([
      'Dispatched',
      'MixedFailed',
      'Flattening',
      'Flattened',
    ])
  })

  test('of an early leg counts whatever the other does later', () => {
    const bench = groupDesk()
    const { groupId, first, second } = dispatched(bench)
    expect(recordedStates(reject(bench, second), groupId)).toEqual(['MixedFailed'])
    expect(bench.mode().mode).toBe('Active')
    const effects = answer(bench, first, 500)
    expect(bench.mode().mode).toBe('ReduceOnly')
    expect(sentTogether(effects)).toMatchObject([{ instrument: perpetual.name, side: 'sell' }])
    expect(recordedStates(bench.effects, groupId)).not.toContain('Complete')
  })

  test('is not taken back by evidence that comes later: whole legs are flattened too', () => {
    const bench = groupDesk({}, {})
    const { groupId, first, second } = dispatched(bench)
    reject(bench, second)
    const late = { ...second, label: second.label }
    answer(bench, late, 500)
    const effects = answer(bench, first, 500)
    expect(recordedStates(bench.effects, groupId)).toEqual([
      'Dispatched',
      'MixedFailed',
      'Flattening',
    ])
    expect(
      sentOrders(effects)
        .map(({ instrument }) => instrument)
        .toSorted(),
    ).toEqual([future.name, perpetual.name])
  })
})

describe('a broken group', () => {
  test('AT-116: opens nothing for anybody before it is neutral', () => {
    const bench = groupDesk()
    const { groupId, first, second } = dispatched(bench)
    answer(bench, first, 500)
    const broken = during(bench, () => reject(bench, second))
    expect(recordsOf(broken)).toContainEqual(
      expect.objectContaining({ type: 'group_state', group_id: groupId, state: 'MixedFailed' }),
    )
    expect(opens(bench)).toBe('TradingModeForbidsOpen')
    const closing = refuseRescues(bench, broken)
    expect(opens(bench)).toBe('TradingModeForbidsOpen')
    const { order } = only(closing, 'submit')
    bench.dispatch(order.label)
    expect(opens(bench)).toBe('TradingModeForbidsOpen')
    expect(denialOf(bench.give({ kind: 'group', group: pair() }))).toBe('TradingModeForbidsOpen')
    answer(bench, order, 500)
    expect(recordedStates(bench.effects, groupId).at(-1)).toBe('Flattened')
    expect(opens(bench)).toBeUndefined()
  })

  test('AT-117: is rescued twice at most, and flattened when it is still mixed', () => {
    const bench = groupDesk()
    const { groupId, first, second } = dispatched(bench)
    answer(bench, first, 300)
    let effects = answer(bench, second, 0)
    const rescues = []
    for (let sent = sentTogether(effects); sent.length > 0; sent = sentTogether(effects)) {
      rescues.push(sent.map(({ instrument, side, amount }) => ({ instrument, side, amount })))
      for (const { label } of sent) bench.dispatch(label)
      effects = sent.flatMap((order) => answer(bench, order, 0))
    }
    const missing = [
      { instrument: future.name, side: 'buy', amount: '200' },
      { instrument: perpetual.name, side: 'sell', amount: '500' },
    ]
    expect(rescues).toEqual([missing, missing])
    const { order } = only(effects, 'submit')
    expect(order).toMatchObject({ instrument: future.name, side: 'sell', amount: '300' })
    bench.dispatch(order.label)
    answer(bench, order, 300)
    expect(recordedStates(bench.effects, groupId).at(-1)).toBe('Flattened')
    expect(bench.engine.view(bench.at()).mode.mode).toBe('Active')
  })

  test('is Complete once a rescue has made it whole', () => {
    const bench = groupDesk()
    const { groupId, first, second } = dispatched(bench)
    answer(bench, first, 500)
    const [rescue] = sentTogether(reject(bench, second))
    if (rescue === undefined) throw new Error('a rescue is sent')
    bench.dispatch(rescue.label)
    expect(bench.engine.judgeDispatch(rescue.label, bench.at())).toBeNull()
    expect(opens(bench)).toBe('TradingModeForbidsOpen')
    answer(bench, rescue, 500)
    expect(recordedStates(bench.effects, groupId).at(-1)).toBe('Complete')
    expect(bench.engine.view(bench.at()).nakedEventsIn24h).toBe(0)
    expect(opens(bench)).toBeUndefined()
  })

  test('AT-283: is rescued two ticks beyond the best price, a buyer above, a seller below', () => {
    const bench = groupDesk()
    bench.depth({ bids: [[59_999.5, 1e6]], asks: [[60_000.5, 1e6]] })
    const { first, second } = dispatched(bench)
    answer(bench, first, 300)
    const rescues = sentTogether(answer(bench, second, 0))
    expect(rescues.map(({ side, price }) => ({ side, price }))).toEqual([
      { side: 'buy', price: '59996' },
      { side: 'sell', price: '59998.5' },
    ])
  })

  const costly = [{ ...perpetual, takerFeeRate: 5, makerFeeRate: 5 }, future]
  test.each([
    [
      'Liquidity',
      (bench: EngineBench) =>
        bench.depth({
          bids: [
            [59_999.5, 10],
            [59_998.5, 1e6],
          ],
          asks: [[60_000.5, 1e6]],
        }),
    ],
    ['Price', (bench: EngineBench) => bench.depth({ bids: [], asks: [] })],
    ['NetEdge', (bench: EngineBench) => bench.give({ kind: 'instruments', instruments: costly })],
    ['TradingMode', (bench: EngineBench) => bench.readSafety({ isSafetyReady: false })],
  ])('AT-936: that %s would not let be rescued is closed at once', (gate, worsen) => {
    const bench = groupDesk({ liquidity: { slippageBpsMax: 0.1 } })
    const wish = gate === 'NetEdge' ? bothBuy : {}
    const { groupId, first, second } = dispatched(bench, pair({}, wish))
    answer(bench, first, 500)
    worsen(bench)
    const effects = reject(bench, second)
    expect(sentTogether(effects)).toEqual([])
    expect(entries(effects, 'GROUP_RESCUE_REFUSED')).toHaveLength(1)
    expect(ofKind(effects, 'decision').at(-1)?.decision.refused_by).toBe(gate)
    expect(only(effects, 'submit').order).toMatchObject({
      instrument: future.name,
      side: 'sell',
      reduceOnly: true,
    })
    expect(recordedStates(effects, groupId)).toEqual(['MixedFailed', 'Flattening'])
  })

  test('AT-118, AT-235: closes in bounded attempts as the book thins, then hedges', () => {
    const bench = groupDesk()
    const other = { ...future, name: 'BTC-25JUN27' }
    bench.give({ kind: 'instruments', instruments: [perpetual, future, other] })
    const positions = [size(perpetual.name, 1_100), size(other.name, -1_100)]
    bench.give({ kind: 'positions', positions })
    const { groupId, first, second } = dispatched(bench)
    answer(bench, first, 500)
    bench.depth(thin, future.name)
    let effects = refuseRescues(bench, reject(bench, second))
    const sent = []
    while (ofKind(effects, 'submit').length > 0) {
      const { order } = only(effects, 'submit')
      bench.dispatch(order.label)
      expect(bench.mode()).toMatchObject({ mode: 'ReduceOnly', riskState: 'Degraded' })
      expect(opens(bench)).toBe('TradingModeForbidsOpen')
      expect(order).toMatchObject({ side: 'sell', reduceOnly: true })
      sent.push(order.instrument)
      effects = answer(bench, order, order.instrument === perpetual.name ? 500 : 0)
    }
    expect(sent).toEqual([future.name, future.name, future.name, perpetual.name])
    const [event] = entries(bench.effects, 'ATOMIC_NAKED_EVENT')
    expect(event?.fields).toMatchObject({
      exposure_usd_before: '500.00',
      exposure_usd_after: '0.00',
      close_attempts: '3',
      hedge_used: 'true',
      is_neutral: 'true',
      cause: 'hedge_fallback',
    })
    expect(recordedStates(bench.effects, groupId).at(-1)).toBe('Flattened')
    const held = bench.effects
      .flatMap((effect) => (effect.kind === 'tell' ? [effect.message] : []))
      .flatMap((message) => (message.type === 'fill' ? [message] : []))
    const delta = held.reduce((sum, fill) => sum + (fill.side === 'buy' ? 1 : -1) * fill.amount, 0)
    expect(delta).toBe(0)
  })

  test('that could not be closed nor hedged keeps the desk at ReduceOnly and tries again', () => {
    const bench = groupDesk()
    const { groupId, first, second } = dispatched(bench)
    answer(bench, first, 500)
    let effects = refuseRescues(bench, reject(bench, second))
    while (ofKind(effects, 'submit').length > 0) {
      const { order } = only(effects, 'submit')
      bench.dispatch(order.label)
      effects = answer(bench, order, 0)
    }
    expect(entries(bench.effects, 'ATOMIC_NAKED_EVENT')[0]?.fields).toMatchObject({
      is_neutral: 'false',
      cause: 'emergency_close_exhausted',
    })
    expect(recordedStates(bench.effects, groupId).at(-1)).toBe('Flattening')
    expect(bench.mode().mode).toBe('ReduceOnly')
    expect(sentOrders(bench.pass(29_000))).toEqual([])
    const again = during(bench, () => bench.pass(1_000))
    const { order } = only(again, 'submit')
    bench.dispatch(order.label)
    answer(bench, order, 500)
    expect(recordedStates(bench.effects, groupId).at(-1)).toBe('Flattened')
    expect(entries(bench.effects, 'ATOMIC_NAKED_EVENT')).toHaveLength(1)
    expect(bench.pass(100) && bench.mode().mode).toBe('Active')
  })

  test('AT-211: gives one account of itself, with every field that the contract demands', () => {
    const bench = groupDesk()
    const { groupId, first, second } = dispatched(bench)
    answer(bench, first, 500)
    const closing = refuseRescues(bench, reject(bench, second))
    const { order } = only(closing, 'submit')
    bench.dispatch(order.label)
    bench.tickMs += 240
    answer(bench, order, 500)
    bench.pass(100)
    const records = recordsOf(bench.effects).filter(({ type }) => type === 'naked')
    expect(records).toHaveLength(1)
    const { type: _naked, ...event } = records[0] ?? { type: 'naked' }
    expect(atomicNakedEventSchema.parse(event)).toEqual({
      group_id: groupId,
      strategy_id: strategyId,
      incident_ts_ms: expect.any(Number) as number,
      exposure_usd_before: 500,
      exposure_usd_after: 0,
      time_to_delta_neutral_ms: 240,
      close_attempts: 1,
      hedge_used: false,
      is_neutral: true,
      cause: 'atomic_legging_failure',
      trading_mode_at_event: 'ReduceOnly',
    })
    const told = entries(bench.effects, 'ATOMIC_NAKED_EVENT')
    expect(told).toHaveLength(1)
    expect(told[0]?.fields).toMatchObject({
      group_id: groupId,
      time_to_delta_neutral_ms: '240',
      exposure_usd_before: '500.00',
    })
    expect(bench.engine.view(bench.at()).nakedEventsIn24h).toBe(1)
    bench.pass(86_400_000)
    expect(bench.engine.view(bench.at()).nakedEventsIn24h).toBe(0)
  })

  test('AT-328: is neutral within a second at a venue that takes 300 ms to answer', () => {
    const bench = groupDesk()
    const { first, second } = dispatched(bench)
    const roundTripMs = 300
    answer(bench, first, 500)
    bench.tickMs += roundTripMs
    let effects = reject(bench, second)
    const brokenTickMs = bench.tickMs
    for (let sent = sentOrders(effects); sent.length > 0; sent = sentOrders(effects)) {
      for (const { label } of sent) bench.dispatch(label)
      bench.pass(roundTripMs)
      effects = sent.flatMap((order) =>
        answer(bench, order, order.reduceOnly ? Number(order.amount) : 0),
      )
    }
    expect(bench.tickMs - brokenTickMs).toBeLessThanOrEqual(1_000)
    expect(entries(bench.effects, 'ATOMIC_NAKED_EVENT')[0]?.fields).toMatchObject({
      exposure_usd_after: '0.00',
      is_neutral: 'true',
    })
  })

  test('that traded nothing has nothing to account for and stops nobody', () => {
    const bench = groupDesk()
    const { groupId, first, second } = dispatched(bench)
    answer(bench, first, 0)
    expect(bench.mode().mode).toBe('Active')
    answer(bench, second, 0)
    expect(recordedStates(bench.effects, groupId).at(-1)).toBe('Flattened')
    expect(entries(bench.effects, 'ATOMIC_NAKED_EVENT')).toEqual([])
    expect(sentOrders(bench.pass(100))).toEqual([])
  })

  test('waits for an order in doubt, at ReduceOnly, and sends nothing meanwhile', () => {
    const bench = groupDesk()
    const { groupId, first, second } = dispatched(bench)
    const { label } = second
    bench.give({ kind: 'place-reply', label, outcome: { kind: 'ambiguous', detail: '' } })
    expect(bench.mode().mode).toBe('ReduceOnly')
    expect(sentOrders(answer(bench, first, 500))).toEqual([])
    expect(sentOrders(bench.pass(1_000))).toEqual([])
    bench.pass(3_000)
    const effects = bench.give({ kind: 'looked-up', label, orders: [] })
    expect(recordedStates(effects, groupId)).toContain('MixedFailed')
    expect(sentOrders(effects)).not.toEqual([])
  })

  test('that hears of a late fill after its end takes that back too', () => {
    const bench = groupDesk()
    const { groupId, first, second } = dispatched(bench)
    answer(bench, first, 0)
    answer(bench, second, 0)
    expect(recordedStates(bench.effects, groupId).at(-1)).toBe('Flattened')
    const effects = bench.give({
      kind: 'trades',
      trades: [
        {
          tradeId: 'late',
          venueOrderId: `v-${first.label}`,
          label: first.label,
          instrument: first.instrument,
          side: first.side,
          amount: 500,
          price: 59_995,
          fee: 0,
          feeCurrency: 'BTC',
          venueMs: 1,
        },
      ],
    })
    expect(recordedStates(bench.effects, groupId).at(-1)).toBe('Flattening')
    expect(only(effects, 'submit').order).toMatchObject({ side: 'sell', amount: '500' })
    expect(bench.mode().mode).toBe('ReduceOnly')
  })
})
