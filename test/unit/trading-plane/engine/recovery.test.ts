import { randomUUID } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import type { LedgerRecord } from '@bulkhead/trading-plane/ledger/records.ts'
import {
  active,
  denialOf,
  EngineBench,
  intent,
  ofKind,
  only,
  openOrder,
  perpetual,
  trade,
} from './harness.ts'

describe('a lost session', () => {
  test('AT-011: sets the latch, which only a reconciliation that sees every order opens', () => {
    const bench = active()
    const label = bench.rest()
    bench.give({ kind: 'venue-lost', detail: 'cut' })
    bench.give({ kind: 'venue-ready', cancelOnDisconnect: 'armed' })
    expect(denialOf(bench.propose())).toBe('OpenPermissionLatched')
    const asked = only(bench.pass(100), 'reconcile')
    expect(asked.targets).toEqual([{ label, currency: 'BTC' }])
    const gone = openOrder(label)
    bench.reconcile({ byLabel: new Map([[label, [{ ...gone, state: 'cancelled' }]]]) })
    expect(bench.mode().mode).toBe('Active')
    expect(bench.stateOf(label)).toBeUndefined()
  })

  test('stays latched while an order may still arrive', () => {
    const bench = active()
    const { label } = only(bench.propose(), 'submit').order
    bench.dispatch(label, 2_000)
    bench.give({ kind: 'place-reply', label, outcome: { kind: 'ambiguous', detail: '' } })
    bench.give({ kind: 'venue-lost', detail: 'cut' })
    bench.give({ kind: 'venue-ready', cancelOnDisconnect: 'armed' })
    bench.pass(100)
    const byLabel = new Map([[label, []]])
    bench.reconcile({ byLabel })
    expect(bench.mode().reasons).toEqual([
      'REDUCEONLY_OPEN_PERMISSION_LATCHED',
      'REDUCEONLY_RISKSTATE_DEGRADED',
    ])
    bench.pass(2_600)
    bench.reconcile({ byLabel })
    expect(bench.mode().mode).toBe('Active')
  })

  test('BYP-21: whatever the venue corrects of what we hold to be true is audited', () => {
    const bench = active()
    const label = bench.rest()
    bench.give({ kind: 'venue-lost', detail: 'cut' })
    bench.give({ kind: 'venue-ready', cancelOnDisconnect: 'armed' })
    bench.pass(3_000)
    const held = { instrument: perpetual.name, size: 30, averagePrice: 1, markPrice: 1 }
    const effects = bench.reconcile({ byLabel: new Map([[label, []]]), positions: [held] })
    const audited = ofKind(effects, 'audit').map(({ record }) => [record.action, record.subject])
    expect(bench.stateOf(label)).toBeUndefined()
    expect(audited).toContainEqual(['ORDER_ENDED_BY_ABSENCE', label])
    expect(audited).toContainEqual(['POSITION_ADOPTED', perpetual.name])
  })

  test('of the market data closes its instrument until a whole book and a reconciliation', () => {
    const bench = active()
    bench.give({ kind: 'book-gap', instrument: perpetual.name })
    only(bench.pass(1_000), 'reconcile')
    bench.reconcile()
    expect(bench.mode().reasons).toEqual([
      'REDUCEONLY_OPEN_PERMISSION_LATCHED',
      'REDUCEONLY_RISKSTATE_DEGRADED',
    ])
    expect(denialOf(bench.propose())).toBe('LiquidityGateNoL2')
    bench.book()
    bench.pass(1_000)
    bench.reconcile()
    expect(bench.mode().mode).toBe('Active')
  })

  test('while a reconciliation runs is not cleared by it', () => {
    const bench = active()
    bench.give({ kind: 'venue-lost', detail: 'cut' })
    bench.give({ kind: 'venue-ready', cancelOnDisconnect: 'armed' })
    only(bench.pass(100), 'reconcile')
    bench.give({ kind: 'too-many-requests' })
    bench.reconcile()
    expect(bench.mode().reasons).toContain('REDUCEONLY_OPEN_PERMISSION_LATCHED')
    only(bench.pass(1_000), 'reconcile')
    bench.reconcile()
    expect(bench.mode().mode).toBe('Active')
  })

  test('by too many requests latches at once and kills at the third', () => {
    const bench = active()
    bench.give({ kind: 'too-many-requests' })
    expect(bench.mode().reasons).toEqual([
      'REDUCEONLY_OPEN_PERMISSION_LATCHED',
      'REDUCEONLY_RISKSTATE_DEGRADED',
      'REDUCEONLY_SESSION_KILL_UNCONFIRMED',
    ])
    bench.give({ kind: 'too-many-requests' })
    bench.give({ kind: 'too-many-requests' })
    expect(bench.mode().reasons).toEqual(['KILL_RATE_LIMIT_SESSION_TERMINATION'])
  })

  test('adopts the positions of the venue and says where our fills do not explain them', () => {
    const bench = active()
    const held = { instrument: perpetual.name, averagePrice: 1, markPrice: 1 }
    const label = bench.rest()
    bench.give({ kind: 'trades', trades: [trade(label, 100)] })
    bench.give({ kind: 'venue-lost', detail: 'cut' })
    const explained = bench.reconcile({ positions: [{ ...held, size: 100 }] })
    expect(ofKind(explained, 'audit').map(({ record }) => record.action)).toEqual(['RECONCILED'])
    const other = bench.reconcile({ positions: [{ ...held, size: -40 }] })
    expect(ofKind(other, 'audit')[0]?.record).toMatchObject({
      action: 'POSITION_ADOPTED',
      fields: { ours: '100', theirs: '-40' },
    })
    const flat = bench.reconcile({ positions: [] })
    expect(ofKind(flat, 'audit')[0]?.record.fields).toEqual({ ours: '-40', theirs: '0' })
  })

  test('a failed reconciliation opens nothing and is tried again', () => {
    const bench = active()
    bench.give({ kind: 'venue-lost', detail: 'cut' })
    bench.give({ kind: 'venue-ready', cancelOnDisconnect: 'armed' })
    only(bench.pass(100), 'reconcile')
    bench.give({ kind: 'reconcile-failed', detail: 'no answer' })
    expect(ofKind(bench.pass(100), 'reconcile')).toEqual([])
    only(bench.pass(1_000), 'reconcile')
  })
})

