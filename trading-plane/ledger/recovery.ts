import {
  closeSync,
  copyFileSync,
  fdatasyncSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readdirSync,
  readFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { unpack } from 'msgpackr'
import { fail, ok, type Result } from '@bulkhead/shared/kernel/result.ts'
import { syncDirectory } from '@bulkhead/shared/runtime/durable-file.ts'
import { hasFrameAfter, readFrame } from './frame.ts'
import { type LedgerRecord, ledgerRecordSchema } from './records.ts'

export const ledgerFaults = [
  'LEDGER_CORRUPT',
  'LEDGER_SEQUENCE_BROKEN',
  'LEDGER_RECORD_INVALID',
  'LEDGER_FILE_MISSING',
] as const
export type LedgerFault = {
  readonly code: (typeof ledgerFaults)[number]
  readonly file: string
  readonly offset: number
  readonly message: string
}

export type Recovered = {
  readonly records: readonly LedgerRecord[]
  /** Highest sequence number found; 0 in a new ledger. */
  readonly lastSeq: number
  /** Wall time that the last record carries; null in a new ledger. */
  readonly lastWrittenMs: number | null
  /** Number that the next file gets. */
  readonly nextFile: number
  /** Torn tails that were cut; a copy of each file was kept. */
  readonly cuts: readonly { readonly file: string; readonly bytes: number }[]
}

type FileRead = { readonly records: LedgerRecord[]; readonly lastSeq: number; readonly end: number }

const fileName = /^executor-(\d{6})\.wal$/

export function ledgerFileName(number: number): string {
  return `executor-${String(number).padStart(6, '0')}.wal`
}

/**
 * Reads every file of the ledger in order. Each is synced before it is read, so that nothing is
 * decided on what was never durable. One provably torn last frame per file is cut, after a copy was
 * kept; anything else that is not a whole row of frames halts (design 6.3, decisions D-17 and
 * D-18).
 */
export function recoverLedger(directory: string): Result<Recovered, LedgerFault> {
  const numbers = readdirSync(directory)
    .flatMap((name) => (fileName.exec(name)?.[1] === undefined ? [] : [Number(name.slice(9, 15))]))
    .sort((left, right) => left - right)
  const records: LedgerRecord[] = []
  const cuts: { file: string; bytes: number }[] = []
  let lastSeq = 0
  for (const [index, number] of numbers.entries()) {
    const file = join(directory, ledgerFileName(number))
    if (number !== index + 1) return fault('LEDGER_FILE_MISSING', file, 0, `expected ${index + 1}`)
    const bytes = readSynced(file)
    const read = readFile(file, bytes, lastSeq)
    if (!read.ok) return read
    if (read.value.end < bytes.length) {
      cutTail(directory, file, read.value.end)
      cuts.push({ file, bytes: bytes.length - read.value.end })
    }
    for (const record of read.value.records) records.push(record)
    lastSeq = read.value.lastSeq
  }
  const lastWrittenMs = lastTimeOf(records)
  return ok({ records, lastSeq, lastWrittenMs, nextFile: numbers.length + 1, cuts })
}

function lastTimeOf(records: readonly LedgerRecord[]): number | null {
  const last = records.at(-1)
  switch (last?.type) {
    case undefined:
      return null
    case 'run':
      return last.started_ms
    case 'intent':
      return last.created_ms
    case 'dispatch':
      return last.sent_ms
    case 'leg':
      return last.at_ms
    case 'trade':
      return last.venue_ms
  }
}

function readFile(file: string, bytes: Buffer, seqBefore: number): Result<FileRead, LedgerFault> {
  const records: LedgerRecord[] = []
  let lastSeq = seqBefore
  let offset = 0
  let crc = 0
  for (;;) {
    const read = readFrame(bytes, offset, crc)
    if (read.kind === 'end') return ok({ records, lastSeq, end: offset })
    if (read.kind === 'fault') {
      const isTorn = read.fault === 'INCOMPLETE' || read.fault === 'ZEROS'
      if (isTorn && !hasFrameAfter(bytes, offset)) return ok({ records, lastSeq, end: offset })
      return fault('LEDGER_CORRUPT', file, offset, read.fault)
    }
    const { frame } = read
    if (frame.seq !== lastSeq + 1) {
      return fault('LEDGER_SEQUENCE_BROKEN', file, offset, `${frame.seq} after ${lastSeq}`)
    }
    const record = decode(frame.payload)
    if (record === undefined) return fault('LEDGER_RECORD_INVALID', file, offset, 'unknown shape')
    records.push(record)
    lastSeq = frame.seq
    crc = frame.crc
    offset += frame.bytes
  }
}

function decode(payload: Buffer): LedgerRecord | undefined {
  let value: unknown
  try {
    value = unpack(payload)
  } catch {
    return undefined
  }
  const parsed = ledgerRecordSchema.safeParse(value)
  return parsed.success ? parsed.data : undefined
}

function readSynced(file: string): Buffer {
  const handle = openSync(file, 'r+')
  try {
    fsyncSync(handle)
    return readFileSync(handle)
  } finally {
    closeSync(handle)
  }
}

function cutTail(directory: string, file: string, end: number): void {
  copyFileSync(file, `${file}.torn-at-${end}`)
  const handle = openSync(file, 'r+')
  try {
    ftruncateSync(handle, end)
    fdatasyncSync(handle)
  } finally {
    closeSync(handle)
  }
  syncDirectory(directory)
}

function fault(
  code: LedgerFault['code'],
  file: string,
  offset: number,
  message: string,
): Result<never, LedgerFault> {
  return fail({ code, file, offset, message })
}
