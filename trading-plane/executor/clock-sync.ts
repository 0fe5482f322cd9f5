import type { Clock } from '@bulkhead/shared/kernel/clock.ts'
import type { Logger } from '@bulkhead/shared/runtime/log.ts'
import type { EngineEvent } from '../engine/events.ts'
import type { VenueReads } from '../gateway/gateway.ts'

/** After a question that was not answered, the next one. */
const retryMs = 1_000

export type ClockSyncPorts = {
  readonly reads: Pick<VenueReads, 'sampleClock' | 'estimatedServerMs'>
  readonly clock: Clock
  readonly handle: (event: EngineEvent) => void
  readonly log: Pick<Logger, 'info' | 'warn'>
  readonly intervalMs: number
}

/** Asks the exchange for its clock in turn; one question at a time, and sooner after a failure. */
export class ClockSync {
  readonly #ports: ClockSyncPorts
  #dueTickMs = Number.NEGATIVE_INFINITY
  #isAsking = false

  constructor(ports: ClockSyncPorts) {
    this.#ports = ports
  }

  /** Asks when the time has come. Without a session there is nobody to ask. */
  async turn(): Promise<void> {
    const { clock, reads } = this.#ports
    const hasSession = reads.estimatedServerMs() !== null
    if (!hasSession || this.#isAsking || clock.monotonicMs() < this.#dueTickMs) return
    await this.ask()
  }

  /** Asks now, and tells the engine what was answered. */
  async ask(): Promise<void> {
    const { reads, clock, handle, log, intervalMs } = this.#ports
    this.#isAsking = true
    try {
      const read = await reads.sampleClock()
      const waitMs = read.ok ? intervalMs : Math.min(retryMs, intervalMs)
      this.#dueTickMs = clock.monotonicMs() + waitMs
      handle({ kind: 'clock-sampled', sample: read.ok ? read.value : null })
      if (read.ok) {
        const driftMs = clock.wallMs() - clock.monotonicMs() - read.value.offsetMs
        log.info({ drift_ms: driftMs, round_trip_ms: read.value.roundTripMs }, 'exchange clock')
      } else {
        log.warn({ code: 'EXCHANGE_TIME_UNAVAILABLE', detail: read.detail }, 'exchange clock')
      }
    } finally {
      this.#isAsking = false
    }
  }
}
