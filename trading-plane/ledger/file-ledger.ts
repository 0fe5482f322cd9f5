import { mkdirSync } from 'node:fs'
import { setImmediate } from 'node:timers'
import { assert } from '@bulkhead/shared/kernel/assert.ts'
import type { Clock } from '@bulkhead/shared/kernel/clock.ts'
import { BoundedQueue } from '@bulkhead/shared/kernel/queue.ts'
import { fail, ok, type Result } from '@bulkhead/shared/kernel/result.ts'
import { failpoint } from '../failpoints/failpoint.ts'
import { encodeRecord } from './codec.ts'
import { type LedgerConfig, ledgerConfigSchema } from './config.ts'
import { fault, ioFault, type LedgerFault } from './faults.ts'
import { entryTypeOf, fsyncPolicyFor } from './fsync-policy.core.ts'
import { Housekeeping, type HousekeepingLog } from './housekeeping.ts'
import { type LedgerLock, lockLedger } from './lock.ts'
import type { Ledger, LedgerReceipt } from './ports.ts'
import { type LedgerPurpose, roomFor } from './purpose.core.ts'
import type { LedgerRecord } from './records.ts'
import { recoverLedger, type Recovered } from './recovery.ts'
import type { ReplayStart } from './replay-start.ts'
import { createRing, RingProducer } from './ring.ts'
import { removeUnfinished } from './segment.ts'
import { Writer } from './writer.ts'

/** More than the entry of an opening order's record and its dispatch, wherever they begin. */
const openingBytesMax = 4_096

/**
 * Records that become durable in one turn of the loop: what waits for them goes on in between, and
 * the writer gets its next batch meanwhile.
 */
const acknowledgedPerTurnMax = 256

type Append = Result<LedgerReceipt, 'LEDGER_FULL'>
type Waiting = {
  readonly record: LedgerRecord
  readonly seq: number
  readonly takenTickMs: number
  readonly resolve: ((result: Append) => void) | null
}

export type LedgerOptions = {
  readonly directory: string
  readonly runId: string
  readonly clock: Clock
  readonly component?: string
  readonly config?: LedgerConfig
  readonly log?: HousekeepingLog
  /** Told every recovered record in order; counts only when the ledger opens. */
  readonly onRecovered?: (record: LedgerRecord) => void
  /** The checkpoint to replay from. */
  readonly start?: ReplayStart | undefined
  /** Given what was recovered, returns who is told of every record that is durable after it. */
  readonly follow?: (recovered: Recovered) => (record: LedgerRecord, seq: number) => void
}

export type OpenedLedger = { readonly ledger: FileLedger; readonly recovered: Recovered }

/**
 * Locks the ledger, recovers what is in it, and begins a file of this run.
 *
 * @returns why the ledger is refused; then nothing was changed but what recovery may
 */
export async function openLedger(
  options: LedgerOptions,
): Promise<Result<OpenedLedger, LedgerFault>> {
  const { directory } = options
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 })
    const lock = await lockLedger(directory)
    if (!lock.ok) {
      return fault('LEDGER_LOCKED', directory, 0, 'another process writes this ledger')
    }
    let isOpen = false
    try {
      const opened = await openLocked(options, lock.value)
      isOpen = opened.ok
      return opened
    } finally {
      if (!isOpen) lock.value.release()
    }
  } catch (error) {
    return ioFault(error, directory)
  }
}

async function openLocked(
  options: LedgerOptions,
  lock: LedgerLock,
): Promise<Result<OpenedLedger, LedgerFault>> {
  const { directory, component = 'executor', runId, clock, onRecovered = () => {} } = options
  failpoint('ledger-locked')
  const recovered = recoverLedger(directory, component, onRecovered, options.start)
  if (!recovered.ok) return recovered
  removeUnfinished(directory, component)
  failpoint('ledger-unfinished-removed')
  const ledger = new FileLedger(options, recovered.value, lock.release)
  await ledger.append({ type: 'run', run_id: runId, started_ms: clock.wallMs() })
  failpoint('ledger-run-recorded')
  return ok({ ledger, recovered: recovered.value })
}

/**
 * The loop's end of the ledger: packs a record into the ring and goes on. The writer thread brings
 * it to the disk; what is durable comes back as one number.
 */
export class FileLedger implements Ledger {
  readonly #clock: Clock
  readonly #config: LedgerConfig
  readonly #onDurable: ((record: LedgerRecord, seq: number) => void) | undefined
  readonly #ring: RingProducer
  readonly #writer: Writer
  readonly #housekeeping: Housekeeping
  readonly #release: () => void
  readonly #waiting: BoundedQueue<Waiting>
  readonly #pollMs: number
  #takenSeq: number
  #durableSeq: number
  #refused = 0
  #isClosed = false
  /** A record was refused, and there was no room for one that adds risk since. */
  #isCrowded = false
  #isWakeDue = false
  #isFollowing = false
  #pollUntilTickMs = 0

