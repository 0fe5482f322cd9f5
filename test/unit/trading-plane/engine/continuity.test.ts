import { randomUUID } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import type { OpenPermissionReason } from '@bulkhead/shared/contracts/reasons/intent-denials.ts'
import { closing, expectDenied, expectSent } from './gates/gate-bench.ts'
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
  trade,
} from './harness.ts'

const latchOf = (bench: EngineBench) => bench.engine.view(bench.at()).openPermissionReasons

/** Latched for this reason and Degraded; opening is refused, closing is not. */
function expectBroken(bench: EngineBench, reason: OpenPermissionReason): void {
  expect(latchOf(bench)).toEqual([reason])
  expect(bench.mode()).toMatchObject({ mode: 'ReduceOnly', riskState: 'Degraded' })
  expectDenied(bench.propose(), 'OpenPermissionLatched')
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

describe('a gap in a book', () => {
  test('AT-408: latches opening with the reason of its own', () => {
    const bench = active()
    expect(latchOf(bench)).toEqual([])
    bench.give({ kind: 'book-gap', instrument: option.name })
    expectBroken(bench, 'WS_BOOK_GAP_RECONCILE_REQUIRED')
  })

  test('keeps opening shut until the book is whole again and the account reconciled', () => {
    const bench = active()
    bench.give({ kind: 'book-gap', instrument: option.name })
    only(bench.pass(1_000), 'reconcile')
    bench.reconcile()
    expectBroken(bench, 'WS_BOOK_GAP_RECONCILE_REQUIRED')
    bench.book(0.01, 0.011, option.name)
    expectBroken(bench, 'WS_BOOK_GAP_RECONCILE_REQUIRED')
    only(bench.pass(1_000), 'reconcile')
    bench.reconcile()
    expect(bench.mode()).toMatchObject({ mode: 'Active', riskState: 'Healthy' })
    expectSent(bench.propose())
  })

  test('AT-120: forbids a cancel that takes protection away, and no order that closes', () => {
    const bench = active()
    const protection = intent(closing)
    bench.rest(protection, 'v1')
    bench.give({ kind: 'book-gap', instrument: option.name })
    expect(bench.mode().riskState).toBe('Degraded')
    const cancelled = bench.give(cancelOf(protection.intent_id))
    expectDenied(cancelled, 'RiskIncreasingCancelReplaceForbidden')
    expect(ofKind(cancelled, 'cancel')).toEqual([])
    expect(bench.stateOf(only(bench.propose(closing), 'submit').order.label)).toBe('recorded')
  })
})

describe('a private session that ended', () => {
  test.each([
    ['by the venue, for too many requests', { kind: 'too-many-requests' }],
    ['with its connection', { kind: 'venue-lost', detail: 'cut' }],
  ] as const)('AT-409: %s, latches opening until a reconciliation', (_how, event) => {
    const bench = active()
    bench.give(event)
    expect(latchOf(bench)).toEqual(['SESSION_TERMINATION_RECONCILE_REQUIRED'])
    expect(ofKind(bench.propose(), 'submit')).toEqual([])
    bench.give({ kind: 'venue-ready', cancelOnDisconnect: 'armed' })
    expectBroken(bench, 'SESSION_TERMINATION_RECONCILE_REQUIRED')
    only(bench.pass(1_000), 'reconcile')
    expectBroken(bench, 'SESSION_TERMINATION_RECONCILE_REQUIRED')
    bench.reconcile()
    expect(latchOf(bench)).toEqual([])
    expectSent(bench.propose())
  })
})

describe('a crash in the middle of a reconciliation', () => {
  test('AT-941: reconciles again, opens nothing before, and takes nothing twice', () => {
    const before = active()
    const label = before.rest()
    before.give({ kind: 'trades', trades: [trade(label, 40)] })
    before.give({ kind: 'book-gap', instrument: perpetual.name })
    only(before.pass(1_000), 'reconcile')
    expect(before.mode().riskState).toBe('Degraded')
    const recorded = ofKind(before.effects, 'submit').map(({ record }) => record)
    const records = ofKind(before.effects, 'record').map(({ record }) => record)
    const sent = { type: 'dispatch' as const, label, valid_until_ms: 1, sent_ms: 1 }

    const bench = new EngineBench()
    bench.recover([...recorded, sent, ...records])
    bench.tickMs = before.tickMs
    bench.readInstruments()
    bench.sampleClock()
    bench.book()
    bench.pass(100)
    bench.pass(100)
    bench.give({ kind: 'venue-ready', cancelOnDisconnect: 'armed' })
    expect(latchOf(bench)).toEqual(['RESTART_RECONCILE_REQUIRED'])
    expect(denialOf(bench.propose())).toBe('OpenPermissionLatched')
    const [asked] = ofKind(bench.pass(1_000), 'reconcile')
    expect(asked?.targets).toEqual([{ label, currency: 'BTC' }])
    expectDenied(bench.propose(), 'OpenPermissionLatched')

    const account = {
      trades: [trade(label, 40), trade(label, 10, 't2')],
      openOrders: [openOrder(label, 50)],
      byLabel: new Map([[label, [openOrder(label, 50)]]]),
    }
    const taken = bench.reconcile(account)
    const fills = ofKind(taken, 'tell').filter(({ message }) => message.type === 'fill')
    expect(fills.map(({ message }) => message)).toMatchObject([{ trade_id: 't2', amount: 10 }])
    expect(ofKind(taken, 'submit')).toEqual([])
    expect(latchOf(bench)).toEqual([])
    const again = bench.reconcile(account)
    expect([...ofKind(again, 'record'), ...ofKind(again, 'tell')]).toEqual([])
  })
})
