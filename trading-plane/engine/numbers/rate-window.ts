/** Counts what happened within the last `windowMs` and says whether one more is allowed. */
export class RateWindow {
  readonly #max: number
  readonly #windowMs: number
  #ticks: number[] = []

  constructor(max: number, windowMs: number) {
    this.#max = max
    this.#windowMs = windowMs
  }

  count(tickMs: number): number {
    this.#ticks = this.#ticks.filter((at) => tickMs - at < this.#windowMs)
    return this.#ticks.length
  }

  /** Counts one more and says true, or says false when the window is full. */
  take(tickMs: number): boolean {
    if (this.count(tickMs) >= this.#max) return false
    this.#ticks.push(tickMs)
    return true
  }
}
