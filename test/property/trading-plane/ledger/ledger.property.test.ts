import { mkdirSync, mkdtempSync, readdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as fc from 'fast-check'
import { pack, unpack } from 'msgpackr'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { systemClock } from '@bulkhead/shared/runtime/system-clock.ts'
import { decodeRecord, encodeRecord, recordLayout } from '@bulkhead/trading-plane/ledger/codec.ts'
import { ledgerConfigSchema } from '@bulkhead/trading-plane/ledger/config.ts'
import { openLedger } from '@bulkhead/trading-plane/ledger/file-ledger.ts'
import { readFrames } from '@bulkhead/trading-plane/ledger/read-frames.ts'
import { type LedgerRecord, ledgerRecordSchema } from '@bulkhead/trading-plane/ledger/records.ts'
import { beginning, buildFile } from '../../../support/ledger-files.ts'
import { recoverAll } from '../../../support/recovered-ledger.ts'
import {
  readFileSimply,
  readSimply,
  type SimpleEntry,
} from '../../../support/simple-ledger-reader.ts'

let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'ledger-'))
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

const text = (maxLength: number) => fc.string({ unit: 'binary', maxLength })
const count = fc.nat(2 ** 31)
const label = text(64)
const side = fc.constantFrom('buy' as const, 'sell' as const)
/** Minus zero is written as zero: the two are one amount. */
const number = fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => value + 0)

const recordArbitrary: fc.Arbitrary<LedgerRecord> = fc.oneof(
  fc.record({ type: fc.constant('run' as const), run_id: text(64), started_ms: number }),
  fc.record({
    type: fc.constant('intent' as const),
    label,
    intent_id: text(64),
    strategy_id: text(64),
    group_id: text(64),
    leg_index: count,
    instrument: text(64),
    currency: text(16),
    side,
    amount_steps: fc.maxSafeNat(),
    price_ticks: count,
    amount: text(40),
    price: text(40),
    time_in_force: fc.constantFrom('good_til_cancelled' as const, 'immediate_or_cancel' as const),
    post_only: fc.boolean(),
    reduce_only: fc.boolean(),
    created_ms: number,
  }),
  fc.record({
    type: fc.constant('dispatch' as const),
    label,
    valid_until_ms: number,
    sent_ms: fc.integer(),
  }),
  fc.record({
    type: fc.constant('leg' as const),
    label,
    state: fc.constantFrom('open' as const, 'unknown' as const, 'filled' as const),
    traded_steps: count,
    reported_steps: count,
    venue_order_id: fc.option(text(64)),
    at_ms: number,
  }),
  fc.record({
    type: fc.constant('trade' as const),
    trade_id: text(64),
    label,
    instrument: text(64),
    side,
    steps: count,
    price: number,
    fee: number,
    fee_currency: text(16),
    venue_ms: number,
  }),
)

const rowOf = (record: LedgerRecord): unknown[] => {
  const fields = record as Readonly<Record<string, unknown>>
  return [record.type, ...recordLayout(record.type).map((name) => fields[name])]
}
const rowsOf = (entries: readonly SimpleEntry[]) => entries.map(({ row }) => row)
const seqsOf = (entries: readonly SimpleEntry[]) => entries.map(({ seq }) => seq)

