import type { AuditRecord } from '@bulkhead/shared/contracts/audit-entry.ts'
import type { IntentDenialReason } from '@bulkhead/shared/contracts/reasons/intent-denials.ts'
import { assert } from '@bulkhead/shared/kernel/assert.ts'
import type { Clock } from '@bulkhead/shared/kernel/clock.ts'
import { fail, ok, type Result } from '@bulkhead/shared/kernel/result.ts'
import type { ProposedOrder, SubmitEffect } from '../engine/effects.ts'
import { failpoint } from '../failpoints/failpoint.ts'
import { type Ledger, stuckAfterMs } from '../ledger/ports.ts'
import type { LedgerRecord } from '../ledger/records.ts'
import type { ToolUse } from '../rate-limit/core.ts'
import type { CancelOrder, OrderOutcome, PlaceOrder } from '../venues/port.ts'
import { type DeskFacts, mayCall } from './degraded-mode.core.ts'
import { ToolLimits, type ToolLimitsConfig } from './tool-limits.ts'

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
  readonly sleep: (ms: number) => Promise<void>
  /** Calls of each tool per minute. */
  readonly limits: ToolLimitsConfig
  /** What an order is: it opens, takes risk away, or gets the desk out. */
  readonly useOf: (label: string) => ToolUse
  /** A budget is spent, and the call is not made. */
  readonly onLimit: (label: string, use: ToolUse) => void
  /** Waits for the venue's rate limit; `false` means that the order is not to be sent now. */
  readonly admit: (use: ToolUse) => Promise<boolean>
  /** Marks the order as sent in the engine, with its lease. */
  readonly onDispatched: (label: string, validUntilMs: number) => void
  /** The engine's last word: the mode computed now (contract 2.2.3.4). */
  readonly judge: (label: string) => IntentDenialReason | null
  /** What the degraded mode follows from, now; `label` names the order that the call is about. */
  readonly facts: (label: string) => DeskFacts
  /** An order that takes risk away goes out before the ledger has it. */
  readonly onAhead: (label: string, ledger: 'stuck' | 'full') => void
  /** A change was wanted and could not be audited anywhere. */
  readonly onUnaudited: (label: string) => void
  readonly estimatedServerMs: () => number | null
  readonly orderLeaseMs: number
}

/** As the ledger should have it; in its ring, on the way to a disk that is stuck; or not at all. */
type Kept = 'kept' | 'taken' | 'refused'
const kept: Kept = 'kept'

/** An order that may be sent with its group. */
export type GroupOrder = { readonly leg: SubmitEffect; readonly order: Authorized<PlaceOrder> }
type WithheldLeg = { readonly label: string; readonly reason: IntentDenialReason }

type Issued = { readonly tickMs: number; readonly correlationId: string }
export type Redeemed = { readonly isFresh: boolean; readonly correlationId: string }

/** A call that was made, or that came too late to be made. */
export type ToolOutcome = {
  readonly tool: 'submit_order' | 'cancel_order'
  readonly label: string
  readonly correlationId: string
  readonly kind: OrderOutcome['kind']
  readonly startedTickMs: number
}

/**
 * The only place that makes `Authorized` values. Each is good for one use, at once: the gateway
 * takes it back with `redeem`; one that is unknown or used is a broken invariant, an old one is not
 * sent.
 */
export class Authorizer {
  readonly #ports: AuthorizerPorts
  readonly #issued = new WeakMap<object, Issued>()

  readonly #limits: ToolLimits

  constructor(ports: AuthorizerPorts) {
    this.#ports = ports
    this.#limits = new ToolLimits(ports.limits)
  }

