import { ok, type Result } from '@bulkhead/shared/kernel/result.ts'
import { decodeRecord } from './codec.ts'
import { fault, type LedgerFault } from './faults.ts'
import {
  entryBytes,
  entryHeadBytes,
  type Frame,
  frameHeadBytes,
  headerBytes,
  readFrame,
  readHeader,
  type SegmentHeader,
} from './format.ts'
import type { LedgerRecord } from './records.ts'
import type { ChainEnd } from './segment.ts'
import { judgeTail } from './tail.ts'

export type SegmentRead = {
  readonly header: SegmentHeader
  readonly end: ChainEnd
  /** Where the last whole frame ends. */
  readonly endOffset: number
  /** Whether a batch that was never finished stands behind it. */
  readonly isTorn: boolean
  readonly batches: number
  readonly records: number
}

/** Goes along the frames of a ledger: every one is checked, not every one has to be unpacked. */
export type FrameGuide = {
  /** Whether the records are wanted of the frame that ends with this one. */
  wants(lastSeq: number): boolean
  /** A whole frame ends here, in the file that follows from `before`. */
  passed(end: ChainEnd, file: { readonly number: number; readonly before: ChainEnd }): void
}

export type OnRecord = (record: LedgerRecord, seq: number) => void

/**
 * Reads one file: every frame must be whole and follow from what stands before it, across files
 * too. What is behind the last frame may be zeros or one torn batch in the last file, and nothing
 * in a file before that, because it was made final before the next one began.
 */
export function readFrames(
  file: string,
  bytes: Buffer,
  before: ChainEnd,
  isLast: boolean,
  onRecord: OnRecord,
  guide?: FrameGuide,
): Result<SegmentRead, LedgerFault> {
  const opened = openHeader(file, bytes, before)
  if (!opened.ok) return opened
  const { header, crc } = opened.value
  let end: ChainEnd = { batch: before.batch, seq: before.seq, crc }
  let offset = headerBytes
  for (let frame = readFrame(bytes, offset); frame !== null; frame = readFrame(bytes, offset)) {
    const misplaced = orderFault(file, offset, frame, end)
    if (misplaced !== null) return misplaced
    const isWanted = guide === undefined || guide.wants(end.seq + frame.count)
    const entriesAt = offset + frameHeadBytes
    const faultyAt = isWanted ? readEntries(bytes, entriesAt, frame, onRecord) : null
    if (faultyAt !== null) {
      return fault('LEDGER_RECORD_INVALID', file, faultyAt, 'no record of a known shape')
    }
    end = { batch: frame.batch, seq: end.seq + frame.count, crc: frame.crc }
    offset += frame.bytes
    guide?.passed(end, { number: header.number, before })
  }
  if (!isLast && offset < bytes.length) {
    return fault('LEDGER_CORRUPT', file, offset, 'not a whole row of batches')
  }
  const tail = judgeTail(bytes, offset)
  if (tail === 'damaged') return fault('LEDGER_CORRUPT', file, offset, 'not a whole batch')
  const batches = end.batch - before.batch
  const records = end.seq - before.seq
  const isTorn = tail === 'torn'
  return ok({ header, end, endOffset: offset, isTorn, batches, records })
}

function openHeader(file: string, bytes: Buffer, before: ChainEnd) {
  const read = readHeader(bytes)
  if (read.kind === 'fault') {
    const code = read.fault === 'OTHER_VERSION' ? 'LEDGER_FORMAT_UNKNOWN' : 'LEDGER_CORRUPT'
    return fault(code, file, 0, `header: ${read.fault}`)
  }
  const { header } = read
  const follows = header.firstSeq === before.seq + 1 && header.firstBatch === before.batch + 1
  if (!follows) {
    const message = `begins with ${header.firstSeq} after ${before.seq}`
    return fault(sequenceCode(header.firstBatch, before.batch), file, 0, message)
  }
  if (header.chain === before.crc) return ok(read)
  return fault('LEDGER_CHAIN_BROKEN', file, 0, 'does not follow from the file before')
}

function orderFault(file: string, offset: number, frame: Frame, end: ChainEnd) {
  const { batch, firstSeq, chain } = frame
  if (batch !== end.batch + 1 || firstSeq !== end.seq + 1) {
    const message = `batch ${batch} after ${end.batch}, record ${firstSeq} after ${end.seq}`
    return fault(sequenceCode(batch, end.batch), file, offset, message)
  }
  if (chain === end.crc) return null
  return fault('LEDGER_CHAIN_BROKEN', file, offset, `batch ${batch} follows another batch`)
}

/** A gap, a repeat and a step backwards are told apart (decision D-17). */
function sequenceCode(batch: number, last: number) {
  if (batch === last) return 'LEDGER_SEQUENCE_REPEATED'
  return batch < last ? 'LEDGER_SEQUENCE_REGRESSED' : 'LEDGER_SEQUENCE_GAP'
}

/** Reads the entries of a frame; returns where it is not as it should be, or null. */
function readEntries(bytes: Buffer, start: number, frame: Frame, onRecord: OnRecord) {
  const end = start + frame.length
  let at = start
  for (let index = 0; index < frame.count; index += 1) {
    if (end - at < entryHeadBytes) return at
    const length = bytes.readUInt32LE(at)
    const seq = frame.firstSeq + index
    const isHere = length > 0 && at + entryBytes(length) <= end
    if (!isHere || bytes.readUInt32LE(at + 4) !== seq >>> 0) return at
    const from = at + entryHeadBytes
    const record = decodeRecord(bytes, from, from + length)
    if (record === null) return at
    onRecord(record, seq)
    at += entryBytes(length)
  }
  return at === end ? null : at
}
