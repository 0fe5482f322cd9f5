import type { AuditRecord } from '@bulkhead/shared/contracts/audit-entry.ts'
import type { BackstopView } from '@bulkhead/shared/contracts/status.ts'
import type { Clock } from '@bulkhead/shared/kernel/clock.ts'
import type { SafetyVenue } from '../exchange/ports.ts'
import { backstopState, notObserved, type Observation, refreshMsOf } from './core.ts'

export type BackstopOptions = {
  readonly venue: SafetyVenue
  readonly clock: Clock
  /** Time of the countdown that cancels everything; null where none is wanted or to be had. */
  readonly cancelAllAfterMs: number | null
  /** Pace of the question whether cancel-on-disconnect is on. */
  readonly disconnectReadMs: number
  readonly audit: (record: AuditRecord) => Promise<unknown>
}

/**
 * Keeps the exchange's own switches armed and says what they are worth (design 5.6). A countdown is
 * only ever started anew, never ended: whatever becomes of this process, the exchange cancels.
 */
export class Backstops {
  readonly #options: BackstopOptions
  readonly #timers: NodeJS.Timeout[] = []
  #countdown: Observation = notObserved
  #disconnect: Observation = notObserved
  #reported = ''

  constructor(options: BackstopOptions) {
    this.#options = options
  }

  /** Resolves when each switch was asked for once. */
  async start(): Promise<void> {
    const { cancelAllAfterMs: timeoutMs, disconnectReadMs } = this.#options
    await Promise.all([
      timeoutMs === null
        ? undefined
        : this.#every(refreshMsOf(timeoutMs), () => this.#arm(timeoutMs)),
      this.#every(disconnectReadMs, () => this.#readDisconnect()),
    ])
  }

  close(): void {
    for (const timer of this.#timers) clearInterval(timer)
  }

  /** What each switch is worth now. */
  get view(): BackstopView {
    const { clock, cancelAllAfterMs, disconnectReadMs } = this.#options
    const tickMs = clock.monotonicMs()
    return {
      cancel_all_after: backstopState(this.#countdown, tickMs, cancelAllAfterMs ?? 0),
      cancel_all_after_ms: cancelAllAfterMs,
      cancel_on_disconnect: backstopState(this.#disconnect, tickMs, 3 * disconnectReadMs),
    }
  }

  /** Whether the configured countdown runs; true where none is configured. */
  get isSound(): boolean {
    const { cancel_all_after, cancel_all_after_ms } = this.view
    return cancel_all_after_ms === null || cancel_all_after === 'armed'
  }

  async #arm(timeoutMs: number): Promise<void> {
    const askedTickMs = this.#options.clock.monotonicMs()
    const reply = await this.#options.venue.armCancelAllAfter(timeoutMs)
    if (reply.ok) this.#countdown = { isArmed: reply.value === 'armed', askedTickMs }
    await this.#report(reply.ok ? '' : reply.failure.code)
  }

  async #readDisconnect(): Promise<void> {
    const askedTickMs = this.#options.clock.monotonicMs()
    const reply = await this.#options.venue.readCancelOnDisconnect()
    if (reply.ok) this.#disconnect = { isArmed: reply.value === 'armed', askedTickMs }
    await this.#report(reply.ok ? '' : reply.failure.code)
  }

  #every(intervalMs: number, work: () => Promise<void>): Promise<void> {
    this.#timers.push(setInterval(() => void work(), intervalMs))
    return work()
  }

  /** Changes go on record, each once. */
  async #report(fault: string): Promise<void> {
    const { cancel_all_after, cancel_on_disconnect } = this.view
    const shown = `${cancel_all_after} ${cancel_on_disconnect}`
    if (shown === this.#reported) return
    this.#reported = shown
    await this.#options.audit({
      action: 'BACKSTOP_CHANGED',
      subject: 'dead_man_switch',
      correlationId: '',
      fields: { cancel_all_after, cancel_on_disconnect, fault },
    })
  }
}