describe('the ledger against a second, simple reader', () => {
  test('both give back exactly what was appended, over any histories of runs', async () => {
    const runs = fc.array(fc.array(recordArbitrary, { maxLength: 60 }), {
      minLength: 1,
      maxLength: 4,
    })
    let nth = 0
    await fc.assert(
      fc.asyncProperty(runs, async (histories) => {
        nth += 1
        const own = join(directory, String(nth))
        const config = ledgerConfigSchema.parse({ segmentBytes: 524_288, ringBytes: 262_144 })
        const expected: LedgerRecord[] = []
        for (const records of histories) {
          const opened = await openLedger({
            directory: own,
            runId: 'r',
            clock: systemClock,
            config,
          })
          if (!opened.ok) throw new Error(opened.failure.code)
          const { ledger } = opened.value
          await Promise.all(records.map((record) => ledger.append(record)))
          await ledger.close()
          expected.push({ type: 'run', run_id: 'r', started_ms: expect.any(Number) as number })
          expected.push(...records)
        }
        const recovered = recoverAll(own)
        expect(recovered.ok && recovered.value.records).toEqual(expected)
        const simple = readSimply(own)
        expect(rowsOf(simple)).toEqual(expected.map(rowOf))
        expect(seqsOf(simple)).toEqual(expected.map((_, at) => at + 1))
        rmSync(own, { recursive: true })
      }),
      { numRuns: 6 },
    )
  }, 60_000)

  test('agree on any file that was cut anywhere, with zeros behind it or without', () => {
    const batches = fc.array(fc.array(recordArbitrary, { minLength: 1, maxLength: 5 }), {
      minLength: 1,
      maxLength: 8,
    })
    fc.assert(
      fc.property(batches, fc.double({ min: 0, max: 1, noNaN: true }), fc.nat(2_000), (...from) => {
        const [groups, share, zeros] = from
        const { bytes } = buildFile(groups)
        const end = 96 + Math.floor((bytes.length - 96) * share)
        const cut = Buffer.concat([bytes.subarray(0, end), Buffer.alloc(zeros)])
        const records: LedgerRecord[] = []
        const read = readFrames('f', cut, beginning, true, (record) => records.push(record))
        const simple: SimpleEntry[] = []
        readFileSimply(cut, 0, 0, simple)
        expect(read.ok).toBe(true)
        expect(records.map(rowOf)).toEqual(rowsOf(simple))
      }),
      { numRuns: 200 },
    )
  })

  test('no bytes whatever make recovery throw, or give back what no simple reader sees', () => {
    const { bytes } = buildFile([[{ type: 'run', run_id: 'r', started_ms: 1 }]])
    const damage = fc.array(fc.tuple(fc.nat(bytes.length - 1), fc.nat(255)), { maxLength: 6 })
    fc.assert(
      fc.property(damage, fc.uint8Array({ maxLength: 400 }), (changes, tail) => {
        const file = Buffer.concat([bytes, tail])
        for (const [at, value] of changes) file[at] = value
        const name = join(directory, 'executor-000001-1.wal')
        writeFileSync(name, file, { mode: 0o600 })
        const recovered = recoverAll(directory)
        if (recovered.ok) {
          expect(rowsOf(readSimply(directory))).toEqual(recovered.value.records.map(rowOf))
        }
        for (const each of readdirSync(directory)) rmSync(join(directory, each))
      }),
      { numRuns: 80 },
    )
  })

  test('recovery of what recovery left is the same and cuts nothing more', () => {
    mkdirSync(directory, { recursive: true })
    const groups = fc.array(fc.array(recordArbitrary, { minLength: 1, maxLength: 3 }), {
      minLength: 1,
      maxLength: 4,
    })
    fc.assert(
      fc.property(groups, fc.nat(200), (batches, lost) => {
        const name = join(directory, 'executor-000001-1.wal')
        const { bytes } = buildFile(batches)
        writeFileSync(name, bytes, { mode: 0o600 })
        truncateSync(name, Math.max(96, bytes.length - lost))
        const first = recoverAll(directory)
        const second = recoverAll(directory)
        if (!first.ok || !second.ok) throw new Error('refused')
        expect(second.value.records).toEqual(first.value.records)
        expect(second.value.end).toEqual(first.value.end)
        expect(second.value.cuts).toEqual([])
        for (const each of readdirSync(directory)) rmSync(join(directory, each))
      }),
      { numRuns: 30 },
    )
  })

  test('every record that can be written comes back as it was', () => {
    fc.assert(
      fc.property(recordArbitrary, (record) => {
        expect(ledgerRecordSchema.safeParse(record).success).toBe(true)
        expect(decodeRecord(Buffer.from(encodeRecord(record)))).toEqual(record)
      }),
      { numRuns: 2_000 },
    )
  })

  test('a record that any msgpack writer wrote is read as well', () => {
    fc.assert(
      fc.property(recordArbitrary, (record) => {
        expect(decodeRecord(pack(rowOf(record)))).toEqual(record)
      }),
      { numRuns: 1_000 },
    )
  })

  test('what is read from any bytes whatever is what a general reader reads', () => {
    const damage = fc.array(fc.tuple(fc.nat(400), fc.nat(255)), { maxLength: 3 })
    fc.assert(
      fc.property(recordArbitrary, damage, (record, changes) => {
        const bytes = Buffer.from(encodeRecord(record))
        for (const [at, value] of changes) bytes[at % bytes.length] = value
        const read = decodeRecord(bytes)
        if (read === null) return
        expect(ledgerRecordSchema.safeParse(read).success).toBe(true)
        const row = unpack(bytes) as readonly unknown[]
        expect(rowOf(read)).toEqual(
          row.map((each) => (typeof each === 'bigint' ? Number(each) : each)),
        )
      }),
      { numRuns: 3_000 },
    )
  })
})