  constructor(options: LedgerOptions, recovered: Recovered, release: () => void) {
    const { directory, component = 'executor', config = ledgerConfigSchema.parse({}) } = options
    this.#clock = options.clock
    this.#config = config
    this.#onDurable = options.follow?.(recovered)
    this.#release = release
    this.#takenSeq = recovered.lastSeq
    this.#durableSeq = recovered.lastSeq
    this.#waiting = new BoundedQueue(config.waitingMax)
    this.#pollMs = config.pollUs / 1_000
    this.#housekeeping = new Housekeeping(directory, component, config.segmentBytes, options.log)
    const ring = createRing(config.ringBytes)
    this.#ring = new RingProducer(ring, recovered.lastSeq)
    this.#writer = new Writer(
      {
        ring,
        directory,
        component,
        before: recovered.end,
        fileNumber: recovered.nextFile,
        segmentBytes: config.segmentBytes,
        batchBytesMax: config.batchBytesMax,
        syncIntervalMs: config.syncIntervalMs,
        spinUs: config.spinUs,
      },
      {
        onNews: ({ kind, name }) => {
          if (kind === 'began') this.#housekeeping.prepareNext()
          else this.#housekeeping.compress(name)
        },
        isStopping: () => this.#ring.isStopping,
      },
    )
    for (const name of recovered.uncompressed) this.#housekeeping.compress(name)
  }

  get durableSeq(): number {
    return this.#durableSeq
  }

  get waitingSinceTickMs(): number | null {
    return this.#waiting.peek()?.takenTickMs ?? null
  }

  /** What `/status` shows of the ledger (contract 2.4.1). */
  counters(): Readonly<Record<string, number>> {
    const { syncUsMax, batches } = this.#ring.writerCounters
    return {
      wal_queue_depth: this.#waiting.size,
      wal_queue_capacity: this.#waiting.capacity,
      wal_queue_enqueue_failures: this.#refused,
      wal_write_errors: this.#refused,
      wal_batches: batches,
      wal_sync_us_max: syncUsMax,
    }
  }

  get isCrowded(): boolean {
    const { usedBytes, capacityBytes } = this.#ring
    const hasPlace = this.#waiting.size < roomFor('opening', this.#waiting.capacity)
    const hasBytes = usedBytes + openingBytesMax <= roomFor('opening', capacityBytes)
    if (hasPlace && hasBytes) this.#isCrowded = false
    return this.#isCrowded
  }

  append(record: LedgerRecord, purpose: LedgerPurpose = 'truth'): Promise<Append> {
    const payload = encodeRecord(record)
    const seq = this.#takenSeq + 1
    const isQueueFull = this.#waiting.size >= roomFor(purpose, this.#waiting.capacity)
    const bytesMax = roomFor(purpose, this.#ring.capacityBytes)
    if (this.#isClosed || isQueueFull || !this.#ring.offer(payload, seq, bytesMax)) {
      this.#refused += 1
      this.#isCrowded = true
      return Promise.resolve(fail('LEDGER_FULL'))
    }
    this.#takenSeq = seq
    const takenTickMs = this.#clock.monotonicMs()
    if (fsyncPolicyFor(entryTypeOf(record.type), this.#config) === 'recorded') {
      this.#wait({ record, seq, takenTickMs, resolve: null })
      return Promise.resolve(ok({ seq, acknowledged: 'recorded' }))
    }
    this.#wakeWriter()
    this.#pollUntilTickMs = takenTickMs + this.#pollMs
    return new Promise((resolve) => {
      this.#wait({ record, seq, takenTickMs, resolve })
    })
  }

  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#ring.stop()
    await this.#writer.ended
    this.#takeDurable(Number.POSITIVE_INFINITY)
    assert(this.#waiting.size === 0, 'everything that was taken is durable at the end')
    await this.#housekeeping.stop()
    this.#release()
  }

  #wait(waiting: Waiting): void {
    const isTaken = this.#waiting.push(waiting)
    assert(isTaken, 'a queue that is not full takes a record')
    if (this.#isFollowing) return
    this.#isFollowing = true
    setImmediate(this.#follow)
  }

  /**
   * Wakes a writer that sleeps, at the end of this turn and once for all its records: the thread
   * that is woken may well take over the core that this one runs on.
   */
  #wakeWriter(): void {
    if (this.#isWakeDue || !this.#ring.isWriterAsleep) return
    this.#isWakeDue = true
    queueMicrotask(this.#wake)
  }

  readonly #wake = () => {
    this.#isWakeDue = false
    this.#ring.wake()
  }

  /**
   * While something waits, looks for what became durable: first once in every turn of the loop,
   * because being woken costs as much as half a sync, then asleep, so that a disk that stalls does
   * not keep the loop spinning.
   */
  readonly #follow = () => {
    this.#takeDurable(acknowledgedPerTurnMax)
    const isBehind = this.#ring.durableLow !== this.#durableSeq >>> 0
    const isPolling = this.#clock.monotonicMs() < this.#pollUntilTickMs
    if (this.#waiting.size === 0) this.#isFollowing = false
    else if (isBehind || isPolling) setImmediate(this.#follow)
    else void this.#ring.moreDurable(this.#durableSeq).then(this.#follow)
  }

  #takeDurable(countMax: number): void {
    const more = Math.min((this.#ring.durableLow - this.#durableSeq) >>> 0, countMax)
    this.#durableSeq += more
    for (let left = more; left > 0; left -= 1) {
      const waiting = this.#waiting.shift()
      assert(waiting !== undefined, 'only what was taken becomes durable')
      const { record, seq, resolve } = waiting
      resolve?.(ok({ seq, acknowledged: 'durable' }))
      this.#onDurable?.(record, seq)
    }
  }
}
