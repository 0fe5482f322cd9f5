import type { FrameGuide } from './read-frames.ts'
import type { ChainEnd } from './segment.ts'

/**
 * Leaves out the records that a checkpoint holds already. Every frame is still judged by its
 * checksums, and nothing counts as held before the chained checksum of the batch where the
 * checkpoint stands is that of this ledger: a checkpoint of another one is never used.
 */
export class ReplayStart implements FrameGuide {
  readonly #at: ChainEnd
  #onReached: () => void
  #isReached = false

  /** @param onReached told before the first record behind the checkpoint */
  constructor(at: ChainEnd, onReached: () => void) {
    this.#at = at
    this.#onReached = onReached
  }

  get isReached(): boolean {
    return this.#isReached
  }

  get seq(): number {
    return this.#at.seq
  }

  wants(): boolean {
    return this.#isReached
  }

  passed(end: ChainEnd): void {
    const { seq, batch, crc } = this.#at
    if (end.seq !== seq || end.batch !== batch || end.crc !== crc) return
    this.#isReached = true
    this.#onReached()
    // What the checkpoint held is large, and was taken over.
    this.#onReached = () => {}
  }
}
