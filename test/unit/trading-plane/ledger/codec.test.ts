import { pack } from 'msgpackr'
import { describe, expect, test } from 'vitest'
import { decodeRecord, encodeRecord, recordLayout } from '@bulkhead/trading-plane/ledger/codec.ts'
import { entryTypeOf, fsyncPolicyFor } from '@bulkhead/trading-plane/ledger/fsync-policy.core.ts'
import type { LedgerRecord } from '@bulkhead/trading-plane/ledger/records.ts'
import { dispatch, intent } from '../../../support/ledger-files.ts'

const naked: LedgerRecord = {
  type: 'naked',
  group_id: 'g',
  strategy_id: 's',
  incident_ts_ms: 1.5,
  exposure_usd_before: 500.25,
  exposure_usd_after: 0,
  time_to_delta_neutral_ms: 240,
  close_attempts: 3,
  hedge_used: true,
  is_neutral: false,
  cause: 'hedge_fallback',
  trading_mode_at_event: 'ReduceOnly',
}

const samples: readonly LedgerRecord[] = [
  { type: 'run', run_id: 'r', started_ms: 1.5 },
  intent(3),
  dispatch(4),
  {
    type: 'leg',
    label: 'l',
    state: 'open',
    traded_steps: 1,
    reported_steps: 2,
    venue_order_id: null,
    at_ms: 9,
  },
  {
    type: 'trade',
    trade_id: 't',
    label: 'l',
    instrument: 'BTC-PERPETUAL',
    side: 'sell',
    steps: 3,
    price: 0.1,
    fee: -1e-9,
    fee_currency: 'BTC',
    venue_ms: 1_700_000_000_000,
  },
  { type: 'group', group_id: 'g', strategy_id: 's', labels: 'l m', created_ms: 2.5 },
  { type: 'group_state', group_id: 'g', state: 'MixedFailed', rescues: 2, at_ms: 3 },
  { type: 'group_close', group_id: 'g', leg_index: 1, label: 'l', at_ms: 4 },
  naked,
  {
    type: 'adjust',
    adjust_id: 'a',
    instrument: 'BTC-PERPETUAL',
    side: 'buy',
    steps: 5,
    tier: 'T3',
    at_ms: 6.5,
  },
  { ...naked, exposure_usd_before: null, exposure_usd_after: null },
]