describe('a restart', () => {
  const history = (): { label: string; records: LedgerRecord[] } => {
    const bench = active()
    const { order, record } = only(bench.propose(), 'submit')
    return { label: order.label, records: [record] }
  }

  const restarted = (records: readonly LedgerRecord[]) => {
    const bench = new EngineBench()
    bench.tickMs += 1_000
    bench.recover(records)
    bench.give({ kind: 'strategies-here', strategyIds: ['quoter'], warming: [] })
    return bench
  }
  /** The account is read and holds nothing of these orders. */
  const proven = (bench: EngineBench, ...labels: readonly string[]) => {
    bench.give({ kind: 'venue-lost', detail: 'cut' })
    bench.give({ kind: 'venue-ready', cancelOnDisconnect: 'armed' })
    bench.pass(100)
    bench.reconcile({ byLabel: new Map(labels.map((label) => [label, []])) })
    return bench.pass(100)
  }

  test('sends what was recorded and never sent, once, after the account was read', () => {
    const { label, records } = history()
    const bench = restarted(records)
    bench.becomeActive()
    expect(ofKind(bench.effects, 'resume')).toEqual([])
    const { order, audit } = only(proven(bench, label), 'resume')
    expect(order).toMatchObject({ label, instrument: perpetual.name, amount: '100' })
    expect(audit).toMatchObject({ action: 'INTENT_RESUMED', subject: label })
    bench.pass(100)
    bench.dispatch(label, 2_000)
    bench.pass(100)
    expect(ofKind(bench.effects, 'resume')).toHaveLength(1)
    expect(bench.stateOf(label)).toBe('sent')
  })

  test('waits with it while the desk may not open, and cancels nothing of it', () => {
    const { label, records } = history()
    const bench = restarted(records)
    bench.becomeActive()
    bench.give({ kind: 'book-gap', instrument: perpetual.name })
    proven(bench, label)
    expect(ofKind(bench.effects, 'resume')).toEqual([])
    bench.book()
    bench.pass(1_000)
    bench.reconcile({ byLabel: new Map([[label, []]]) })
    expect(only(bench.pass(100), 'resume').order.label).toBe(label)
  })

  test('waits with one that opens until somebody minds it', () => {
    const { label, records } = history()
    const bench = restarted(records)
    bench.give({ kind: 'strategies-gone', strategyIds: ['quoter'] })
    bench.pass(0)
    expect(only(bench.effects, 'record').record).toMatchObject({ label, state: 'not_placed' })
    const alone = new EngineBench()
    alone.tickMs += 1_000
    alone.recover(records)
    alone.becomeActive()
    expect(ofKind(proven(alone, label), 'resume')).toEqual([])
    alone.give({ kind: 'strategies-here', strategyIds: ['quoter'], warming: [] })
    expect(only(alone.pass(100), 'resume').order.label).toBe(label)
  })

  test('finds at the venue what the ledger does not know to be sent, and sends nothing', () => {
    const { label, records } = history()
    const bench = restarted(records)
    bench.becomeActive()
    bench.reconcile({ openOrders: [openOrder(label)], byLabel: new Map([[label, []]]) })
    bench.pass(100)
    expect(bench.stateOf(label)).toBe('open')
    expect(ofKind(bench.effects, 'resume')).toEqual([])
  })

  test('withdraws it once it is too old, dated later than now, or not wanted any more', () => {
    const { label, records } = history()
    const old = restarted(records)
    old.tickMs += 40_001
    old.pass(0)
    const later = restarted(
      records.map((record) => ({ ...record, created_ms: old.at().nowMs + 1 }) as LedgerRecord),
    )
    later.pass(0)
    const unwanted = restarted(records)
    unwanted.give({ kind: 'strategies-gone', strategyIds: ['quoter'] })
    unwanted.pass(0)
    for (const bench of [old, later, unwanted]) {
      expect(only(bench.effects, 'record').record).toMatchObject({ label, state: 'not_placed' })
      expect(bench.engine.view(bench.at()).liveLegs).toEqual([])
    }
    const told = only(
      ofKind(old.effects, 'tell').filter(({ message }) => message.type === 'outcome'),
      'tell',
    )
    expect(told.message).toMatchObject({ state: 'denied', reject_reason_code: 'IntentTooOld' })
  })

  test('AT-940: recovers what was acknowledged and not recorded, and does not send it again', () => {
    const { label, records } = history()
    const sent = { type: 'dispatch' as const, label, valid_until_ms: 1, sent_ms: 1 }
    const bench = new EngineBench()
    bench.recover([...records, sent])
    expect(bench.stateOf(label)).toBe('sent')
    bench.give({ kind: 'instruments', instruments: [perpetual] })
    bench.give({ kind: 'venue-ready', cancelOnDisconnect: 'armed' })
    expect(only(bench.pass(100), 'reconcile').targets).toEqual([{ label, currency: 'BTC' }])
    const openOrders = [openOrder(label)]
    const effects = bench.reconcile({ openOrders, byLabel: new Map([[label, []]]) })
    expect(bench.stateOf(label)).toBe('open')
    const recovered = { type: 'leg', state: 'open', venue_order_id: '1' }
    expect(ofKind(effects, 'record')).toMatchObject([{ record: recovered }])
    expect(ofKind(bench.effects, 'submit')).toEqual([])
  })

  test('finds a fill that happened meanwhile, and counts it once', () => {
    const { label, records } = history()
    const sent = { type: 'dispatch' as const, label, valid_until_ms: 1, sent_ms: 1 }
    const bench = new EngineBench()
    bench.recover([...records, sent])
    bench.give({ kind: 'instruments', instruments: [perpetual] })
    bench.give({ kind: 'venue-ready', cancelOnDisconnect: 'armed' })
    bench.pass(100)
    const filled = openOrder(label, 100)
    const effects = bench.reconcile({
      trades: [trade(label, 100)],
      byLabel: new Map([[label, [filled]]]),
    })
    expect(ofKind(effects, 'record').map(({ record }) => record.type)).toEqual(['trade', 'leg'])
    expect(bench.give({ kind: 'trades', trades: [trade(label, 100)] })).toEqual([])
  })

  test('knows ids and hashes of the run before', () => {
    const bench = active()
    const place = intent()
    const { record } = only(bench.propose(place), 'submit')
    const next = new EngineBench()
    next.recover([record])
    next.becomeActive()
    expect(denialOf(next.propose({ ...place, intent_id: randomUUID() }))).toBe('DuplicateIntent')
    const again = next.propose({ ...place, limit_price: '58000' })
    expect(denialOf(again)).toBe('DuplicateIntent')
  })
})
