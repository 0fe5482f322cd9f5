import { encodeRecord } from '@bulkhead/trading-plane/ledger/codec.ts'
import {
  encodeFrame,
  encodeHeader,
  entryBytes,
  entryHeadBytes,
} from '@bulkhead/trading-plane/ledger/format.ts'
import type { LedgerRecord } from '@bulkhead/trading-plane/ledger/records.ts'
import type { ChainEnd } from '@bulkhead/trading-plane/ledger/segment.ts'

/** A small record that can be told from every other by its number. */
export const dispatch = (n: number): LedgerRecord => ({
  type: 'dispatch',
  label: `label-${n}`,
  valid_until_ms: n,
  sent_ms: n,
})

export const intent = (n: number): LedgerRecord => ({
  type: 'intent',
  label: `s4:abcdefgh:123456789012:0:${String(n).padStart(16, '0')}`,
  intent_id: `quoter-intent-number-${n}`,
  strategy_id: 'example-quoter',
  group_id: `group-${n}`,
  leg_index: 0,
  instrument: 'BTC-PERPETUAL',
  currency: 'BTC',
  side: n % 2 === 0 ? 'buy' : 'sell',
  amount_steps: n,
  price_ticks: 176_400 + n,
  amount: '10',
  price: '88200.5',
  time_in_force: 'good_til_cancelled',
  post_only: true,
  reduce_only: false,
  created_ms: 1_700_000_000_000 + n,
})

export type BuiltFile = {
  readonly bytes: Buffer
  readonly end: ChainEnd
  /** Where the header and each frame end. */
  readonly ends: readonly number[]
}

export const beginning: ChainEnd = { batch: 0, seq: 0, crc: 0 }

/** The bytes of one file with the given batches, as the writer would leave it. */
export function buildFile(
  batches: readonly (readonly LedgerRecord[])[],
  before: ChainEnd = beginning,
  number = 1,
): BuiltFile {
  const { bytes: header, crc: headerCrc } = encodeHeader({
    component: 'executor',
    number,
    firstSeq: before.seq + 1,
    firstBatch: before.batch + 1,
    chain: before.crc,
    pid: 1,
    createdMs: 1,
  })
  const parts: Buffer[] = [header]
  const ends = [header.length]
  let end: ChainEnd = { ...before, crc: headerCrc }
  for (const records of batches) {
    const payload = Buffer.concat(records.map((record, at) => entry(record, end.seq + 1 + at)))
    const head = { count: records.length, batch: end.batch + 1, firstSeq: end.seq + 1 }
    const frame = encodeFrame({ ...head, chain: end.crc }, payload)
    parts.push(frame.before, payload, frame.after)
    ends.push((ends.at(-1) ?? 0) + frame.before.length + payload.length + frame.after.length)
    end = { batch: head.batch, seq: end.seq + records.length, crc: frame.crc }
  }
  return { bytes: Buffer.concat(parts), end, ends }
}

function entry(record: LedgerRecord, seq: number): Buffer {
  const packed = encodeRecord(record)
  const bytes = Buffer.alloc(entryBytes(packed.length))
  bytes.writeUInt32LE(packed.length, 0)
  bytes.writeUInt32LE(seq >>> 0, 4)
  bytes.set(packed, entryHeadBytes)
  return bytes
}

/** `count` small records in batches of one to four. */
export function smallBatches(count: number): LedgerRecord[][] {
  const batches: LedgerRecord[][] = []
  for (let n = 1; n <= count; ) {
    const size = Math.min(1 + (batches.length % 4), count - n + 1)
    const first = n
    batches.push(Array.from({ length: size }, (_, at) => dispatch(first + at)))
    n += size
  }
  return batches
}
