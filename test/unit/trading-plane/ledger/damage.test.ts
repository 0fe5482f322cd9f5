import { crc32 } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { encodeFrame, formatVersion, readFrame } from '@bulkhead/trading-plane/ledger/format.ts'
import { readFrames } from '@bulkhead/trading-plane/ledger/read-frames.ts'
import { beginning, buildFile, dispatch, smallBatches } from '../../../support/ledger-files.ts'

const whole = buildFile(smallBatches(50))
const zeros = (count: number) => Buffer.alloc(count)

function read(bytes: Buffer, isLast = true) {
  let records = 0
  const result = readFrames('file', bytes, beginning, isLast, () => {
    records += 1
  })
  return result.ok
    ? { records, isTorn: result.value.isTorn, endOffset: result.value.endOffset, code: null }
    : { records, isTorn: false, endOffset: 0, code: result.failure.code }
}

/** The pieces of a file, so that they can be put together differently. */
const pieces = whole.ends.map((end, at) => whole.bytes.subarray(whole.ends[at - 1] ?? 0, end))
const joined = (order: readonly number[]) => Buffer.concat(order.map((at) => pieces[at]!))
const all = pieces.map((_, at) => at)

describe('a file of the ledger', () => {
  test('is read whole, with and without the zeros of its preallocation', () => {
    const expected = { records: 50, isTorn: false, endOffset: whole.bytes.length, code: null }
    expect(read(whole.bytes)).toEqual(expected)
    expect(read(Buffer.concat([whole.bytes, zeros(9_000)]))).toEqual(expected)
  })

  test('that ends at any byte behind its header loses the one batch that is torn, no other', () => {
    for (let end = 96; end <= whole.bytes.length; end += 1) {
      const lastWhole = whole.ends.findLastIndex((at) => at <= end)
      const isTorn = whole.ends[lastWhole] !== end
      const expected = { isTorn, endOffset: whole.ends[lastWhole], code: null }
      expect(read(whole.bytes.subarray(0, end))).toMatchObject(expected)
      const filled = Buffer.concat([whole.bytes.subarray(0, end), zeros(8_192)])
      expect(read(filled)).toMatchObject(expected)
    }
  })

  test('that ends within its header is refused: a file gets its name after its header', () => {
    for (let end = 0; end < 96; end += 1) {
      expect(read(whole.bytes.subarray(0, end)).code).toBe('LEDGER_CORRUPT')
    }
  })

  test('whose last batch lacks any of its sectors is cut there', () => {
    const big = Array.from({ length: 90 }, (_, n) => dispatch(n + 51))
    const file = buildFile([...smallBatches(50), big])
    const start = file.ends.at(-2) ?? 0
    for (let at = Math.ceil(start / 512) * 512; at + 512 <= file.bytes.length; at += 512) {
      const holed = Buffer.from(file.bytes)
      holed.fill(0, at, at + 512)
      expect(read(holed)).toMatchObject({ isTorn: true, endOffset: start, code: null })
    }
    const beheaded = Buffer.from(file.bytes)
    beheaded.fill(0, start, Math.ceil(start / 512) * 512)
    expect(read(beheaded)).toMatchObject({ isTorn: true, endOffset: start, code: null })
  })

  test('that is not the last one is refused when anything stands behind its last batch', () => {
    expect(read(whole.bytes, false).code).toBeNull()
    expect(read(Buffer.concat([whole.bytes, zeros(1)]), false).code).toBe('LEDGER_CORRUPT')
    expect(read(whole.bytes.subarray(0, -1), false).code).toBe('LEDGER_CORRUPT')
  })

  test('with any one bit changed is refused, in the last batch too', { timeout: 60_000 }, () => {
    const accepted: number[] = []
    for (const tail of [0, 4_096]) {
      const bytes = Buffer.concat([whole.bytes, zeros(tail)])
      for (let bit = 0; bit < whole.bytes.length * 8; bit += 1) {
        const at = bit >>> 3
        bytes[at] = (bytes[at] ?? 0) ^ (1 << (bit & 7))
        if (read(bytes).code === null) accepted.push(bit)
        bytes[at] = (bytes[at] ?? 0) ^ (1 << (bit & 7))
      }
    }
    expect(accepted).toEqual([])
  })

  test('with a batch left out, repeated, moved or exchanged says which', () => {
    for (let at = 1; at < all.length - 1; at += 1) {
      const without = all.filter((each) => each !== at)
      expect(read(joined(without)).code).toBe('LEDGER_SEQUENCE_GAP')
      const twice = all.flatMap((each) => (each === at ? [each, each] : [each]))
      expect(read(joined(twice)).code).toBe('LEDGER_SEQUENCE_REPEATED')
      const back = [...all, at]
      expect(read(joined(back)).code).toBe('LEDGER_SEQUENCE_REGRESSED')
      const exchanged = [...all]
      exchanged.splice(at, 2, all[at + 1]!, at)
      expect(read(joined(exchanged)).code).toBe('LEDGER_SEQUENCE_GAP')
    }
  })

  test('with old batches behind a cut is refused: they are no torn write', () => {
    for (let at = 1; at < all.length - 2; at += 1) {
      const cut = joined(all.slice(0, at))
      const half = pieces[at]!.subarray(0, 20)
      const stale = joined(all.slice(at + 1))
      expect(read(Buffer.concat([cut, half, stale])).code).toBe('LEDGER_CORRUPT')
      expect(read(Buffer.concat([cut, zeros(512), stale])).code).toBe('LEDGER_CORRUPT')
    }
  })

  test('with a batch of another ledger in its place is refused by the chain', () => {
    const other = buildFile([[dispatch(99)], ...smallBatches(50).slice(1)])
    const foreign = other.bytes.subarray(other.ends[1], other.ends[2])
    const mixed = Buffer.concat([whole.bytes.subarray(0, whole.ends[1]), foreign])
    expect(read(mixed).code).toBe('LEDGER_CHAIN_BROKEN')
  })

  test('of another version is refused by that name, of no version as corrupt', () => {
    const newer = buildFile([]).bytes
    newer.writeUInt32LE(formatVersion + 1, 8)
    expect(read(newer).code).toBe('LEDGER_CORRUPT')
    newer.writeUInt32LE(crc32(newer.subarray(0, 92)), 92)
    expect(read(newer).code).toBe('LEDGER_FORMAT_UNKNOWN')
    expect(read(Buffer.from('something else altogether')).code).toBe('LEDGER_CORRUPT')
  })

  test('with a record of an unknown shape is refused', () => {
    const { bytes: header, end } = buildFile([])
    for (const packed of [
      [0xc1, 0, 0, 0],
      [0x90, 0, 0, 0],
      [0x91, 0xa1, 0x78, 0],
    ]) {
      const payload = Buffer.from([4, 0, 0, 0, 1, 0, 0, 0, ...packed])
      const head = { count: 1, batch: 1, firstSeq: 1, chain: end.crc }
      const frame = encodeFrame(head, payload)
      const file = Buffer.concat([header, frame.before, payload, frame.after])
      expect(read(file).code).toBe('LEDGER_RECORD_INVALID')
    }
  })

  test('of zeros has no batch in it', () => {
    expect(readFrame(zeros(4_096), 0)).toBeNull()
    const empty = buildFile([])
    const padded = Buffer.concat([empty.bytes, zeros(4_096)])
    expect(read(padded)).toEqual({ records: 0, isTorn: false, endOffset: 96, code: null })
  })
})
