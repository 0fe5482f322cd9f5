import { basename } from 'node:path'
import type { Result } from '@bulkhead/shared/kernel/result.ts'
import type { LedgerFault } from '../faults.ts'
import type { LedgerRecord } from '../records.ts'
import type { Scanned, ScannedFile } from '../recovery.ts'

/** What the program prints; the reader on the other side checks it against a schema of its own. */
export type LedgerReport = {
  readonly directory: string
  readonly whole: boolean
  readonly fault: LedgerFault | null
  readonly last_seq: number
  readonly batches: number
  /** A batch that is being written, or that a crash left unfinished; the next start cuts it. */
  readonly torn_bytes: number
  readonly records: Readonly<Record<string, number>>
  readonly files: readonly LedgerFileReport[]
  readonly newest: readonly { readonly seq: number; readonly record: LedgerRecord }[]
}
export type LedgerFileReport = {
  readonly name: string
  readonly number: number
  readonly pid: number
  readonly compressed: boolean
  readonly created_ms: number
  readonly first_seq: number
  readonly records: number
  readonly batches: number
  readonly bytes: number
}

export function reportOf(
  directory: string,
  scanned: Result<Scanned, LedgerFault>,
  types: ReadonlyMap<string, number>,
  newest: LedgerReport['newest'],
): LedgerReport {
  const records = Object.fromEntries(types)
  if (!scanned.ok) {
    const fault = scanned.failure
    const nothing = { last_seq: 0, batches: 0, torn_bytes: 0, files: [] }
    return { directory, whole: false, fault, ...nothing, records, newest }
  }
  const { end, files } = scanned.value
  const last = files.at(-1)
  const tornBytes = last?.read.isTorn === true ? last.bytes - last.read.endOffset : 0
  return {
    directory,
    whole: true,
    fault: null,
    last_seq: end.seq,
    batches: end.batch,
    torn_bytes: tornBytes,
    records,
    files: files.map(fileReport),
    newest,
  }
}

function fileReport({ file, read }: ScannedFile): LedgerFileReport {
  return {
    name: basename(file.file),
    number: file.number,
    pid: file.pid,
    compressed: file.isCompressed,
    created_ms: read.header.createdMs,
    first_seq: read.header.firstSeq,
    records: read.records,
    batches: read.batches,
    bytes: read.endOffset,
  }
}
