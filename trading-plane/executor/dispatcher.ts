import type { AuditRecord } from '@bulkhead/shared/contracts/audit-entry.ts'
import type { Effect, ProposedOrder, SubmitEffect } from '../engine/effects.ts'
import type { EngineEvent } from '../engine/events.ts'
import { failpoint } from '../failpoints/failpoint.ts'
import type { Authorized, Authorizer } from '../gateway/authorize.ts'
import type { Gateway } from '../gateway/gateway.ts'
import type { Ledger } from '../ledger/ports.ts'
import type { LedgerRecord } from '../ledger/records.ts'
import type { PlaceOrder } from '../venues/port.ts'

export type DispatcherPorts = {
  readonly gateway: Gateway
  readonly authorizer: Authorizer
  readonly ledger: Ledger
  readonly audit: { record(record: AuditRecord): Promise<unknown> }
}

/** Takes orders from the decision to the venue, and tells the engine what came of each. */
export class Dispatcher {
  readonly #ports: DispatcherPorts
  readonly #handle: (event: EngineEvent) => void

  constructor(ports: DispatcherPorts, handle: (event: EngineEvent) => void) {
    this.#ports = ports
    this.#handle = handle
  }

  /** @param record null where the order stands in the ledger already, since an earlier run */
  async submit(
    order: ProposedOrder,
    record: LedgerRecord | null,
    entry: AuditRecord,
  ): Promise<void> {
    failpoint('submit-begun')
    const allowed = await this.#ports.authorizer.authorizePlace(order, record, entry)
    if (allowed.ok) await this.#send(entry, allowed.value)
    else this.#handle({ kind: 'withheld', label: order.label, reason: allowed.failure })
  }

  /** Nothing of a group is handed out before the ledger has it. */
  async recordGroup(effect: Extract<Effect, { kind: 'record-group' }>): Promise<void> {
    const recorded = await this.#ports.ledger.append(effect.record)
    const { groupId } = effect
    this.#handle({ kind: 'group-recorded', groupId, isRecorded: recorded.ok })
  }

  /** All of them leave in one go, or none does. */
  async submitGroup(legs: readonly SubmitEffect[]): Promise<void> {
    const allowed = await this.#ports.authorizer.authorizeGroup(legs)
    if (!allowed.ok) {
      this.#handle({ kind: 'group-withheld', legs: allowed.failure })
      return
    }
    await Promise.all(allowed.value.map(({ leg, order }) => this.#send(leg.audit, order)))
  }

  async #send(entry: AuditRecord, order: Authorized<PlaceOrder>): Promise<void> {
    const { label, validUntilMs } = order
    const { gateway, audit } = this.#ports
    const sent = gateway.place(order)
    const { correlationId, fields } = entry
    void audit.record({
      action: 'ORDER_DISPATCHED',
      subject: label,
      correlationId,
      fields: { ...fields, valid_until_ms: String(validUntilMs) },
    })
    this.#handle({ kind: 'place-reply', label, outcome: await sent })
    failpoint('order-reply-handled')
  }
}
