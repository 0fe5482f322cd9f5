import type { AuditRecord } from '@bulkhead/shared/contracts/audit-entry.ts'
import type { Clock } from '@bulkhead/shared/kernel/clock.ts'
import { deskNewsOf } from './desk.core.ts'
import type { Notifier } from './ports.ts'

/** What flaps or is tried again and again is told at most so often, for each component. */
export const sameNewsMs = 60_000

/** Tells people of what the audit record says besides kills. */
export class DeskAlerts {
  readonly #notifier: Notifier
  readonly #clock: Pick<Clock, 'monotonicMs' | 'wallMs'>
  readonly #toldTickMs = new Map<string, number>()

  constructor(notifier: Notifier, clock: Pick<Clock, 'monotonicMs' | 'wallMs'>) {
    this.#notifier = notifier
    this.#clock = clock
  }

  /** Never throws, and stores and sends only after whoever records has done what comes next. */
  note(record: AuditRecord): void {
    const news = deskNewsOf(record)
    if (news === null) return
    const what = `${news.event} ${news.component}`
    const tickMs = this.#clock.monotonicMs()
    if (tickMs - (this.#toldTickMs.get(what) ?? Number.NEGATIVE_INFINITY) < sameNewsMs) return
    this.#toldTickMs.set(what, tickMs)
    const alert = { ...news, occurrence: String(this.#clock.wallMs()) }
    setImmediate(() => void this.#notifier.send(alert))
  }
}
