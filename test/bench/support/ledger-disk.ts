import { closeSync, fdatasyncSync, openSync, writeSync } from 'node:fs'
import { assert } from '@bulkhead/shared/kernel/assert.ts'
import { encodeRecord } from '@bulkhead/trading-plane/ledger/codec.ts'
import { encodeFrame } from '@bulkhead/trading-plane/ledger/format.ts'
import { recordBytes, sampleOf } from './ledger-load.ts'

/**
 * The limit: batches of the same size, already in memory, written and synced; nothing else.
 *
 * @returns records a second
 */
export function bareLoop(file: string, count: number, perBatch: number): number {
  const batch = Buffer.alloc(perBatch * recordBytes, 1)
  const batches = Math.ceil(count / perBatch)
  const handle = preallocated(file, batches * batch.length)
  const startedMs = performance.now()
  for (let n = 0; n < batches; n += 1) {
    const written = writeSync(handle, batch, 0, batch.length, n * batch.length)
    assert(written === batch.length, 'the disk takes the whole batch')
    fdatasyncSync(handle)
  }
  const ratePerS = (batches * perBatch * 1_000) / (performance.now() - startedMs)
  closeSync(handle)
  return ratePerS
}

/** The same record packed, framed, written and synced by the one thread that waits for it. */
export class InlineAppends {
  readonly #handle: number
  #at = 0
  #chain = 0
  #nth = 0

  constructor(file: string) {
    this.#handle = preallocated(file, 4 * 1_048_576)
  }

  /** @returns microseconds of each */
  run(count: number): number[] {
    const us: number[] = []
    for (let n = 0; n < count; n += 1) {
      const fromMs = performance.now()
      this.#nth += 1
      const head = { count: 1, batch: this.#nth, firstSeq: this.#nth, chain: this.#chain }
      const packed = encodeRecord(sampleOf(n))
      const frame = encodeFrame(head, packed)
      const bytes = Buffer.concat([frame.before, packed, frame.after])
      const written = writeSync(this.#handle, bytes, 0, bytes.length, this.#at)
      assert(written === bytes.length, 'the disk takes the whole record')
      fdatasyncSync(this.#handle)
      this.#at += written
      this.#chain = frame.crc
      us.push((performance.now() - fromMs) * 1_000)
    }
    return us
  }

  close(): void {
    closeSync(this.#handle)
  }
}

function preallocated(file: string, bytes: number): number {
  const handle = openSync(file, 'w')
  const zeros = Buffer.alloc(1_048_576)
  for (let at = 0; at < bytes; at += zeros.length) writeSync(handle, zeros, 0, zeros.length, at)
  fdatasyncSync(handle)
  return handle
}
