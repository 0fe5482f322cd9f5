import { assert } from '@bulkhead/shared/kernel/assert.ts'
import { entryBytes, entryHeadBytes, recordBytesMax } from './format.ts'

const cellHead = 0
const cellTail = 1
const cellSleeping = 2
const cellStopping = 3
const cellDurable = 4
const cellSyncUsMax = 5
const cellBatches = 6
const cells = 16
const controlBytes = cells * 4

/**
 * The way of records from the loop to the writer thread: one producer, one consumer, bounded, in
 * shared memory. Entries lie in it exactly as they will lie in the file, each in one piece; a
 * length of zero says that the row goes on at the start of the ring. Head and tail count bytes
 * modulo 2^32. Room is given back only once its records are durable.
 */
export function createRing(bytes: number): SharedArrayBuffer {
  assert(bytes >= 2 * entryBytes(recordBytesMax), 'a ring holds two records of any size')
  assert((bytes & (bytes - 1)) === 0, 'the size of a ring is a power of two')
  return new SharedArrayBuffer(controlBytes + bytes)
}

/** The loop's end. It never waits. */
export class RingProducer {
  readonly #control: Int32Array
  readonly #words: Uint32Array
  readonly #bytes: Uint8Array
  readonly #capacity: number
  #head = 0

  /** @param lastSeq what is durable before the first record of this ring */
  constructor(ring: SharedArrayBuffer, lastSeq: number) {
    this.#capacity = ring.byteLength - controlBytes
    this.#control = new Int32Array(ring, 0, cells)
    this.#words = new Uint32Array(ring, controlBytes)
    this.#bytes = new Uint8Array(ring, controlBytes)
    Atomics.store(this.#control, cellDurable, lastSeq | 0)
  }

  /** Bytes that are taken and not given back yet. */
  get usedBytes(): number {
    return (this.#head - Atomics.load(this.#control, cellTail)) >>> 0
  }

  get capacityBytes(): number {
    return this.#capacity
  }

  /**
   * Takes a copy of a record; false when there is no room, and then nothing was taken.
   *
   * @param bytesMax how full the ring may be with it
   */
  offer(record: Uint8Array, seq: number, bytesMax = this.#capacity): boolean {
    assert(record.length > 0 && record.length <= recordBytesMax, 'a record fits its entry')
    const need = entryBytes(record.length)
    const offset = this.#head & (this.#capacity - 1)
    const toEnd = this.#capacity - offset
    const skipped = need > toEnd ? toEnd : 0
    if (this.usedBytes + skipped + need > bytesMax) return false
    if (skipped > 0) this.#words[offset >>> 2] = 0
    const at = skipped > 0 ? 0 : offset
    // The last word first: what of it the record does not cover is the padding.
    this.#words[(at + need - 4) >>> 2] = 0
    this.#words[at >>> 2] = record.length
    this.#words[(at + 4) >>> 2] = seq
    this.#bytes.set(record, at + entryHeadBytes)
    this.#head = (this.#head + skipped + need) >>> 0
    Atomics.store(this.#control, cellHead, this.#head)
    return true
  }

  /**
   * Whether the writer has to be woken. One that is about to sleep looks once more at what was
   * offered before it does.
   */
  get isWriterAsleep(): boolean {
    return Atomics.load(this.#control, cellSleeping) === 1
  }

  /** Wakes the writer if it sleeps; costs nothing while it is awake. */
  wake(): void {
    if (!this.isWriterAsleep) return
    if (Atomics.exchange(this.#control, cellSleeping, 0) === 1) {
      Atomics.notify(this.#control, cellSleeping)
    }
  }

  stop(): void {
    Atomics.store(this.#control, cellStopping, 1)
    this.wake()
  }

  get isStopping(): boolean {
    return Atomics.load(this.#control, cellStopping) === 1
  }

  /** Low 32 bits of the sequence number of the last durable record. */
  get durableLow(): number {
    return Atomics.load(this.#control, cellDurable) >>> 0
  }

  /** Resolves once something more is durable than `seenLow`. */
  async moreDurable(seenLow: number): Promise<void> {
    const wait = Atomics.waitAsync(this.#control, cellDurable, seenLow | 0)
    if (wait.async) await wait.value
  }

  /** What the writer measured of itself. */
  get writerCounters(): { readonly syncUsMax: number; readonly batches: number } {
    return {
      syncUsMax: Atomics.load(this.#control, cellSyncUsMax),
      batches: Atomics.load(this.#control, cellBatches),
    }
  }
}

export type RingBatch = {
  /** Entries as they will lie in the file; the ring's own memory until `release`. */
  readonly payload: Uint8Array
  readonly count: number
  readonly firstSeqLow: number
  readonly end: number
}

/** The writer thread's end. */
export class RingConsumer {
  readonly #control: Int32Array
  readonly #words: Uint32Array
  readonly #bytes: Uint8Array
  readonly #capacity: number
  #tail = 0

  constructor(ring: SharedArrayBuffer) {
    this.#capacity = ring.byteLength - controlBytes
    this.#control = new Int32Array(ring, 0, cells)
    this.#words = new Uint32Array(ring, controlBytes)
    this.#bytes = new Uint8Array(ring, controlBytes)
  }

  /** What waits, in one piece and within a bound; null when nothing does. */
  take(bytesMax: number): RingBatch | null {
    const head = Atomics.load(this.#control, cellHead) >>> 0
    let waiting = (head - this.#tail) >>> 0
    let start = this.#tail & (this.#capacity - 1)
    if (waiting > 0 && this.#words[start >>> 2] === 0) {
      waiting -= this.#capacity - start
      this.#tail = (this.#tail + this.#capacity - start) >>> 0
      start = 0
    }
    if (waiting === 0) return null
    const limit = Math.min(this.#capacity, start + waiting)
    let at = start
    let count = 0
    while (at < limit) {
      const length = this.#words[at >>> 2] ?? 0
      if (length === 0) break
      const need = entryBytes(length)
      assert(length <= recordBytesMax && at + need <= limit, 'entries of the ring are whole')
      if (count > 0 && at + need - start > bytesMax) break
      at += need
      count += 1
    }
    const firstSeqLow = this.#words[(start + 4) >>> 2] ?? 0
    const end = (this.#tail + at - start) >>> 0
    return { payload: this.#bytes.subarray(start, at), count, firstSeqLow, end }
  }

  /** Gives back the room of a batch and says up to where records are durable. */
  release(batch: RingBatch, lastSeq: number, syncUs: number): void {
    this.#tail = batch.end
    Atomics.store(this.#control, cellTail, batch.end)
    Atomics.add(this.#control, cellBatches, 1)
    const syncUsMax = Math.max(syncUs, Atomics.load(this.#control, cellSyncUsMax))
    Atomics.store(this.#control, cellSyncUsMax, syncUsMax)
    Atomics.store(this.#control, cellDurable, lastSeq >>> 0)
    Atomics.notify(this.#control, cellDurable)
  }

  get isStopping(): boolean {
    return Atomics.load(this.#control, cellStopping) === 1
  }

  /**
   * Looks for more for a while, then sleeps until it is woken, or for `sleepMs` at the longest, so
   * that records that woke nobody are not forgotten.
   */
  waitForMore(spinUs: number, sleepMs: number): void {
    const spinUntilMs = performance.now() + spinUs / 1_000
    do {
      if (this.#hasMore()) return
    } while (performance.now() < spinUntilMs)
    Atomics.store(this.#control, cellSleeping, 1)
    if (!this.#hasMore()) Atomics.wait(this.#control, cellSleeping, 1, sleepMs)
    Atomics.store(this.#control, cellSleeping, 0)
  }

  #hasMore(): boolean {
    const head = Atomics.load(this.#control, cellHead) >>> 0
    return head !== this.#tail || this.isStopping
  }
}
