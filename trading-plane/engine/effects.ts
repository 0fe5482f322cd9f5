import type { AuditRecord } from '@bulkhead/shared/contracts/audit-entry.ts'
import type { ToOrchestrator } from '@bulkhead/shared/contracts/intents.ts'
import type { IntentDenialReason } from '@bulkhead/shared/contracts/reasons/intent-denials.ts'
import type { LedgerRecord } from '../ledger/records.ts'
import type { CancelOrder, PlaceOrder } from '../venues/port.ts'
import type { Decision } from './intents/decision.ts'

/** An order that passed every gate. The gateway adds the lease when it authorizes the dispatch. */
export type ProposedOrder = Omit<PlaceOrder, 'validUntilMs'>

export type LookupTarget = { readonly label: string; readonly currency: string }

/** Record and audit side by side, both durable, then the mode again, then the order. */
export type SubmitEffect = {
  readonly kind: 'submit'
  readonly order: ProposedOrder
  readonly record: LedgerRecord
  readonly audit: AuditRecord
}

/**
 * What the engine wants done, in order. A `tell` after a `record` of the same event is said only
 * when the record is durable; an `audit` entry needs nobody to wait for it unless it rides in a
 * `submit`.
 */
export type Effect =
  | { readonly kind: 'record'; readonly record: LedgerRecord }
  | SubmitEffect
  /** Record a group; answered with `group-recorded`. Nothing of it is sent before. */
  | { readonly kind: 'record-group'; readonly groupId: string; readonly record: LedgerRecord }
  /**
   * Orders that are sent together: each is authorized as for itself, and unless all are, none is
   * sent and `group-withheld` says why.
   */
  | { readonly kind: 'submit-group'; readonly legs: readonly SubmitEffect[] }
  /** The same for an order of an earlier run, whose record stands in the ledger already. */
  | { readonly kind: 'resume'; readonly order: ProposedOrder; readonly audit: AuditRecord }
  | { readonly kind: 'cancel'; readonly cancel: CancelOrder; readonly audit: AuditRecord }
  /** Ask open orders and the orders of this label; answered with `looked-up`. */
  | { readonly kind: 'lookup'; readonly target: LookupTarget }
  /** Read the account whole; answered with `reconciled` or `reconcile-failed`. */
  | {
      readonly kind: 'reconcile'
      readonly sequence: number
      readonly targets: readonly LookupTarget[]
    }
  /** Read orders and trades; answered with `swept` or `sweep-failed`. */
  | { readonly kind: 'sweep'; readonly targets: readonly LookupTarget[] }
  /** Give the feed's connection up and make a new one. */
  | { readonly kind: 'reconnect-feed' }
  /** Read all instruments; answered with `instruments` or `instruments-failed`. */
  | { readonly kind: 'read-instruments' }
  /** Read the best prices of an instrument; answered with `ticker-read`. */
  | { readonly kind: 'read-ticker'; readonly instrument: string }
  /** Read margin and equity; answered with `account` or `account-failed`. */
  | { readonly kind: 'read-account' }
  /** Ask the venue about itself; answered with `exchange-health` or `exchange-health-failed`. */
  | { readonly kind: 'read-exchange-health' }
  | {
      readonly kind: 'log'
      readonly message: string
      readonly fields: Readonly<Record<string, string>>
    }
  /** An intent was judged; to be kept for `bulkhead explain`. */
  | { readonly kind: 'decision'; readonly decision: Decision }
  /** What was permitted or held came to nothing after all, for this reason and by whom. */
  | {
      readonly kind: 'decision-withheld'
      readonly intentId: string
      readonly reason: IntentDenialReason
      readonly refusedBy: 'Dispatch' | 'Approval'
    }
  | { readonly kind: 'tell'; readonly message: ToOrchestrator }
  | { readonly kind: 'audit'; readonly record: AuditRecord }
