import {
  closeSync,
  constants,
  copyFileSync,
  fdatasyncSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  rmSync,
} from 'node:fs'
import { BoundedQueue } from '@bulkhead/shared/kernel/queue.ts'
import { ok, type Result } from '@bulkhead/shared/kernel/result.ts'
import { syncDirectory } from '@bulkhead/shared/runtime/durable-file.ts'
import { failpoint } from '../failpoints/failpoint.ts'
import { fault, ioFault, type LedgerFault } from './faults.ts'
import { type FrameGuide, type OnRecord, readFrames, type SegmentRead } from './read-frames.ts'
import type { LedgerRecord } from './records.ts'
import type { ReplayStart } from './replay-start.ts'
import type { ChainEnd } from './segment.ts'
import { discardSegment, listSegments, readSegment, type SegmentFile } from './segment-files.ts'

/** Of the newest records so many are kept in memory: what a copy of the ledger may not have. */
export const newestKept = 1_024

const beginning: ChainEnd = { batch: 0, seq: 0, crc: 0 }

/** What recovery found and how long it took (safety topology section 5, recovery metrics). */
export type RecoveryMetrics = {
  readonly files: number
  readonly batches: number
  readonly totalEntries: number
  readonly lastValidSequence: number
  readonly tornBatches: number
  /** Up to which record a checkpoint stood for the ledger; 0 without one. */
  readonly checkpointSeq: number
  readonly replayedEntries: number
  /** By the times that the records carry. */
  readonly replayedSpanMs: number
  readonly durationMs: number
}

export type Recovered = {
  /** The newest records, oldest first, at most `newestKept` of them. */
  readonly newest: readonly LedgerRecord[]
  /** Highest sequence number found; 0 in a new ledger. */
  readonly lastSeq: number
  /** Wall time that the last record carries; null in a new ledger. */
  readonly lastWrittenMs: number | null
  /** What the next file has to follow from. */
  readonly end: ChainEnd
  /** Number that the next file gets. */
  readonly nextFile: number
  /** Files that are final and not compressed yet. */
  readonly uncompressed: readonly string[]
  /** Torn tails that were cut; a copy of each file was kept. */
  readonly cuts: readonly { readonly file: string; readonly bytes: number }[]
  readonly metrics: RecoveryMetrics
}

/**
 * Reads every file of the component in order, each synced before it is read. A provably torn last
 * batch is cut, after a copy was kept; anything else that is not a whole row halts (design 6.3,
 * decisions D-17 and D-18). Doing it twice changes nothing.
 *
 * @param onRecord told every record in order, so that a long ledger need not fit in memory; what it
 *   was told counts only when the whole ledger turns out sound
 * @param start the checkpoint to replay from; when it is not of this ledger every record is told
 */
export function recoverLedger(
  directory: string,
  component: string,
  onRecord: (record: LedgerRecord) => void,
  start?: ReplayStart,
): Result<Recovered, LedgerFault> {
  const startedMs = performance.now()
  try {
    syncDirectory(directory)
    const newest = new BoundedQueue<LedgerRecord>(newestKept)
    let first: LedgerRecord | undefined
    let last: LedgerRecord | undefined
    let replayedEntries = 0
    const take = (record: LedgerRecord) => {
      first ??= record
      last = record
      replayedEntries += 1
      if (newest.isFull) newest.shift()
      newest.push(record)
      onRecord(record)
    }
    let scanned = scanLedger(directory, component, true, take, { guide: start })
    const isUseless = scanned.ok && start?.isReached === false
    if (isUseless) scanned = scanLedger(directory, component, true, take)
    if (!scanned.ok) return scanned
    const { end, files } = scanned.value
    const cuts = files.flatMap((each) => makeFinal(directory, each))
    return ok({
      newest: newest.toArray(),
      lastSeq: end.seq,
      lastWrittenMs: lastTimeOf(last),
      end,
      nextFile: files.length + 1,
      uncompressed: files.flatMap(({ file }) => (file.isCompressed ? [] : [file.file])),
      cuts,
      metrics: {
        files: files.length,
        batches: end.batch,
        totalEntries: end.seq,
        lastValidSequence: end.seq,
        tornBatches: cuts.length,
        checkpointSeq: start?.isReached === true ? start.seq : 0,
        replayedEntries,
        replayedSpanMs: (lastTimeOf(last) ?? 0) - (lastTimeOf(first) ?? 0),
        durationMs: performance.now() - startedMs,
      },
    })
  } catch (error) {
    return ioFault(error, directory)
  }
}

