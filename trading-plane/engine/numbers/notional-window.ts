import { assert } from '@bulkhead/shared/kernel/assert.ts'

const steps = 50
/** More than any one sum is worth; what has no known worth counts as this. */
const usdMax = 1e12

/**
 * Sum in USD of what happened within the last `windowMs`, or a fiftieth more. A ring of fixed size:
 * to add and to ask costs the same however much happened. It counts whole cents, so that what was
 * added is taken away again to the last bit.
 */
export class NotionalWindow {
  readonly #stepMs: number
  readonly #cents = new Float64Array(steps + 1)
  #total = 0
  #newest = 0

  constructor(windowMs: number) {
    assert(windowMs > 0, 'a window has a length')
    this.#stepMs = windowMs / steps
  }

  /** Adds what happened at a moment; what is too long ago, or before the clock, changes nothing. */
  add(tickMs: number, usd: number): void {
    const step = Math.floor(tickMs / this.#stepMs)
    this.#advance(step)
    if (step < 0 || step < this.#newest - steps) return
    const cents = Math.round((usd <= usdMax ? usd : usdMax) * 100)
    const slot = slotOf(step)
    this.#cents[slot] = (this.#cents[slot] ?? 0) + cents
    this.#total += cents
  }

  sumUsd(tickMs: number): number {
    this.#advance(Math.floor(tickMs / this.#stepMs))
    return this.#total / 100
  }

  #advance(step: number): void {
    if (step <= this.#newest) return
    for (let each = Math.max(this.#newest + 1, step - steps); each <= step; each += 1) {
      const slot = slotOf(each)
      this.#total -= this.#cents[slot] ?? 0
      this.#cents[slot] = 0
    }
    this.#newest = step
  }
}

function slotOf(step: number): number {
  return step % (steps + 1)
}
