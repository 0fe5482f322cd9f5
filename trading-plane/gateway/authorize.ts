import type { AuditRecord } from '@bulkhead/shared/contracts/audit-entry.ts'
import type { IntentDenialReason } from '@bulkhead/shared/contracts/reasons/intent-denials.ts'
import { assert } from '@bulkhead/shared/kernel/assert.ts'
import type { Clock } from '@bulkhead/shared/kernel/clock.ts'
import { fail, ok, type Result } from '@bulkhead/shared/kernel/result.ts'
import type { ProposedOrder } from '../engine/effects.ts'
import { failpoint } from '../failpoints/failpoint.ts'
import type { Ledger } from '../ledger/ports.ts'
import type { LedgerRecord } from '../ledger/records.ts'
import type { CancelOrder, PlaceOrder } from '../venues/port.ts'

declare const authorized: unique symbol
/**
 * A request that passed the authorization path. Nothing else can be sent to the exchange (law 5).
 */
export type Authorized<T> = T & { readonly [authorized]: true }

/** How long an authorization holds: long enough for a call, too short to be kept for later. */
const validMs = 50

export type AuthorizerPorts = {
  readonly ledger: Ledger
  readonly audit: { record(record: AuditRecord): Promise<Result<unknown, 'AUDIT_UNAVAILABLE'>> }
  readonly clock: Clock
  /** Marks the order as sent in the engine, with its lease. */
  readonly onDispatched: (label: string, validUntilMs: number) => void
  /** The engine's last word: the mode computed now (contract 2.2.3.4). */
  readonly judge: (label: string) => IntentDenialReason | null
  readonly estimatedServerMs: () => number | null
  readonly orderLeaseMs: number
}

/**
 * The only place that makes `Authorized` values. Each is good for one use, at once: the gateway
 * takes it back with `redeem`; one that is unknown or used is a broken invariant, an old one is not
 * sent.
 */
export class Authorizer {
  readonly #ports: AuthorizerPorts
  readonly #issued = new WeakMap<object, number>()

  constructor(ports: AuthorizerPorts) {
    this.#ports = ports
  }

  /**
   * Takes an order through record and audit, side by side, then through the durable decision to
   * send, then asks for the mode again. Only after all of that is it authorized (design 6.1).
   */
  async authorizePlace(
    order: ProposedOrder,
    record: LedgerRecord,
    entry: AuditRecord,
  ): Promise<Result<Authorized<PlaceOrder>, IntentDenialReason>> {
    const { ledger, audit, clock } = this.#ports
    const [recorded, audited] = await Promise.all([ledger.append(record), audit.record(entry)])
    failpoint('intent-recorded')
    if (!recorded.ok) return fail('LedgerUnavailable')
    if (!audited.ok && !order.reduceOnly) return fail('AuditUnavailable')
    const serverMs = this.#ports.estimatedServerMs()
    if (serverMs === null) return fail('VenueNotReady')
    const { label } = order
    const validUntilMs = Math.round(serverMs + this.#ports.orderLeaseMs)
    const sent = { type: 'dispatch', label, valid_until_ms: validUntilMs } as const
    const dispatched = await ledger.append({ ...sent, sent_ms: clock.wallMs() })
    failpoint('dispatch-recorded')
    if (!dispatched.ok) return fail('LedgerUnavailable')
    this.#ports.onDispatched(label, validUntilMs)
    failpoint('dispatch-noted')
    const denial = this.#ports.judge(label)
    if (denial !== null) return fail(denial)
    failpoint('dispatch-judged')
    return ok(this.#issue({ ...order, validUntilMs }))
  }

  /**
   * A cancel takes risk away, so nothing may stop it: its audit entry is written first, to the
   * spool if need be, and a failure of both does not hold it back (decision D-08).
   */
  async authorizeCancel(cancel: CancelOrder, entry: AuditRecord): Promise<Authorized<CancelOrder>> {
    await this.#ports.audit.record(entry)
    return this.#issue({ ...cancel })
  }

  /**
   * Takes an authorization back for its one use.
   *
   * @returns false when it is older than `validMs`, as after a process was stopped and continued
   */
  redeem(request: Authorized<object>): boolean {
    const issuedTickMs = this.#issued.get(request)
    assert(issuedTickMs !== undefined, 'an authorization is used once and comes from here')
    this.#issued.delete(request)
    return this.#ports.clock.monotonicMs() - issuedTickMs <= validMs
  }

  #issue<T extends object>(request: T): Authorized<T> {
    const value = Object.freeze(request) as Authorized<T>
    this.#issued.set(value, this.#ports.clock.monotonicMs())
    return value
  }
}