export type Scanned = {
  readonly end: ChainEnd
  readonly files: readonly ScannedFile[]
}
export type ScanOptions = {
  readonly guide?: FrameGuide | undefined
  readonly from?: { readonly number: number; readonly before: ChainEnd } | undefined
}
export type ScannedFile = {
  readonly file: SegmentFile
  readonly read: SegmentRead
  /** Of the content, unpacked. */
  readonly bytes: number
}

/**
 * Reads a ledger and changes nothing. Without `isSynced` it may look at one that is being written.
 *
 * @param options.from the file to begin with, where what stands before it is known already
 * @throws the I/O error
 */
export function scanLedger(
  directory: string,
  component: string,
  isSynced: boolean,
  onRecord: OnRecord,
  options: ScanOptions = {},
): Result<Scanned, LedgerFault> {
  const listed = listSegments(directory, component)
  if (!listed.ok) return listed
  const files: ScannedFile[] = []
  const { guide, from = { number: 1, before: beginning } } = options
  let end = from.before
  for (const [index, file] of listed.value.entries()) {
    if (file.number < from.number) continue
    const bytes = readSegment(file, isSynced)
    if (!bytes.ok) return bytes
    const isLast = index === listed.value.length - 1
    const read = readFrames(file.file, bytes.value, end, isLast, onRecord, guide)
    if (!read.ok) return read
    const wrongPlace = whyMisplaced(file, read.value)
    if (wrongPlace !== null) return wrongPlace
    files.push({ file, read: read.value, bytes: bytes.value.length })
    discardSegment(bytes.value)
    end = read.value.end
    failpoint('ledger-segment-read')
  }
  return ok({ end, files })
}

function whyMisplaced({ file, ...name }: SegmentFile, { header }: SegmentRead) {
  const isHere =
    header.component === name.component && header.number === name.number && header.pid === name.pid
  if (isHere) return null
  const message = `holds number ${header.number} of process ${header.pid}`
  return fault('LEDGER_FILE_MISPLACED', file, 0, message)
}

/** Leaves each file as it will stay: without zeros, without a torn batch, without a twin. */
function makeFinal(directory: string, { file, read, bytes }: ScannedFile) {
  if (file.plainTwin !== null) {
    rmSync(file.plainTwin)
    syncDirectory(directory)
  }
  const surplus = bytes - read.endOffset
  if (surplus === 0 || file.isCompressed) return []
  if (read.isTorn) {
    keepCopy(directory, file.file, read.endOffset)
    failpoint('ledger-torn-copied')
  }
  const handle = openSync(file.file, 'r+')
  try {
    ftruncateSync(handle, read.endOffset)
    fdatasyncSync(handle)
  } finally {
    closeSync(handle)
  }
  if (read.isTorn) failpoint('ledger-tail-cut')
  return read.isTorn ? [{ file: file.file, bytes: surplus }] : []
}

/** A copy that an interrupted recovery left is made anew: the file is still what it was then. */
function keepCopy(directory: string, file: string, offset: number): void {
  const copy = `${file}.torn-at-${offset}`
  rmSync(copy, { force: true })
  copyFileSync(file, copy, constants.COPYFILE_EXCL)
  const handle = openSync(copy, 'r+')
  try {
    fsyncSync(handle)
  } finally {
    closeSync(handle)
  }
  syncDirectory(directory)
}

function lastTimeOf(last: LedgerRecord | undefined): number | null {
  switch (last?.type) {
    case undefined:
      return null
    case 'run':
      return last.started_ms
    case 'intent':
    case 'group':
      return last.created_ms
    case 'dispatch':
      return last.sent_ms
    case 'leg':
    case 'group_state':
    case 'group_close':
    case 'adjust':
      return last.at_ms
    case 'trade':
      return last.venue_ms
    case 'naked':
      return last.incident_ts_ms
  }
}
