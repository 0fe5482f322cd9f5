import type { Clock } from '@bulkhead/shared/kernel/clock.ts'
import type { Logger } from '@bulkhead/shared/runtime/log.ts'
import type { EngineEvent } from '../engine/events.ts'
import type { VenueReads } from '../gateway/gateway.ts'
import type { RequestLimiter } from '../rate-limit/loop.ts'

export type RateLimitReaderPorts = {
  readonly reads: Pick<VenueReads, 'rateLimit' | 'estimatedServerMs'>
  readonly limiter: Pick<RequestLimiter, 'setLimit'>
  readonly clock: Clock
  readonly handle: (event: EngineEvent) => void
  readonly log: Logger
  readonly intervalMs: number
}

/** Asks the venue what the account may send, at the start of a session and then at intervals. */
export class RateLimitReader {
  readonly #ports: RateLimitReaderPorts
  #askedTickMs: number | null = null
  #isAsking = false

  constructor(ports: RateLimitReaderPorts) {
    this.#ports = ports
  }

  /** Called at every turn; asks when it is time to and there is somebody to ask. */
  async turn(): Promise<void> {
    const { clock, reads, intervalMs } = this.#ports
    if (reads.estimatedServerMs() === null || this.#isAsking) return
    const tickMs = clock.monotonicMs()
    if (this.#askedTickMs !== null && tickMs - this.#askedTickMs < intervalMs) return
    this.#askedTickMs = tickMs
    this.#isAsking = true
    try {
      await this.#ask()
    } finally {
      this.#isAsking = false
    }
  }

  async #ask(): Promise<void> {
    const { reads, limiter, handle, log } = this.#ports
    const read = await reads.rateLimit()
    if (!read.ok) log.warn({ detail: read.detail }, 'the rate limit could not be read')
    else {
      const { rate, burst, questionsRate } = read.value
      const dataCost = questionsRate === null ? 1 : Math.min(1, rate / questionsRate)
      limiter.setLimit({ rate, burst, dataCost })
    }
    handle({ kind: 'rate-limit-read', isOk: read.ok })
  }
}
