import {
  closeSync,
  fdatasyncSync,
  fstatSync,
  ftruncateSync,
  openSync,
  renameSync,
  rmSync,
  writeSync,
  writevSync,
} from 'node:fs'
import { join } from 'node:path'
import { assert } from '@bulkhead/shared/kernel/assert.ts'
import { syncDirectory, writeFully } from '@bulkhead/shared/runtime/durable-file.ts'
import { failpoint } from '../failpoints/failpoint.ts'
import { makingName, preparedName, preparingName, segmentFileName } from './file-names.ts'
import { encodeFrame, encodeHeader, frameBytes, headerBytes, type SegmentHeader } from './format.ts'

const zerosChunkBytes = 1_048_576

/** Where the row of frames stands: what the next frame has to carry. */
export type ChainEnd = { readonly batch: number; readonly seq: number; readonly crc: number }

/**
 * A file that is being written. It has its full size from the start, so that a sync has no size to
 * record and a full disk shows when the file is made, not in the middle of an order.
 */
export class Segment {
  readonly name: string
  readonly #directory: string
  readonly #handle: number
  readonly #bytesMax: number
  #position = headerBytes
  #end: ChainEnd

  /**
   * Makes the next file of the row: zeros, header, sync, and only then its name, so that a file
   * with the name of a segment is always whole up to its header.
   *
   * @throws the I/O error: there is no writing without it
   */
  constructor(
    directory: string,
    header: Omit<SegmentHeader, 'firstSeq' | 'firstBatch' | 'chain'>,
    before: ChainEnd,
    bytesMax: number,
  ) {
    const { component, number, pid } = header
    const { bytes, crc } = encodeHeader({
      ...header,
      firstSeq: before.seq + 1,
      firstBatch: before.batch + 1,
      chain: before.crc,
    })
    this.name = segmentFileName(component, number, pid)
    this.#directory = directory
    this.#bytesMax = bytesMax
    this.#end = { ...before, crc }
    const file = join(directory, makingName(component))
    const prepared = join(directory, preparedName(component))
    this.#handle = takePrepared(prepared, file, bytesMax) ?? fill(file, bytesMax)
    failpoint('ledger-segment-filled')
    const written = writeSync(this.#handle, bytes, 0, headerBytes, 0)
    if (written !== headerBytes) throw new Error('the disk took half a header')
    fdatasyncSync(this.#handle)
    failpoint('ledger-header-synced')
    renameSync(file, join(directory, this.name))
    failpoint('ledger-segment-named')
    syncDirectory(directory)
  }

  get end(): ChainEnd {
    return this.#end
  }

  hasRoomFor(payloadLength: number): boolean {
    return this.#position + frameBytes(payloadLength) <= this.#bytesMax
  }

  /**
   * Writes one frame and waits for the disk.
   *
   * @throws the I/O error, also when the disk took only a part: Node reports that as success
   *   (reliability finding 11). The caller ends the process; a sync is never tried again.
   */
  append(payload: Uint8Array, count: number): void {
    assert(this.hasRoomFor(payload.length), 'a frame fits its file')
    const batch = this.#end.batch + 1
    const firstSeq = this.#end.seq + 1
    const head = { count, batch, firstSeq, chain: this.#end.crc }
    const { before, after, crc } = encodeFrame(head, payload)
    const wanted = frameBytes(payload.length)
    const written = writevSync(this.#handle, [before, payload, after], this.#position)
    if (written !== wanted) throw new Error(`the disk took ${written} of ${wanted} bytes`)
    failpoint('ledger-frame-written')
    fdatasyncSync(this.#handle)
    failpoint('ledger-frame-synced')
    this.#position += wanted
    this.#end = { batch, seq: this.#end.seq + count, crc }
  }

  /** Cuts off what was not used and makes the file final. */
  seal(): void {
    ftruncateSync(this.#handle, this.#position)
    fdatasyncSync(this.#handle)
    closeSync(this.#handle)
    syncDirectory(this.#directory)
  }
}

/**
 * Takes the file that was prepared in advance, if there is one of the right size. It gets a name
 * that only this thread uses first, so that nothing can be put in its place.
 */
function takePrepared(prepared: string, file: string, bytesMax: number): number | null {
  try {
    renameSync(prepared, file)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw error
  }
  const handle = openSync(file, 'r+')
  if (fstatSync(handle).size === bytesMax) return handle
  closeSync(handle)
  return null
}

function fill(file: string, bytesMax: number): number {
  rmSync(file, { force: true })
  const handle = openSync(file, 'wx', 0o600)
  const zeros = Buffer.alloc(zerosChunkBytes)
  for (let left = bytesMax; left > 0; left -= zeros.length) {
    writeFully(handle, zeros.subarray(0, Math.min(left, zeros.length)))
  }
  fdatasyncSync(handle)
  return handle
}

/** Removes what a run before left half-made. */
export function removeUnfinished(directory: string, component: string): void {
  for (const nameOf of [preparingName, preparedName, makingName]) {
    rmSync(join(directory, nameOf(component)), { force: true })
  }
}
