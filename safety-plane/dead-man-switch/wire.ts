import type { AuditRecord } from '@bulkhead/shared/contracts/audit-entry.ts'
import type { SafetyStatus } from '@bulkhead/shared/contracts/status.ts'
import type { Clock } from '@bulkhead/shared/kernel/clock.ts'
import { GateClient, type GateClientOptions, type GateView } from '../egress-gate/client.ts'
import type { EpisodeState } from '../kill-sequence/episode.core.ts'
import type { DeadManSwitchConfig } from './config.ts'

/** One watcher's hold on the gate. */
export type GateControl = Pick<GateClient, 'view' | 'start' | 'stop' | 'open' | 'close' | 'refresh'>

export type WireOptions = {
  /** Makes the hold; null where the executor reaches the venue without a gate. */
  readonly connect: (onChange: GateClientOptions['onChange']) => GateControl | null
  readonly audit: (record: AuditRecord) => Promise<unknown>
  /** Told after every change of what is shown. */
  readonly onChange: () => void
}

const subject = 'egress_gate'

/** How a watcher takes hold of the gate of its configuration. */
export function gateOf(
  gate: DeadManSwitchConfig['egressGate'],
  watcher: string,
  clock: Clock,
): WireOptions['connect'] {
  return (onChange) =>
    gate === null ? null : new GateClient({ ...gate, watcher, clock, onChange })
}

/**
 * The executor's only way to the exchange, from the side that may cut it (design 5.4). It is cut by
 * the very decision that a level from L1 on makes, before that decision is stored, because a cut
 * needs no memory and no other part of the kill; nothing waits for its outcome (decision D-34).
 */
export class Wire {
  readonly #audit: WireOptions['audit']
  readonly #gate: GateControl | null
  /** Level and episode for which it was cut. */
  #cutFor = ''

  constructor({ connect, audit, onChange }: WireOptions) {
    this.#audit = audit
    this.#gate = connect((view, before) => {
      this.#note(view, before)
      onChange()
    })
  }

  /** As it is shown; null where there is none. */
  get view(): SafetyStatus['egress_gate'] {
    return this.#gate?.view ?? null
  }

  start(): void {
    this.#gate?.start()
  }

  /** Leaves the gate as it is: a watcher that goes takes neither its vote nor the market along. */
  stop(): void {
    this.#gate?.stop()
  }

  /** Told of every state of the episode before it is stored or acted upon. */
  follow({ episode }: EpisodeState): void {
    if (this.#gate === null || episode === null || episode.level === 'L0') return
    const cutFor = `${episode.level} ${episode.id}`
    if (cutFor === this.#cutFor) return
    this.#cutFor = cutFor
    void this.#cut(this.#gate, episode.id, episode.level)
  }

  /**
   * Lets the executor through, once it is known that no level from L1 on holds: at the start and
   * after a reset. Asks the gate how it is besides.
   *
   * @param isKnown false while a recorded kill may exist that was not read yet
   */
  uphold({ episode }: EpisodeState, isKnown: boolean): void {
    if (isKnown && (episode === null || episode.level === 'L0')) this.#gate?.open()
    this.#gate?.refresh()
  }

  async #cut(gate: GateControl, correlationId: string, level: string): Promise<void> {
    const { outcome, destroyed, durationMs } = await gate.close()
    await this.#audit({
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
    void this.#audit({ action, subject, correlationId: '', fields })
  }
}
