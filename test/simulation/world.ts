import { createPrng, type Prng } from '@bulkhead/shared/kernel/prng.ts'
import type { Clock } from '@bulkhead/shared/kernel/clock.ts'

/** Wall time at which every simulation begins. */
const startWallMs = 1_700_000_000_000

type Scheduled = { readonly atMs: number; readonly order: number; readonly act: () => void }

/**
 * Time, chance and what will happen next. Nothing else moves a simulation: whatever waits, waits
 * here, so one seed is one history.
 */
export class World {
  readonly random: Prng
  readonly clock: Clock
  /** Nothing new goes wrong any more; what is under way comes to its end. */
  isCalm = false
  /** Told what was thrown by something that happened. */
  onThrown: (error: unknown) => void = (error) => {
    throw error
  }
  #nowMs = 0
  #order = 0
  readonly #heap: Scheduled[] = []

  constructor(seed: number) {
    this.random = createPrng(seed)
    this.clock = {
      monotonicMs: () => this.#nowMs,
      wallMs: () => Math.floor(startWallMs + this.#nowMs),
      wallNs: () => BigInt(Math.floor((startWallMs + this.#nowMs) * 1_000)) * 1_000n,
    }
  }

  get nowMs(): number {
    return this.#nowMs
  }

  chance(probability: number): boolean {
    return this.random() < probability
  }

  between(from: number, to: number): number {
    return from + this.random() * (to - from)
  }

  oneOf<T>(values: readonly T[]): T {
    const value = values[Math.floor(this.random() * values.length)]
    if (value === undefined) throw new Error('nothing to choose from')
    return value
  }

  after(delayMs: number, act: () => void): void {
    this.#push({ atMs: this.#nowMs + delayMs, order: (this.#order += 1), act })
  }

  sleep(delayMs: number): Promise<void> {
    return new Promise((resolve) => this.after(delayMs, resolve))
  }

  /** Lets everything happen that is due until then, each with all that follows from it at once. */
  async runUntil(endMs: number): Promise<void> {
    for (let next = this.#heap[0]; next !== undefined && next.atMs <= endMs; next = this.#heap[0]) {
      this.#pop()
      this.#nowMs = next.atMs
      try {
        next.act()
      } catch (error) {
        this.onThrown(error)
      }
      await settled()
    }
    this.#nowMs = endMs
  }

  #push(item: Scheduled): void {
    const heap = this.#heap
    let at = heap.push(item) - 1
    while (at > 0) {
      const parent = (at - 1) >>> 1
      if (!isBefore(item, heap[parent])) break
      heap[at] = heap[parent] as Scheduled
      at = parent
    }
    heap[at] = item
  }

  #pop(): void {
    const heap = this.#heap
    const last = heap.pop()
    if (last === undefined || heap.length === 0) return
    let at = 0
    for (;;) {
      const left = 2 * at + 1
      const child = isBefore(heap[left + 1], heap[left]) ? left + 1 : left
      const smaller = heap[child]
      if (smaller === undefined || !isBefore(smaller, last)) break
      heap[at] = smaller
      at = child
    }
    heap[at] = last
  }
}

function isBefore(left: Scheduled | undefined, right: Scheduled | undefined): boolean {
  if (left === undefined || right === undefined) return false
  return left.atMs < right.atMs || (left.atMs === right.atMs && left.order < right.order)
}

/** All promises that can go on have gone on; the event loop itself says so. */
const settled = () => new Promise<void>((resolve) => setImmediate(resolve))
