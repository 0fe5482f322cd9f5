import { randomUUID } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import type { OpenPermissionReason } from '@bulkhead/shared/contracts/reasons/intent-denials.ts'
import type { Level } from '@bulkhead/trading-plane/market-data/book.core.ts'
import { Conflator } from '@bulkhead/trading-plane/market-data/conflator.core.ts'
import { TradeKeeper } from '@bulkhead/trading-plane/market-data/trades.core.ts'
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

const unheard = { ...perpetual, name: 'SOL-PERPETUAL' }

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

test('a market that the feed begins to tell of waits for its trades, not for an order', () => {
  const bench = active()
  bench.give({ kind: 'instruments', instruments: [perpetual, option, unheard] })
  const book = { instrument: unheard.name, bids: [], asks: [], indexPrice: 60_000 }
  bench.give({ kind: 'book', book: { ...book, heardTickMs: bench.tickMs } })
  expectBroken(bench, 'WS_TRADES_GAP_RECONCILE_REQUIRED')
  only(bench.pass(1_000), 'reconcile')
  bench.reconcile()
  expectBroken(bench, 'WS_TRADES_GAP_RECONCILE_REQUIRED')
  bench.hearTrades(0, unheard.name)
  only(bench.pass(1_000), 'reconcile')
  bench.reconcile()
  expect(latchOf(bench)).toEqual([])
  expectSent(bench.propose())
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

  test('AT-271: degrades at once, subscribes again and opens only with the rebuilt book', () => {
    const bench = active()
    const expectShut = () => {
      expect(latchOf(bench)).toEqual(['WS_BOOK_GAP_RECONCILE_REQUIRED'])
      expect(bench.mode()).toMatchObject({ mode: 'ReduceOnly', riskState: 'Degraded' })
      expect(ofKind(bench.propose(), 'submit')).toEqual([])
    }
    const feed = new Conflator([perpetual.name])
    const levels = { bids: [[59_999.5, 1e6]] as Level[], asks: [[60_000.5, 1e6]] as Level[] }
    const told = { instrument: perpetual.name, isSnapshot: false, venueMs: 1, ...levels }
    const hear = () => {
      const batch = feed.takeBatch(0)
      for (const instrument of batch?.gaps ?? []) bench.give({ kind: 'book-gap', instrument })
      for (const book of batch?.books ?? []) bench.give({ kind: 'book', book })
      bench.hearTrades(0)
    }
    const whole = { ...told, isSnapshot: true, changeId: 10, previousChangeId: null }
    feed.takeBook(whole, bench.tickMs)
    hear()
    expectSent(bench.propose())

    const later = { ...told, changeId: 40, previousChangeId: 30 }
    expect(feed.takeBook(later, bench.tickMs)).toBe('resubscribe')
    hear()
    expectShut()
    const next = { ...told, changeId: 50, previousChangeId: 40 }
    expect(feed.takeBook(next, bench.tickMs)).toBe('fine')
    only(bench.pass(1_000), 'reconcile')
    bench.reconcile()
    expectShut()

    feed.takeBook({ ...whole, changeId: 60 }, bench.tickMs)
    hear()
    only(bench.pass(1_000), 'reconcile')
    bench.reconcile()
    expect(latchOf(bench)).toEqual([])
    feed.takeBook({ ...told, changeId: 70, previousChangeId: 60 }, bench.tickMs)
    hear()
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

describe('public trades', () => {
  const reason = 'WS_TRADES_GAP_RECONCILE_REQUIRED'
  const tradeOf = (seq: number) => ({
    instrument: perpetual.name,
    seq,
    price: 59_000,
    amount: 10,
    indexPrice: 60_000,
    venueMs: 1,
  })

  test('AT-202: with a number that does not follow on block opening until reconciled', () => {
    const bench = active()
    bench.give({ kind: 'trades-gap', instrument: perpetual.name })
    expectBroken(bench, reason)
    const { openPermissionReasons } = bench.engine.view(bench.at())
    expect(openPermissionReasons).toContain(reason)
    bench.tickMs += 500
    bench.readSafety()
    bench.give({ kind: 'tick' })
    expectBroken(bench, reason)
    only(bench.pass(1_000), 'reconcile')
    expectBroken(bench, reason)
    bench.reconcile()
    expect(latchOf(bench)).toEqual([])
    expectSent(bench.propose())
  })

  test('AT-272: are pulled after a jump and reconciled, counted once, and only then resumed', () => {
    const bench = active()
    const label = bench.rest()
    const feed = new TradeKeeper([perpetual.name])
    const hear = () => {
      const { flows, gaps } = feed.takeNews()
      for (const instrument of gaps) bench.give({ kind: 'trades-gap', instrument })
      for (const flow of flows) bench.give({ kind: 'public-trades', flow })
      return flows.flatMap(({ sums }) => sums).reduce((sum, { amount }) => sum + amount, 0)
    }
    const at = () => ({ tickMs: bench.tickMs, serverMs: bench.at().serverMs })
    feed.nextPull(bench.tickMs)
    feed.takePull(perpetual.name, [tradeOf(1)], at())
    hear()
    bench.give({ kind: 'trades', trades: [trade(label, 30, 'known')] })

    feed.take([tradeOf(2), tradeOf(5)], bench.tickMs)
    expect(hear()).toBe(10)
    expectBroken(bench, reason)
    bench.tickMs += 1_000
    bench.readSafety()
    only(bench.give({ kind: 'tick' }), 'reconcile')
    const account = {
      trades: [trade(label, 30, 'known'), trade(label, 20, 'missed')],
      openOrders: [openOrder(label, 50)],
      byLabel: new Map([[label, [openOrder(label, 50)]]]),
      positions: [{ instrument: perpetual.name, size: 50, averagePrice: 1, markPrice: 1 }],
    }
    const fills = ofKind(bench.reconcile(account), 'tell').filter(
      ({ message }) => message.type === 'fill',
    )
    expect(fills.map(({ message }) => message)).toMatchObject([{ trade_id: 'missed' }])
    expectBroken(bench, reason)

    expect(feed.nextPull(bench.tickMs)).toEqual({ instrument: perpetual.name, fromSeq: 3 })
    feed.takePull(perpetual.name, [tradeOf(3), tradeOf(4), tradeOf(5)], at())
    feed.take([tradeOf(5)], bench.tickMs)
    expect(hear()).toBe(30)
    expectBroken(bench, reason)
    only(bench.pass(1_000), 'reconcile')
    const again = bench.reconcile(account)
    expect(ofKind(again, 'record')).toEqual([])
    expect(latchOf(bench)).toEqual([])
    expectSent(bench.propose())
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
