import { groupStates } from '@bulkhead/shared/contracts/intents.ts'
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { decodeCheckpoint, encodeCheckpoint } from '@bulkhead/trading-plane/checkpoint/format.ts'
import { engineCheckpointSchema } from '@bulkhead/trading-plane/checkpoint/schema.ts'
import {
  createLedgerState,
  restoreLedgerState,
  saveLedgerState,
} from '@bulkhead/trading-plane/engine/ledger-state.ts'
import { finishRecovery, takeLedgerRecord } from '@bulkhead/trading-plane/engine/recover.ts'
import type { LedgerRecord } from '@bulkhead/trading-plane/ledger/records.ts'
import { legStates } from '@bulkhead/trading-plane/engine/legs/leg.ts'
import { intent } from '../../../support/ledger-files.ts'

const startMs = 1_700_000_000_000
const hourMs = 3_600_000

const labelOf = (order: number) =>
  (intent(order) as Extract<LedgerRecord, { type: 'intent' }>).label

/** One record about the order of that number, whatever came before it. */
function recordOf(kind: number, order: number, choice: number, at: number): LedgerRecord {
  const wish = intent(order) as Extract<LedgerRecord, { type: 'intent' }>
  const { label } = wish
  const atMs = startMs + at * hourMs
  switch (kind) {
    case 0:
      return {
        ...wish,
        leg_index: choice % 5,
        amount_steps: 10,
        reduce_only: choice % 3 === 0,
        created_ms: atMs,
      }
    case 1:
      return { type: 'dispatch', label, valid_until_ms: atMs + 2_000, sent_ms: atMs }
    case 2:
      return {
        type: 'leg',
        label,
        state: legStates[choice % legStates.length] ?? 'open',
        traded_steps: choice % 4,
        reported_steps: choice % 5,
        venue_order_id: choice % 2 === 0 ? null : `venue-${order}`,
        at_ms: atMs,
      }
    case 3:
      return {
        type: 'trade',
        trade_id: `trade-${order}-${choice % 6}`,
        label,
        instrument: wish.instrument,
        side: wish.side,
        steps: 1 + (choice % 6),
        price: 88_200.5,
        fee: 0.000_001,
        fee_currency: 'BTC',
        venue_ms: atMs,
      }
    case 4:
      return {
        type: 'adjust',
        adjust_id: `adjust-${at}`,
        instrument: wish.instrument,
        side: choice % 2 === 0 ? 'buy' : 'sell',
        steps: choice % 7,
        tier: 'T2',
        at_ms: atMs,
      }
    case 5:
      return {
        type: 'group',
        group_id: wish.group_id,
        strategy_id: wish.strategy_id,
        labels: `${label} ${labelOf(order + 1)}`,
        created_ms: atMs,
      }
    case 6:
      return {
        type: 'group_state',
        group_id: wish.group_id,
        state: groupStates[choice % groupStates.length] ?? 'New',
        rescues: choice % 3,
        at_ms: atMs,
      }
    case 7:
      return {
        type: 'group_close',
        group_id: wish.group_id,
        leg_index: choice % 3,
        label: `close-${choice}`,
        at_ms: atMs,
      }
    case 8:
      return {
        type: 'naked',
        group_id: wish.group_id,
        strategy_id: wish.strategy_id,
        incident_ts_ms: atMs - choice * hourMs,
        exposure_usd_before: null,
        exposure_usd_after: 0,
        time_to_delta_neutral_ms: choice,
        close_attempts: 1,
        hedge_used: false,
        is_neutral: true,
        cause: 'atomic_legging_failure',
        trading_mode_at_event: 'Active',
      }
    default:
      return { type: 'run', run_id: `run-${at}`, started_ms: atMs }
  }
}

/** Ledgers in which anything may follow anything: late, repeated, contradicting, of no order. */
const randomLedger = fc
  .array(fc.tuple(fc.integer({ min: 0, max: 9 }), fc.nat(9), fc.nat(100)), { maxLength: 80 })
  .map((rows) => rows.map(([kind, order, choice], at) => recordOf(kind, order + 1, choice, at)))

/** Small enough that legs and names are forgotten within one ledger. */
const limits = { endedLegsMax: 3, rememberedIdsMax: 4 }

function foldOf(records: readonly LedgerRecord[]) {
  const state = createLedgerState(limits)
  for (const record of records) takeLedgerRecord(state, record)
  return state
}

/** What the executor would find in the file. */
function throughTheFile(state: ReturnType<typeof foldOf>) {
  const place = { batch: 1, seq: 1, crc: 1 }
  const decoded = decodeCheckpoint(
    encodeCheckpoint({
      kind: 'engine',
      component: 'executor',
      made_ms: 1,
      limits,
      end: place,
      file: { number: 1, before: place },
      parts: saveLedgerState(state),
    }),
  )
  if (!decoded.ok) throw new Error(decoded.failure)
  return engineCheckpointSchema.parse(decoded.value).parts
}

test('ST-04: a checkpoint and the rest of the ledger give what the whole ledger gives, cut anywhere', () => {
  fc.assert(
    fc.property(randomLedger, (records) => {
      const whole = foldOf(records)
      const expected = saveLedgerState(whole)
      finishRecovery(whole)
      const live = saveLedgerState(whole)
      for (let cut = 0; cut <= records.length; cut += 1) {
        const state = createLedgerState(limits)
        restoreLedgerState(state, throughTheFile(foldOf(records.slice(0, cut))))
        for (const record of records.slice(cut)) takeLedgerRecord(state, record)
        expect(saveLedgerState(state)).toEqual(expected)
        finishRecovery(state)
        expect(saveLedgerState(state)).toEqual(live)
        for (const { label, intentId, venueOrderId } of expected.orders.legs) {
          expect(state.legs.byIntent(intentId)).toEqual(whole.legs.byIntent(intentId))
          expect(state.legs.get(label)).toEqual(whole.legs.get(label))
          const id = venueOrderId ?? ''
          expect(state.legs.byVenueOrder(id)).toEqual(whole.legs.byVenueOrder(id))
        }
        expect(state.groups).toEqual(whole.groups)
        expect([...state.groups.open.keys()]).toEqual([...whole.groups.open.keys()])
        expect([...state.groups.ended.keys()]).toEqual([...whole.groups.ended.keys()])
        expect(state.legs.owingSinceTickMs(1)).toEqual(whole.legs.owingSinceTickMs(1))
      }
    }),
    { numRuns: 150 },
  )
})

test('any bit of a checkpoint that changed is seen, and so is every cut', () => {
  const bytes = encodeCheckpoint({ kind: 'strategies', made_ms: 1, strategy_states: {} })
  expect(decodeCheckpoint(bytes).ok).toBe(true)
  for (let at = 0; at < bytes.length; at += 1) {
    for (let bit = 0; bit < 8; bit += 1) {
      const damaged = Buffer.from(bytes)
      damaged[at] = (damaged[at] ?? 0) ^ (1 << bit)
      expect(decodeCheckpoint(damaged).ok).toBe(false)
    }
    expect(decodeCheckpoint(bytes.subarray(0, at)).ok).toBe(false)
  }
  expect(decodeCheckpoint(Buffer.concat([bytes, Buffer.alloc(1)])).ok).toBe(false)
})
