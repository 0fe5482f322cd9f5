import { createLedgerState, saveLedgerState } from '@bulkhead/trading-plane/engine/ledger-state.ts'
import { takeLedgerRecord } from '@bulkhead/trading-plane/engine/recover.ts'
import type { LedgerRecord } from '@bulkhead/trading-plane/ledger/records.ts'
import { describe, expect, test } from 'vitest'
import { during, future, size } from '../emergency-close/close-bench.ts'
import { EngineBench, ofKind, only, perpetual } from '../harness.ts'
import {
  answer,
  dispatched,
  entries,
  groupDesk,
  recordedStates,
  recordsOf,
  reject,
  sentOrders,
  sentTogether,
  strategyId,
} from './group-bench.ts'

/** The ledger as a process leaves it: what was recorded, and what the gateway adds of its own. */
function ledgerOf(bench: EngineBench): LedgerRecord[] {
  const records = recordsOf(bench.effects)
  const labels = records.flatMap((record) => (record.type === 'intent' ? [record.label] : []))
  const seen = new Set(records.flatMap((record) => (record.type === 'leg' ? [record.label] : [])))
  return records.flatMap((record): LedgerRecord[] => {
    if (record.type !== 'intent' || !labels.includes(record.label)) return [record]
    if (!seen.has(record.label)) return [record]
    const { label } = record
    return [record, { type: 'dispatch', label, valid_until_ms: 1, sent_ms: 1 }]
  })
}

/**
 * A new process on that ledger, of which a checkpoint may hold the beginning. It sees its market
 * and has not read the account yet.
 */
function restarted(
  records: readonly LedgerRecord[],
  { tickMs, heldRecords = 0 }: { readonly tickMs?: number; readonly heldRecords?: number } = {},
): EngineBench {
  const bench = new EngineBench({ orderNotionalUsdMax: 1e6, positionNotionalUsdMax: 1e7 })
  bench.tickMs = tickMs ?? bench.tickMs
  if (heldRecords > 0) {
    const fold = createLedgerState({ endedLegsMax: 1_000, rememberedIdsMax: 1_000 })
    for (const record of records.slice(0, heldRecords)) takeLedgerRecord(fold, record)
    bench.give({ kind: 'checkpoint', parts: saveLedgerState(fold) })
  }
  bench.recover(records.slice(heldRecords))
  bench.give({ kind: 'instruments', instruments: [perpetual, future] })
  bench.give({ kind: 'venue-ready', cancelOnDisconnect: 'armed' })
  bench.book()
  bench.book(59_990, 59_995, future.name)
  bench.pass(100)
  return bench
}

/** A desk whose first leg of a group is filled and whose second was rejected. */
function broken() {
  const bench = groupDesk()
  const { groupId, first, second } = dispatched(bench)
  answer(bench, first, 500)
  const effects = reject(bench, second)
  return { bench, groupId, first, second, effects }
}

/** The same desk after its rescues came to nothing and what was filled was taken back. */
function takenBack() {
  const { bench: before, groupId, effects } = broken()
  let latest = effects
  for (let sent = sentTogether(latest); sent.length > 0; sent = sentTogether(latest)) {
    for (const { label } of sent) before.dispatch(label)
    latest = sent.flatMap((order) => answer(before, order, 0))
  }
  const { order } = only(latest, 'submit')
  before.dispatch(order.label)
  answer(before, order, 500)
  return { before, groupId }
}

