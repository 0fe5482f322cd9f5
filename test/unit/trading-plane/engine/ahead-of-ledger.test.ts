import { describe, expect, test } from 'vitest'
import type { LedgerRecord } from '@bulkhead/trading-plane/ledger/records.ts'
import { closing } from './gates/gate-bench.ts'
import {
  denialOf,
  EngineBench,
  intent,
  ofKind,
  only,
  openOrder,
  perpetual,
  trade,
} from './harness.ts'

const held = { instrument: perpetual.name, size: 500, averagePrice: 1, markPrice: 1 }

/** A wish that takes risk away, and the order that went out for it before the process died. */
function sentAhead() {
  const wish = intent(closing)
  const bench = new EngineBench().becomeActive()
  bench.give({ kind: 'positions', positions: [held] })
  const { order, record } = only(bench.propose(wish), 'submit')
  return { wish, label: order.label, record }
}

/** A new process that read these records, and then what the venue has. */
function restarted(
  records: readonly LedgerRecord[],
  venue: Parameters<EngineBench['reconcile']>[0] = {},
) {
  const bench = new EngineBench()
  bench.recover(records)
  bench.becomeActive()
  bench.pass(3_000)
  const effects = bench.reconcile({ positions: [held], ...venue })
  bench.pass(100)
  return { bench, effects }
}

describe('an order that went out before the ledger had it', () => {
  test('is known by the label of its order at the venue, and its wish is not sent again', () => {
    const { wish, label } = sentAhead()
    const order = { ...openOrder(label), reduceOnly: true }
    const { bench, effects } = restarted([], { openOrders: [order] })
    expect(only(effects, 'cancel').cancel.label).toBe(label)
    expect(denialOf(bench.propose(wish))).toBe('DuplicateIntent')
  })

  test('is known by the label of its trade, which people are told of', () => {
    const { wish, label } = sentAhead()
    const { bench, effects } = restarted([], { trades: [trade(label, 100)] })
    const codes = ofKind(effects, 'audit').map(({ record }) => record.fields?.['code'])
    expect(codes).toContain('FILL_OF_UNKNOWN_ORDER')
    expect(denialOf(bench.propose(wish))).toBe('DuplicateIntent')
  })

  test('is known by what the ledger took of it later', () => {
    const { wish, label } = sentAhead()
    const at_ms = 1
    const taken = { state: 'cancelled', traded_steps: 0, reported_steps: 0 } as const
    const later = { type: 'leg', label, ...taken, venue_order_id: null, at_ms } as const
    const { bench } = restarted([later])
    expect(denialOf(bench.propose(wish))).toBe('DuplicateIntent')
    const { bench: other } = restarted([])
    only(other.propose(wish), 'submit')
  })

  test('whose dispatch alone was lost does not rest unminded', () => {
    const { wish, label, record } = sentAhead()
    const order = { ...openOrder(label), reduceOnly: true }
    const { bench, effects } = restarted([record], { openOrders: [order] })
    expect(only(effects, 'cancel').cancel.label).toBe(label)
    expect(ofKind(effects, 'resume')).toEqual([])
    expect(ofKind(bench.propose(wish), 'submit')).toEqual([])
  })

  test('whose dispatch alone was lost is not sent again where the venue shows nothing of it', () => {
    const { wish, label, record } = sentAhead()
    const { bench } = restarted([record])
    bench.pass(100)
    expect(bench.stateOf(label)).toBeUndefined()
    expect(ofKind(bench.effects, 'resume')).toEqual([])
    expect(ofKind(bench.propose(wish), 'submit')).toEqual([])
  })

  test('is an incident, once a minute', () => {
    const bench = new EngineBench().becomeActive()
    const told = () => {
      const effects = bench.give({ kind: 'ahead-of-ledger', label: 'l', ledger: 'stuck' })
      return ofKind(effects, 'audit').map(({ record }) => record.fields)
    }
    const incident = { code: 'SENT_AHEAD_OF_LEDGER', severity: 'critical', ledger: 'stuck' }
    expect([told(), told()]).toEqual([[incident], []])
    bench.tickMs += 60_000
    expect(told()).toEqual([incident])
    expect(bench.engine.view(bench.at()).counters['sent_ahead_of_ledger']).toBe(3)
  })
})