describe('a record on disk', () => {
  test.each(samples)('of type $type comes back as it was', (record) => {
    expect(decodeRecord(Buffer.from(encodeRecord(record)))).toEqual(record)
  })

  test('is refused with a field too many, too few, of another kind, or of an unknown type', () => {
    const bytes = Buffer.from(encodeRecord(dispatch(1)))
    expect(decodeRecord(bytes)).not.toBeNull()
    const longer = Buffer.concat([bytes, Buffer.from([1])])
    longer[0] = (longer[0] ?? 0) + 1
    expect(decodeRecord(longer)).toBeNull()
    expect(decodeRecord(bytes.subarray(0, -1))).toBeNull()
    expect(
      decodeRecord(Buffer.from(bytes.toString('latin1').replace('dispatch', 'despatch'))),
    ).toBeNull()
  })

  test.each([
    ['a number where a text belongs', [1, 2, 3]],
    ['a text where a number belongs', ['label', 'soon', 3]],
    ['a count that is negative', null, ['l', 'open', -1, 0, null, 9]],
    ['a count that is no whole number', null, ['l', 'open', 0.5, 0, null, 9]],
    ['a state that is none', null, ['l', 'lost', 1, 0, null, 9]],
    ['a text that is too long', ['x'.repeat(65), 2, 3]],
    ['a number that is none', ['label', Number.NaN, 3]],
    ['nothing where a number belongs', ['label', null, 3]],
  ])('is not read with %s', (_what, dispatchFields, legFields: unknown[] = []) => {
    const row = dispatchFields === null ? ['leg', ...legFields] : ['dispatch', ...dispatchFields]
    expect(decodeRecord(pack(row))).toBeNull()
  })

  test('is read in every form that msgpack has for a number', () => {
    const head = [0x94, 0xa8, ...Buffer.from('dispatch'), 0xa1, 0x6c]
    const read = (...bytes: number[]) => {
      const record = decodeRecord(Buffer.from([...head, ...bytes, 0x01]))
      return record?.type === 'dispatch' ? record.valid_until_ms : null
    }
    expect(read(0x7f)).toBe(127)
    expect(read(0xff)).toBe(-1)
    expect(read(0xcc, 0xff)).toBe(255)
    expect(read(0xcd, 0x01, 0x00)).toBe(256)
    expect(read(0xce, 0xff, 0xff, 0xff, 0xff)).toBe(2 ** 32 - 1)
    expect(read(0xcf, 0, 0, 0, 1, 0, 0, 0, 0)).toBe(2 ** 32)
    expect(read(0xd0, 0x80)).toBe(-128)
    expect(read(0xd1, 0xff, 0x00)).toBe(-256)
    expect(read(0xd2, 0xff, 0xff, 0xff, 0xfe)).toBe(-2)
    expect(read(0xd3, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfd)).toBe(-3)
    expect(read(0xca, 0x3f, 0xc0, 0, 0)).toBe(1.5)
    expect(read(0xcb, 0x3f, 0xf8, 0, 0, 0, 0, 0, 0)).toBe(1.5)
    for (const form of [0xc0, 0xc1, 0xc2, 0x80, 0x90, 0xc4]) expect(read(form)).toBeNull()
  })

  test.each([
    ['a text where a number belongs', { valid_until_ms: 'soon' }],
    ['a number that is none', { sent_ms: Number.NaN }],
    ['a text that is too long', { label: 'x'.repeat(65) }],
    ['a field that is missing', { label: undefined }],
  ])('is not even written with %s, because nothing could read it back', (_what, change) => {
    const record = { ...dispatch(1), ...change } as unknown as LedgerRecord
    expect(() => encodeRecord(record)).toThrow('a record can be read back')
  })

  test('has its fields in an order that is part of the format', () => {
    const order = { run: 'run_id started_ms', dispatch: 'label valid_until_ms sent_ms' } as const
    expect(recordLayout('run').join(' ')).toBe(order.run)
    expect(recordLayout('dispatch').join(' ')).toBe(order.dispatch)
    expect(recordLayout('intent').join(' ')).toBe(
      'label intent_id strategy_id group_id leg_index instrument currency side amount_steps ' +
        'price_ticks amount price time_in_force post_only reduce_only created_ms',
    )
    expect(recordLayout('leg').join(' ')).toBe(
      'label state traded_steps reported_steps venue_order_id at_ms',
    )
    expect(recordLayout('trade').join(' ')).toBe(
      'trade_id label instrument side steps price fee fee_currency venue_ms',
    )
    expect(recordLayout('group').join(' ')).toBe('group_id strategy_id labels created_ms')
    expect(recordLayout('group_state').join(' ')).toBe('group_id state rescues at_ms')
    expect(recordLayout('group_close').join(' ')).toBe('group_id leg_index label at_ms')
    expect(recordLayout('naked').join(' ')).toBe(
      'group_id strategy_id incident_ts_ms exposure_usd_before exposure_usd_after ' +
        'time_to_delta_neutral_ms close_attempts hedge_used is_neutral cause trading_mode_at_event',
    )
  })
})

describe('the sync policy', () => {
  const policies = { executionFsync: 'durable', featureFsync: 'recorded' } as const

  test('is that of execution for whatever orders and positions depend on', () => {
    for (const type of ['STATE_CHANGE', 'POSITION_UPDATE', 'ORDER_EVENT', 'CHECKPOINT'] as const) {
      expect(fsyncPolicyFor(type, policies)).toBe('durable')
    }
    for (const type of ['FEATURE', 'METRIC'] as const) {
      expect(fsyncPolicyFor(type, policies)).toBe('recorded')
    }
  })

  test('makes every record of today durable by default', () => {
    for (const { type } of samples) {
      expect(fsyncPolicyFor(entryTypeOf(type), policies)).toBe('durable')
    }
  })
})