describe('after a restart', () => {
  test('a mixed group is flattened as soon as the account is known, and never rescued', () => {
    const { bench: before, groupId } = broken()
    const bench = restarted(ledgerOf(before))
    expect(sentOrders(bench.effects)).toEqual([])
    expect(recordedStates(bench.effects, groupId)).toEqual([])
    const effects = during(bench, () => {
      bench.reconcile({ positions: [size(future.name, 500)] })
    })
    expect(sentTogether(effects)).toEqual([])
    const { order } = only(effects, 'submit')
    expect(order).toMatchObject({
      instrument: future.name,
      side: 'sell',
      amount: '500',
      reduceOnly: true,
    })
    expect(bench.mode().mode).toBe('ReduceOnly')
    bench.dispatch(order.label)
    answer(bench, order, 500)
    expect(recordedStates(bench.effects, groupId)).toEqual(['Flattening', 'Flattened'])
    expect(entries(bench.effects, 'ATOMIC_NAKED_EVENT')).toHaveLength(1)
  })

  test('the half that was closed before the crash is not closed twice', () => {
    const { bench: before, groupId, effects } = broken()
    let latest = effects
    for (let sent = sentTogether(latest); sent.length > 0; sent = sentTogether(latest)) {
      for (const { label } of sent) before.dispatch(label)
      latest = sent.flatMap((order) => answer(before, order, 0))
    }
    const { order } = only(latest, 'submit')
    before.dispatch(order.label)
    answer(before, order, 300)
    const records = ledgerOf(before)
    expect(records.filter(({ type }) => type === 'group_close')).toHaveLength(2)
    // Something else of the same strategy is held beside the group.
    const bench = restarted(records)
    const positions = [size(future.name, 1_200)]
    const closing = during(bench, () => bench.reconcile({ positions }))
    expect(ofKind(closing, 'submit').map((each) => each.order.amount)).toEqual(['200'])
    expect(recordedStates(bench.effects, groupId)).toEqual([])
  })

  test('a leg that was recorded and never sent is not sent by the next run', () => {
    const before = groupDesk()
    const { groupId } = dispatched(before)
    // Young enough to be sent, if it were not of a group (decision D-69).
    const bench = restarted(recordsOf(before.effects), { tickMs: before.tickMs })
    bench.give({ kind: 'strategies-here', strategyIds: [strategyId], warming: [] })
    const effects = during(bench, () => {
      bench.reconcile()
      bench.pass(100)
      bench.pass(100)
    })
    expect(recordedStates(effects, groupId)).toEqual(['Complete'])
    expect([...sentOrders(bench.effects), ...ofKind(bench.effects, 'resume')]).toEqual([])
  })

  test('an order that takes a leg back is known as such before it is recorded itself', () => {
    const { bench, effects } = broken()
    let latest = effects
    for (let sent = sentTogether(latest); sent.length > 0; sent = sentTogether(latest)) {
      for (const { label } of sent) bench.dispatch(label)
      latest = sent.flatMap((order) => answer(bench, order, 0))
    }
    const { label } = only(latest, 'submit').order
    const noted = recordsOf(latest).filter((record) => 'label' in record && record.label === label)
    expect(noted.map(({ type }) => type)).toEqual(['group_close', 'intent'])
  })

  test('a group of which nothing was sent has come to nothing', () => {
    const before = groupDesk()
    const { groupId } = dispatched(before)
    const [group] = recordsOf(before.effects).filter(({ type }) => type === 'group')
    const bench = restarted(group === undefined ? [] : [group])
    const effects = during(bench, () => bench.reconcile())
    expect(recordedStates(effects, groupId)).toEqual(['Complete'])
    expect(sentOrders(bench.effects)).toEqual([])
  })

  test('a leg in doubt holds the group until the venue has said what became of it', () => {
    const before = groupDesk()
    const { groupId, first, second } = dispatched(before)
    answer(before, first, 500)
    const records = ledgerOf(before).concat({
      type: 'dispatch',
      label: second.label,
      valid_until_ms: 1,
      sent_ms: 1,
    })
    const bench = restarted(records)
    const positions = [size(future.name, 500)]
    const effects = during(bench, () =>
      bench.reconcile({ positions, byLabel: new Map([[second.label, []]]) }),
    )
    expect(recordedStates(effects, groupId)).toEqual(['MixedFailed', 'Flattening'])
    expect(only(effects, 'submit').order).toMatchObject({ side: 'sell', amount: '500' })
  })

  test('a group that had ended stays ended, and its accounts are still counted', () => {
    const { before, groupId } = takenBack()
    const bench = restarted(ledgerOf(before))
    const later = during(bench, () => bench.reconcile())
    expect(recordedStates(later, groupId)).toEqual([])
    expect(sentOrders(bench.effects)).toEqual([])
    expect(bench.engine.view(bench.at()).nakedEventsIn24h).toBe(1)
  })

  test('what a checkpoint holds of a group counts as if it had been read', () => {
    const { before, groupId } = takenBack()
    const records = ledgerOf(before)
    const after = (upTo: number, heldRecords: number) => {
      const bench = restarted(records.slice(0, upTo), { heldRecords })
      bench.reconcile({ positions: [size(future.name, 500)] })
      const { snapshot, nakedEventsIn24h } = bench.engine.view(bench.at())
      return { effects: bench.effects, snapshot, nakedEventsIn24h }
    }
    expect(recordedStates(after(records.length, 0).effects, groupId)).toEqual([])
    for (let upTo = 1; upTo <= records.length; upTo += 1) {
      expect(after(upTo, upTo)).toEqual(after(upTo, 0))
    }
    expect(after(records.length, records.length).nakedEventsIn24h).toBe(1)
  })
})
