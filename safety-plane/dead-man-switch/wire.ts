import type { AuditRecord } from '@bulkhead/shared/contracts/audit-entry.ts'
import type { Clock } from '@bulkhead/shared/kernel/clock.ts'
import type { SafetyStatus } from '@bulkhead/shared/contracts/status.ts'
import { GateClient, type GateView } from '../egress-gate/client.ts'
import type { EpisodeState } from '../kill-sequence/episode.core.ts'
import type { DeadManSwitchConfig } from './config.ts'

export type WireOptions = {
  readonly watcher: string
  /** Null where the executor reaches the venue without a gate. */
  readonly gate: DeadManSwitchConfig['egressGate']
  readonly clock: Clock
  readonly audit: (record: AuditRecord) => Promise<unknown>
  readonly onChange: () => void
}

const subject = 'egress_gate'

/**
 * The executor's only way to the exchange, from the side that may cut it (design 5.4). It is cut by
 * the very decision that a level from L1 on makes, before that decision is stored, because a cut
 * needs no memory and no other part of the kill; nothing waits for its outcome (decision D-34).
 */
export class Wire {
  readonly #options: WireOptions
  readonly #client: GateClient | null
  /** Level and episode for which it was cut. */
  #cutFor = ''

  constructor(options: WireOptions) {
    const { gate, watcher, clock, onChange } = options
    this.#options = options
    this.#client =
      gate === null
        ? null
        : new GateClient({
            ...gate,
            watcher,
            clock,
            onChange: (view, before) => {
              this.#note(view, before)
              onChange()
            },
          })
  }

  /** As it is shown; null where there is none. */
  get view(): SafetyStatus['egress_gate'] {
    return this.#client?.view ?? null
  }

  start(): void {
    this.#client?.start()
  }

  /** Leaves the gate as it is: a watcher that goes takes neither its vote nor the market along. */
  stop(): void {
    this.#client?.stop()
  }

  /** Told of every state of the episode before it is stored or acted upon. */
  follow({ episode }: EpisodeState): void {
    if (this.#client === null || episode === null || episode.level === 'L0') return
    const cutFor = `${episode.level} ${episode.id}`
    if (cutFor === this.#cutFor) return
    this.#cutFor = cutFor
    void this.#cut(this.#client, episode.id, episode.level)
  }

  /**
   * Lets the executor through, once it is known that no level from L1 on holds: at the start and
   * after a reset. Asks the gate how it is besides.
   *
   * @param isKnown false while a recorded kill may exist that was not read yet
   */
  uphold({ episode }: EpisodeState, isKnown: boolean): void {
    if (isKnown && (episode === null || episode.level === 'L0')) this.#client?.open()
    this.#client?.refresh()
  }

  async #cut(client: GateClient, correlationId: string, level: string): Promise<void> {
    const { outcome, destroyed, durationMs } = await client.close()
    await this.#options.audit({
      action: 'EGRESS_GATE_CUT',
      subject,
      correlationId,
      fields: {
        level,
        outcome,
        destroyed: String(destroyed),
        duration_us: String(Math.round(durationMs * 1_000)),
      },
    })
  }

  #note(view: GateView, before: GateView): void {
    const fields = { state: view, before }
    const action = 'EGRESS_GATE_CHANGED'
    void this.#options.audit({ action, subject, correlationId: '', fields })
  }
}
