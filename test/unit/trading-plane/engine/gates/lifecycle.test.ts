import { randomUUID } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import type { InstrumentInfo } from '@bulkhead/trading-plane/venues/port.ts'
import {
  denialOf,
  type EngineBench,
  engineConfig,
  intent,
  ofKind,
  only,
  option,
  perpetual,
  venueOrder,
} from '../harness.ts'
import { instrumentState } from '@bulkhead/trading-plane/engine/gates/lifecycle.ts'
import { instrumentSpec } from '@bulkhead/trading-plane/engine/intents/instrument.ts'
import { createEngineState } from '@bulkhead/trading-plane/engine/state.ts'
import { closing, deskWith, expectDenied, expectSent } from './gate-bench.ts'

/** A desk on which the perpetual expires `inMs` from now. */
function expiring(inMs: number, change: Partial<InstrumentInfo> = {}) {
  const bench = deskWith()
  expire(bench, inMs, change)
  return bench
}

function expire(bench: EngineBench, inMs: number, change: Partial<InstrumentInfo> = {}): void {
  const future = { ...perpetual, kind: 'inverse_future' as const, ...change }
  const expirationMs = bench.at().nowMs + inMs
  bench.give({ kind: 'instruments', instruments: [{ ...future, expirationMs }, option] })
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
const gone = {
  kind: 'rejected',
  code: 10_020,
  message: 'invalid_or_unsupported_instrument',
  mayMeanInstrumentGone: true,
} as const

describe('an instrument near its expiry', () => {
  test('AT-950: is closed for opening thirty seconds before it, not for closing or cancelling', () => {
    const bench = deskWith()
    const place = intent({ limit_price: '58000' })
    bench.rest(place)
    expire(bench, 30_000)
    expectDenied(bench.propose(), 'InstrumentExpiredOrDelisted')
    expectSent(bench.propose(closing))
    only(bench.give(cancelOf(place.intent_id)), 'cancel')
  })

  test('has expired at the very millisecond of its end', () => {
    const bench = deskWith()
    const place = intent({ limit_price: '58000' })
    const label = bench.rest(place)
    expire(bench, 0)
    bench.give({ kind: 'cancel-reply', label, outcome: gone })
    expect(bench.stateOf(label)).toBeUndefined()
  })

  test('AT-965: is open for opening two minutes before it', () => {
    expectSent(expiring(120_000).propose())
  })

  test('is closed from the very start of the buffer on', () => {
    expectSent(expiring(60_001).propose())
    expectDenied(expiring(60_000).propose(), 'InstrumentExpiredOrDelisted')
  })

  test('is closed by the venue that calls it inactive, however long it would live', () => {
    expectDenied(expiring(1e9, { isActive: false }).propose(), 'InstrumentExpiredOrDelisted')
    expectSent(expiring(1e9, { isActive: true }).propose())
  })

  test('is closed by whichever clock says so first', () => {
    const bench = expiring(120_000)
    const ahead = { ...bench.at(), serverMs: bench.at().nowMs + 90_000 }
    const effects = bench.engine.handle({ kind: 'intent', intent: intent() }, ahead)
    expect(denialOf(effects)).toBe('InstrumentExpiredOrDelisted')
  })
})

describe('a cancel on an expired instrument', () => {
  const cancelled = () => {
    const bench = deskWith({}, { orderNotionalUsdMax: 10_000, positionNotionalUsdMax: 10_000 })
    const place = intent({ limit_price: '58000' })
    const label = bench.rest(place)
    expire(bench, -1_000)
    only(bench.give(cancelOf(place.intent_id)), 'cancel')
    const effects = bench.give({ kind: 'cancel-reply', label, outcome: gone })
    return { bench, place, label, effects }
  }

  test('AT-949: has succeeded when the venue says that the instrument is gone; others go on', () => {
    const { bench, label, effects } = cancelled()
    expect(bench.stateOf(label)).toBeUndefined()
    expect(ofKind(effects, 'tell')).toMatchObject([{ message: { state: 'cancelled' } }])
    expect(ofKind(effects, 'audit')).toMatchObject([
      { record: { action: 'INSTRUMENT_EXPIRED', subject: perpetual.name } },
    ])
    only(effects, 'reconcile')
    bench.reconcile()
    expect(bench.mode().mode).toBe('Active')
    expectSent(bench.propose({ instrument: option.name, amount: '0.1', limit_price: '0.001' }))
    expectDenied(bench.propose(), 'InstrumentExpiredOrDelisted')
  })

  test('AT-960: is nothing the second time: no cancel, no record, no error', () => {
    const { bench, place, label } = cancelled()
    const again = bench.give(cancelOf(place.intent_id))
    expect(again.map(({ kind }) => kind)).toEqual(['tell', 'decision'])
    expect(ofKind(again, 'tell')).toMatchObject([{ message: { state: 'accepted' } }])
    const repeated = bench.give({ kind: 'cancel-reply', label, outcome: gone })
    expect(repeated.map(({ kind }) => kind)).toEqual([])
  })

  test('leaves the instrument ended, whatever expiry is told of it later', () => {
    const { bench } = cancelled()
    bench.reconcile()
    expire(bench, 3_600_000)
    expectDenied(bench.propose(), 'InstrumentExpiredOrDelisted')
  })

  test('asks for one reading of the account, not for one per order', () => {
    const bench = deskWith()
    const labels = ['a', 'b'].map((id) => bench.rest({ amount: '10', limit_price: '58000' }, id))
    expire(bench, -1_000)
    const effects = labels.flatMap((label) =>
      bench.give({ kind: 'cancel-reply', label, outcome: gone }),
    )
    expect(ofKind(effects, 'reconcile')).toHaveLength(1)
    expect(bench.engine.view(bench.at()).liveLegs).toEqual([])
  })

  test('AT-966: that ends well marks nothing, nor does a refusal while it still trades', () => {
    const bench = deskWith()
    const place = intent({ limit_price: '58000' })
    const label = bench.rest(place)
    expire(bench, 3_600_000)
    bench.give(cancelOf(place.intent_id))
    const closed = { ...gone, code: 10_010, message: 'already_closed' }
    const effects = bench.give({ kind: 'cancel-reply', label, outcome: closed })
    only(effects, 'lookup')
    bench.give({ kind: 'cancel-reply', label, outcome: { kind: 'accepted', order: null } })
    expect(ofKind(bench.effects, 'audit').map(({ record }) => record.action)).not.toContain(
      'INSTRUMENT_EXPIRED',
    )
    expectSent(bench.propose())
    const over = { ...venueOrder({ label }), state: 'cancelled' as const }
    bench.give({ kind: 'orders', orders: [over] })
    expect(denialOf(bench.give(cancelOf(place.intent_id)))).toBe('OrderUnknown')
  })

  test('an order that is refused for the same reason ends, and its instrument with it', () => {
    const bench = expiring(1_000)
    const { label } = only(bench.propose(closing), 'submit').order
    bench.dispatch(label)
    bench.pass(2_000)
    const effects = bench.give({ kind: 'place-reply', label, outcome: gone })
    expect(ofKind(effects, 'tell')).toMatchObject([{ message: { state: 'rejected' } }])
    expect(bench.engine.view(bench.at()).counters['instruments_expired']).toBe(1)
  })
})

test('an instrument is soon gone until its very expiry, and expired from then on', () => {
  const spec = instrumentSpec({ ...perpetual, expirationMs: 100_000 })
  if (spec === undefined) throw new Error('no grid')
  const state = createEngineState(engineConfig)
  const stateAt = (nowMs: number, serverMs: number | null = null) =>
    instrumentState(state, spec, { nowMs, tickMs: 0, serverMs })
  expect([39_999, 40_000, 99_999, 100_000].map((nowMs) => stateAt(nowMs))).toEqual([
    'Active',
    'DelistingSoon',
    'DelistingSoon',
    'ExpiredOrDelisted',
  ])
  expect(stateAt(0, 100_000)).toBe('ExpiredOrDelisted')
})
