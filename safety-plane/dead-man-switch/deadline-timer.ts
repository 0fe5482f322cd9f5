import type { Clock } from '@bulkhead/shared/kernel/clock.ts'

/** Longest wait of one timer; longer deadlines are reached in several. */
const timerMsMax = 60_000

/**
 * A timer that never fires before its deadline. Node's timers come up to a millisecond early
 * (performance.md), so it reads the clock again and re-arms.
 */
export class DeadlineTimer {
  readonly #clock: Clock
  readonly #onDue: () => void
  #timer: NodeJS.Timeout | undefined
  #dueTickMs: number | undefined

  constructor(clock: Clock, onDue: () => void) {
    this.#clock = clock
    this.#onDue = onDue
  }

  /** Sets the one deadline, in monotonic milliseconds; null for none. */
  set(dueTickMs: number | null): void {
    if (dueTickMs === this.#dueTickMs) return
    this.clear()
    if (dueTickMs === null) return
    this.#dueTickMs = dueTickMs
    this.#arm(dueTickMs)
  }

  clear(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#dueTickMs = undefined
  }

  #arm(dueTickMs: number): void {
    const remainingMs = Math.ceil(dueTickMs - this.#clock.monotonicMs())
    const waitMs = Math.min(timerMsMax, Math.max(1, remainingMs))
    this.#timer = setTimeout(() => {
      if (this.#clock.monotonicMs() < dueTickMs) {
        this.#arm(dueTickMs)
        return
      }
      this.clear()
      this.#onDue()
    }, waitMs)
  }
}
