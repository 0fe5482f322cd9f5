import {
  closeSync,
  fstatSync,
  fsyncSync,
  lstatSync,
  openSync,
  readdirSync,
  readSync,
} from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { constants, zstdCompress, zstdDecompress, zstdDecompressSync } from 'node:zlib'
import { ok, type Result } from '@bulkhead/shared/kernel/result.ts'
import { fault, type LedgerFault } from './faults.ts'
import { otherFileKind, readSegmentName, type SegmentName } from './file-names.ts'
import { formatVersion } from './format.ts'

/** Bound on one file, plain or unpacked; the largest that can be configured and its header. */
const fileBytesMax = 257 * 1_048_576
/** A file of the usual size comes out in one piece, which then need not be copied together. */
const unpackedChunkBytes = 17 * 1_048_576
const othersMayWrite = 0o022

export type SegmentFile = SegmentName & {
  readonly file: string
  /** The same file, not yet compressed; it was left by a crash and is the one to trust. */
  readonly plainTwin: string | null
}

/**
 * Finds the files of a component in the order of their numbers. The row must be complete and
 * nothing else may lie there: a renamed file would otherwise be a file that never was.
 */
export function listSegments(
  directory: string,
  component: string,
): Result<SegmentFile[], LedgerFault> {
  const files: SegmentFile[] = []
  for (const name of readdirSync(directory).toSorted()) {
    const file = join(directory, name)
    const parts = readSegmentName(name)
    if (parts === null) {
      const kind = otherFileKind(name)
      if (kind === 'unknown') return fault('LEDGER_FILE_UNKNOWN', file, 0, 'no part of a ledger')
      if (kind === 'format-1') {
        const message = `format 1; this version writes format ${formatVersion}`
        return fault('LEDGER_FORMAT_UNKNOWN', file, 0, message)
      }
    } else if (parts.component === component) {
      const unsafe = whyUnsafe(file)
      if (unsafe !== null) return fault('LEDGER_FILE_UNSAFE', file, 0, unsafe)
      files.push({ ...parts, file, plainTwin: null })
    }
  }
  files.sort((left, right) => left.number - right.number)
  return inOneRow(files)
}

function whyUnsafe(file: string): string | null {
  const stat = lstatSync(file)
  if (!stat.isFile()) return 'not a regular file'
  return (stat.mode & othersMayWrite) === 0 ? null : 'others may write it'
}

function inOneRow(files: readonly SegmentFile[]): Result<SegmentFile[], LedgerFault> {
  const row: SegmentFile[] = []
  for (const file of files) {
    const last = row.at(-1)
    if (last?.number === file.number) {
      // A crash between compressing and removing leaves both; `.wal` sorts before `.wal.zst`.
      const isTwin = last.pid === file.pid && !last.isCompressed && file.isCompressed
      if (!isTwin || last.plainTwin !== null) {
        return fault('LEDGER_FILE_REPEATED', file.file, 0, `beside ${last.file}`)
      }
      row[row.length - 1] = { ...file, plainTwin: last.file }
    } else if (file.number === row.length + 1) {
      row.push(file)
    } else {
      return fault('LEDGER_FILE_MISSING', file.file, 0, `expected number ${row.length + 1}`)
    }
  }
  return ok(row)
}

/**
 * The bytes of a file, unpacked. `isSynced` syncs it first, so that nothing is decided on what a
 * crashed process never made durable.
 *
 * @throws the I/O error
 */
export function readSegment(segment: SegmentFile, isSynced: boolean): Result<Buffer, LedgerFault> {
  const bytes = readWhole(segment.file, isSynced)
  if (!segment.isCompressed) return ok(bytes)
  const plain = unpack(bytes)
  discardSegment(bytes)
  if (plain === null) return fault('LEDGER_CORRUPT', segment.file, 0, 'cannot be unpacked')
  if (segment.plainTwin === null) return ok(plain)
  const twin = readWhole(segment.plainTwin, isSynced)
  const isSame = plain.equals(twin)
  discardSegment(twin)
  if (isSame) return ok(plain)
  return fault('LEDGER_FILE_REPEATED', segment.file, 0, `not the same as ${segment.plainTwin}`)
}

/**
 * Gives back the memory of a file that was read, at once: the collector knows little of how large
 * it is and would let many of them wait.
 */
export function discardSegment(bytes: Buffer): void {
  ;(bytes.buffer as ArrayBuffer).transfer(0)
}

/** The bytes are in memory of their own, never in a pool that others share. */
function readWhole(file: string, isSynced: boolean): Buffer {
  const handle = openSync(file, isSynced ? 'r+' : 'r')
  try {
    if (isSynced) fsyncSync(handle)
    const bytes = Buffer.allocUnsafeSlow(fstatSync(handle).size)
    let length = 0
    while (length < bytes.length) {
      const more = readSync(handle, bytes, length, bytes.length - length, null)
      if (more === 0) break
      length += more
    }
    return bytes.subarray(0, length)
  } finally {
    closeSync(handle)
  }
}

function unpack(bytes: Buffer): Buffer | null {
  try {
    return zstdDecompressSync(bytes, {
      maxOutputLength: fileBytesMax,
      chunkSize: unpackedChunkBytes,
    })
  } catch {
    return null
  }
}

const compress = promisify(zstdCompress)
const decompress = promisify(zstdDecompress)

/** Packs a file's bytes on the thread pool, with a checksum over the content. */
export function packSegment(bytes: Buffer): Promise<Buffer> {
  return compress(bytes, { params: { [constants.ZSTD_c_checksumFlag]: 1 } })
}

/** Whether packed bytes unpack to so many bytes that pass their checksum. */
export async function isPackedWhole(packed: Buffer, length: number): Promise<boolean> {
  const plain = await decompress(packed, { maxOutputLength: fileBytesMax })
  return plain.length === length
}
