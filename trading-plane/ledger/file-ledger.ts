import { mkdirSync } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { join } from 'node:path'
import { Packr } from 'msgpackr'
import { assert } from '@bulkhead/shared/kernel/assert.ts'
import type { Clock } from '@bulkhead/shared/kernel/clock.ts'
import { BoundedQueue } from '@bulkhead/shared/kernel/queue.ts'
import { fail, ok, type Result } from '@bulkhead/shared/kernel/result.ts'
import { syncDirectory } from '@bulkhead/shared/runtime/durable-file.ts'
import { encodeFrame, payloadBytesMax } from './frame.ts'
import { lockLedger } from './lock.ts'
import type { Ledger, LedgerReceipt } from './ports.ts'
import type { LedgerRecord } from './records.ts'
import { type LedgerFault, ledgerFileName, recoverLedger, type Recovered } from './recovery.ts'

/** Records that may wait for the disk at one time; one more is refused. */
const waitingMax = 4_096

type Waiting = {
  readonly bytes: Buffer
  readonly seq: number
  readonly takenTickMs: number
  readonly resolve: (result: Result<LedgerReceipt, 'LEDGER_FULL'>) => void
}

export type OpenedLedger = { readonly ledger: Ledger; readonly recovered: Recovered }
export type LedgerOpenFault =
  | LedgerFault
  | { readonly code: 'LEDGER_LOCKED'; readonly file: string; readonly message: string }

/**
 * Locks the ledger, recovers what is in it, and begins a file of this run.
 *
 * @throws the I/O error when the directory cannot be read or written: there is no trading without
 *   it
 */
export async function openLedger(
  directory: string,
  runId: string,
  clock: Clock,
): Promise<Result<OpenedLedger, LedgerOpenFault>> {
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const lock = lockLedger(directory)
  if (!lock.ok) {
    const message = 'another process writes this ledger'
    return fail({ code: 'LEDGER_LOCKED', file: directory, message })
  }
  const recovered = recoverLedger(directory)
  if (!recovered.ok) {
    lock.value.release()
    return recovered
  }
  const { nextFile, lastSeq } = recovered.value
  const handle = await open(join(directory, ledgerFileName(nextFile)), 'ax', 0o600)
  syncDirectory(directory)
  const ledger = new FileLedger(handle, lastSeq, clock, lock.value.release)
  await ledger.append({ type: 'run', run_id: runId, started_ms: clock.wallMs() })
  return ok({ ledger, recovered: recovered.value })
}

/**
 * Appends to one file. Whatever waits is written and synced together, one batch at a time, on the
 * thread pool: the loop never waits for the disk. An error rejects without a handler on purpose, so
 * that the process ends: a failed fsync is never tried again (reliability finding 13).
 */
class FileLedger implements Ledger {
  readonly #handle: FileHandle
  readonly #clock: Clock
  readonly #release: () => void
  readonly #packr = new Packr({ useRecords: false })
  readonly #waiting = new BoundedQueue<Waiting>(waitingMax)
  #crc = 0
  #takenSeq: number
  #durableSeq: number
  #writing: Promise<void> | null = null
  #oldestInBatchTickMs: number | null = null
  #isClosed = false

  constructor(handle: FileHandle, lastSeq: number, clock: Clock, release: () => void) {
    this.#handle = handle
    this.#takenSeq = lastSeq
    this.#durableSeq = lastSeq
    this.#clock = clock
    this.#release = release
  }

  get durableSeq(): number {
    return this.#durableSeq
  }

  get waitingSinceTickMs(): number | null {
    return this.#oldestInBatchTickMs ?? this.#waiting.peek()?.takenTickMs ?? null
  }

  append(record: LedgerRecord): Promise<Result<LedgerReceipt, 'LEDGER_FULL'>> {
    if (this.#waiting.isFull || this.#isClosed) return Promise.resolve(fail('LEDGER_FULL'))
    const payload = this.#packr.pack(record)
    assert(payload.length > 0 && payload.length <= payloadBytesMax, 'a record fits its frame')
    const seq = this.#takenSeq + 1
    const { bytes, crc } = encodeFrame(seq, payload, this.#crc)
    this.#takenSeq = seq
    this.#crc = crc
    return new Promise((resolve) => {
      const takenTickMs = this.#clock.monotonicMs()
      const isTaken = this.#waiting.push({ bytes, seq, takenTickMs, resolve })
      assert(isTaken, 'a queue that is not full takes a record')
      this.#writing ??= this.#writeAll()
    })
  }

  async close(): Promise<void> {
    this.#isClosed = true
    await this.#writing
    await this.#handle.close()
    this.#release()
  }

  async #writeAll(): Promise<void> {
    while (this.#waiting.size > 0) {
      const batch = this.#takeBatch()
      this.#oldestInBatchTickMs = batch[0]?.takenTickMs ?? null
      await this.#writeFully(Buffer.concat(batch.map(({ bytes }) => bytes)))
      await this.#handle.datasync()
      this.#durableSeq = batch.at(-1)?.seq ?? this.#durableSeq
      for (const { resolve, seq } of batch) resolve(ok({ seq }))
    }
    this.#oldestInBatchTickMs = null
    this.#writing = null
  }

  #takeBatch(): Waiting[] {
    const batch: Waiting[] = []
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      batch.push(next)
    }
    return batch
  }

  /** Node reports a short write as success: the count decides (reliability finding 11). */
  async #writeFully(bytes: Buffer): Promise<void> {
    let written = 0
    while (written < bytes.length) {
      const { bytesWritten } = await this.#handle.write(bytes, written, bytes.length - written)
      if (bytesWritten <= 0) throw new Error('the disk accepted no byte of the ledger')
      written += bytesWritten
    }
  }
}
