import type { Clock } from '@bulkhead/shared/kernel/clock.ts'
import {
  ask,
  createLimiter,
  grantDue,
  type Limiter,
  type LimiterConfig,
  nextGrantMs,
  noteRefusal,
  pressedUntilTickMs,
  type RateLimit,
  type RequestClass,
  requestClasses,
  setLimit,
} from './core.ts'

export type RequestLimiterPorts = {
  readonly clock: Clock
  readonly sleep: (ms: number) => Promise<unknown>
  /** Opening is held back until then, as far as is known now; told when it is another moment. */
  readonly onPressure: (untilTickMs: number) => void
}

/**
 * Lets requests to the venue go at the pace that the account has, the urgent before the others.
 */
export class RequestLimiter {
  readonly #ports: RequestLimiterPorts
  readonly #limiter: Limiter
  readonly #held = new Map<number, () => void>()
  readonly #shed: Record<RequestClass, number>
  #lastId = 0
  #isServing = false
  #toldUntilTickMs = Number.NEGATIVE_INFINITY

  constructor(config: LimiterConfig, ports: RequestLimiterPorts) {
    this.#ports = ports
    this.#limiter = createLimiter(config, ports.clock.monotonicMs())
    this.#shed = { EMERGENCY_CLOSE: 0, CANCEL: 0, HEDGE: 0, OPEN: 0, DATA: 0 }
  }

  /**
   * Resolves when the request may be sent, with `false` when it is shed. What closes or cancels is
   * never shed.
   *
   * @param isNeeded of a question: it waits instead of being shed
   */
  admit(own: RequestClass, isNeeded = false): Promise<boolean> {
    this.#lastId += 1
    const id = this.#lastId
    const admission = ask(this.#limiter, { id, class: own, isNeeded }, this.#tickMs())
    this.#tell()
    if (admission !== 'waits') {
      if (admission === 'shed') this.#shed[own] += 1
      return Promise.resolve(admission === 'granted')
    }
    const { promise, resolve } = Promise.withResolvers<boolean>()
    this.#held.set(id, () => resolve(true))
    void this.#serve()
    return promise
  }

  /** What the venue says that the account may send. */
  setLimit(limit: RateLimit): void {
    setLimit(this.#limiter, limit, this.#tickMs())
    this.#tell()
  }

  /** The venue refused something because there was too much of it. */
  noteRefusal(): void {
    noteRefusal(this.#limiter, this.#tickMs())
    this.#tell()
  }

  counters(): Readonly<Record<string, number>> {
    const waiting = requestClasses.reduce((sum, own) => sum + this.#limiter.waiting[own].length, 0)
    return {
      rate_limit_per_second: this.#limiter.limit.rate,
      rate_limit_burst: this.#limiter.limit.burst,
      rate_limit_waiting: waiting,
      rate_limit_shed_open: this.#shed.OPEN,
      rate_limit_shed_data: this.#shed.DATA,
    }
  }

  async #serve(): Promise<void> {
    if (this.#isServing) return
    this.#isServing = true
    for (;;) {
      const waitMs = nextGrantMs(this.#limiter, this.#tickMs())
      if (waitMs === null) break
      await this.#ports.sleep(Math.max(1, waitMs))
      for (const id of grantDue(this.#limiter, this.#tickMs())) {
        this.#held.get(id)?.()
        this.#held.delete(id)
      }
      this.#tell()
    }
    this.#isServing = false
  }

  #tell(): void {
    const tickMs = this.#tickMs()
    const untilTickMs = pressedUntilTickMs(this.#limiter, tickMs)
    const isNews = untilTickMs !== this.#toldUntilTickMs
    const isOver = untilTickMs <= tickMs && this.#toldUntilTickMs <= tickMs
    if (!isNews || isOver) return
    this.#toldUntilTickMs = untilTickMs
    this.#ports.onPressure(untilTickMs)
  }

  #tickMs(): number {
    return this.#ports.clock.monotonicMs()
  }
}
