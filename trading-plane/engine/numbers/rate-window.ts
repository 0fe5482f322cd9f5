/** Past moments that may wait at the front until they are thrown away together. */
const spentMax = 1_024

/** Counts what happened within the last `windowMs` and says whether one more is allowed. */
export class RateWindow {
  readonly #max: number
  readonly #windowMs: number
  /** In the order in which they were counted, and therefore in rising order. */
  #ticks: number[] = []
  /** How many of them are out of the window. */
  #spent = 0

  constructor(max: number, windowMs: number) {
    this.#max = max
    this.#windowMs = windowMs
  }

  count(tickMs: number): number {
    while (this.#spent < this.#ticks.length) {
      const oldest = this.#ticks[this.#spent]
      if (oldest !== undefined && tickMs - oldest < this.#windowMs) break
      this.#spent += 1
    }
    if (this.#spent > spentMax) {
      this.#ticks = this.#ticks.slice(this.#spent)
      this.#spent = 0
    }
    return this.#ticks.length - this.#spent
  }

  /** Counts one more and says true, or says false when the window is full. */
  take(tickMs: number): boolean {
    if (this.count(tickMs) >= this.#max) return false
    this.#ticks.push(tickMs)
    return true
  }
}