  /**
   * Takes an order through record and audit, side by side, then through the durable decision to
   * send, then asks for the mode again. Only after all of that is it authorized (design 6.1). While
   * anything is at risk, or may be, an order that takes risk away is not held back by a ledger that
   * is stuck or full (contract 2.2.3.6, decision D-71).
   *
   * @param record null where the order stands in the ledger already, since an earlier run
   */
  async authorizePlace(
    order: ProposedOrder,
    record: LedgerRecord | null,
    entry: AuditRecord,
  ): Promise<Result<Authorized<PlaceOrder>, IntentDenialReason>> {
    const { audit, clock } = this.#ports
    const { reduceOnly: isReducing } = order
    const keeping = record === null ? kept : this.#keep(record, isReducing)
    const [recorded, audited] = await Promise.all([keeping, audit.record(entry)])
    failpoint('intent-recorded')
    const call = { tool: 'submit_order', isReducing } as const
    const mayPass = () => mayCall(this.#ports.facts(order.label), false, call)
    // One place at least has its label, by which it is known again at the venue.
    const isNoted = (how: Kept) => how === kept || ((how === 'taken' || audited.ok) && mayPass())
    if (!isNoted(recorded)) return fail('LedgerUnavailable')
    if (!audited.ok) {
      this.#ports.onUnaudited(order.label)
      if (!mayPass()) return fail('AuditUnavailable')
    }
    const use = this.#ports.useOf(order.label)
    if (!this.#takes(use, order.label)) return fail('ToolRateExceeded')
    // Before the lease begins and the mode is asked for: both are of the moment of sending.
    if (!(await this.#ports.admit(use))) return fail('RateLimitBrownout')
    const serverMs = this.#ports.estimatedServerMs()
    if (serverMs === null) return fail('VenueNotReady')
    const { label } = order
    const validUntilMs = Math.round(serverMs + this.#ports.orderLeaseMs)
    const sent = { type: 'dispatch', label, valid_until_ms: validUntilMs } as const
    const dispatched = await this.#keep({ ...sent, sent_ms: clock.wallMs() }, isReducing)
    failpoint('dispatch-recorded')
    if (!isNoted(dispatched)) return fail('LedgerUnavailable')
    const worst = [recorded, dispatched].includes('refused') ? 'full' : 'stuck'
    if (recorded !== kept || dispatched !== kept) this.#ports.onAhead(label, worst)
    this.#ports.onDispatched(label, validUntilMs)
    failpoint('dispatch-noted')
    const denial = this.#ports.judge(label)
    if (denial !== null) return fail(denial)
    if (!mayCall(this.#ports.facts(label), audited.ok, call)) return fail('DegradedModeForbidsTool')
    failpoint('dispatch-judged')
    return ok(this.#issue({ ...order, validUntilMs }, entry.correlationId))
  }

  /**
   * Takes orders through the same that make sense together only (contract 1.2): unless each of them
   * is authorized, and still is when the last one is, none of them is.
   *
   * @returns why each of them is not to be sent, where one is not
   */
  async authorizeGroup(
    legs: readonly SubmitEffect[],
  ): Promise<Result<readonly GroupOrder[], readonly WithheldLeg[]>> {
    const judged = await Promise.all(
      legs.map(async (leg) => ({
        leg,
        allowed: await this.authorizePlace(leg.order, leg.record, leg.audit),
      })),
    )
    const orders = judged.flatMap(({ leg, allowed }) =>
      allowed.ok ? [{ leg, order: allowed.value }] : [],
    )
    const isWhole = orders.length === legs.length
    if (isWhole && orders.every(({ order }) => this.#isFresh(order))) return ok(orders)
    return fail(
      judged.map(({ leg, allowed }) => ({
        label: leg.order.label,
        reason: allowed.ok ? 'GroupLegDenied' : allowed.failure,
      })),
    )
  }

  /**
   * A cancel takes risk away: its audit entry is written first, to the spool if need be, and while
   * anything is at risk, or may be, a failure of both does not hold it back (decision D-08).
   */
  async authorizeCancel(
    cancel: CancelOrder,
    entry: AuditRecord,
  ): Promise<Result<Authorized<CancelOrder>, IntentDenialReason>> {
    const audited = await this.#ports.audit.record(entry)
    if (!audited.ok) this.#ports.onUnaudited(cancel.label)
    if (!this.#takes('CANCEL', cancel.label)) return fail('ToolRateExceeded')
    await this.#ports.admit('CANCEL')
    const call = { tool: 'cancel_order', isReducing: true } as const
    const mayPass = mayCall(this.#ports.facts(cancel.label), audited.ok, call)
    if (!mayPass) return fail(audited.ok ? 'DegradedModeForbidsTool' : 'AuditUnavailable')
    return ok(this.#issue({ ...cancel }, entry.correlationId))
  }

  /**
   * Takes an authorization back for its one use.
   *
   * @returns whether it is no older than `validMs`, as it is after a process was stopped and
   *   continued, and what the entry of its outcome belongs to
   */
  redeem(request: Authorized<object>): Redeemed {
    const issued = this.#issued.get(request)
    assert(issued !== undefined, 'an authorization is used once and comes from here')
    const isFresh = this.#isFresh(request)
    this.#issued.delete(request)
    return { isFresh, correlationId: issued.correlationId }
  }

  #isFresh(request: Authorized<object>): boolean {
    const issued = this.#issued.get(request)
    return issued !== undefined && this.#ports.clock.monotonicMs() - issued.tickMs <= validMs
  }

  /**
   * Records what became of a call. It waits for nobody and holds nothing up: what is done is done,
   * and the entry before it is recorded already.
   */
  recordOutcome(outcome: ToolOutcome): void {
    const { tool, label, correlationId, kind, startedTickMs } = outcome
    const latencyMs = this.#ports.clock.monotonicMs() - startedTickMs
    void this.#ports.audit.record({
      action: 'TOOL_CALL_RECORDED',
      subject: label,
      correlationId,
      fields: { tool, outcome: kind, latency_ms: latencyMs.toFixed(1) },
    })
  }

  /** The clock that authorizations and outcomes are timed by. */
  nowTickMs(): number {
    return this.#ports.clock.monotonicMs()
  }

  #takes(use: ToolUse, label: string): boolean {
    const isWithin = this.#limits.take(use, this.#ports.clock.monotonicMs())
    if (!isWithin) this.#ports.onLimit(label, use)
    return isWithin
  }

  /**
   * Gives a record to the ledger. What adds risk waits until the ledger has it as it should; what
   * takes risk away waits no longer than until the ledger is stuck (decision D-71).
   */
  async #keep(record: LedgerRecord, isReducing: boolean): Promise<Kept> {
    const { ledger } = this.#ports
    const appended = ledger.append(record, isReducing ? 'reducing' : 'opening')
    let isDecided = false
    const outcome = appended.then(({ ok: isKept }): Kept => {
      isDecided = true
      return isKept ? kept : 'refused'
    })
    return isReducing ? Promise.race([outcome, this.#whenStuck(() => isDecided)]) : outcome
  }

  /** Resolves when something has waited for the disk for too long, or soon after the decision. */
  async #whenStuck(isDecided: () => boolean): Promise<'taken'> {
    const { ledger, clock, sleep } = this.#ports
    while (!isDecided()) {
      const sinceTickMs = ledger.waitingSinceTickMs ?? clock.monotonicMs()
      const leftMs = sinceTickMs + stuckAfterMs - clock.monotonicMs()
      if (leftMs <= 0) break
      await sleep(leftMs)
    }
    return 'taken'
  }

  #issue<T extends object>(request: T, correlationId: string): Authorized<T> {
    const value = Object.freeze(request) as Authorized<T>
    this.#issued.set(value, { tickMs: this.#ports.clock.monotonicMs(), correlationId })
    return value
  }
}
