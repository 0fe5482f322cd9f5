import type { GroupIntent, Intent } from '@bulkhead/shared/contracts/intents.ts'
import type { KillSwitchMode, WatchdogState } from '@bulkhead/shared/contracts/kill-switch.ts'
import type { IntentDenialReason } from '@bulkhead/shared/contracts/reasons/intent-denials.ts'
import type { ToolUse } from '../rate-limit/core.ts'
import type { LedgerRecord } from '../ledger/records.ts'
import type { Level } from '../market-data/book.core.ts'
import type { TickerReading, TradeFlow, VolatilityReading } from '../market-data/messages.ts'
import type { ApprovalDecision } from './approvals/core.ts'
import type { SavedParts } from './ledger-state.ts'
import type { DiskReading } from './monitors/disk/core.ts'
import type { Certificate } from './monitors/f1-certificate/core.ts'
import type {
  AccountSummary,
  CancelOutcome,
  ClockSample,
  ExchangeHealth,
  InstrumentInfo,
  OrderOutcome,
  Ticker,
  VenueOrder,
  VenuePosition,
  VenueTrade,
} from '../venues/port.ts'

/** The best levels of one book, conflated, best first; at most the depth of the feed's snapshot. */
export type BookDepth = {
  readonly instrument: string
  readonly bids: readonly Level[]
  readonly asks: readonly Level[]
  /** Index price in USD; null where the feed has not told it yet. */
  readonly indexPrice: number | null
  /** Monotonic time at which the feed last heard of the instrument. */
  readonly heardTickMs: number
}

/** The policy that was handed out last (decision D-49). */
export type PolicyView = {
  /** Wall time of its making. */
  readonly generatedMs: number
  readonly openHaircutMult: number
}

/** One answer of the safety Redis. Each part is null when it is missing or cannot be parsed. */
export type SafetyReading = {
  readonly killSwitch: {
    readonly mode: KillSwitchMode
    readonly generation: number
    /** Operator whose signed reset brought it back to NORMAL. */
    readonly resetBy?: string | undefined
    /** Wall time of its last change. */
    readonly sinceMs?: number | undefined
  } | null
  readonly safetyHeartbeat: string | null
  readonly watchdogState: WatchdogState | null
  readonly isSafetyReady: boolean | null
  /** What the control plane handed out, if it is genuine (decision D-49). */
  readonly policy: PolicyView | null
  /** Monotonic time at which the poll was sent, so that its age is never flattered. */
  readonly askedTickMs: number
}

/** A complete reading of what the venue knows of our orders. */
export type OrdersReading = {
  /** The venue's clock when the first question was asked. */
  readonly askedServerMs: number | null
  readonly openOrders: readonly VenueOrder[]
  readonly trades: readonly VenueTrade[]
  /** Of every label that was asked for: what the venue has beside the open orders. */
  readonly byLabel: ReadonlyMap<string, readonly VenueOrder[]>
}

/** Everything that can happen to the trading plane (design 6.2). */
export type EngineEvent =
  /** What a checkpoint holds of the ledger's beginning; before any record of it. */
  | { readonly kind: 'checkpoint'; readonly parts: SavedParts }
  /** One record of the ledger, oldest first; before anything else happens. */
  | { readonly kind: 'ledger-record'; readonly record: LedgerRecord }
  /** The ledger was read to its end. */
  | { readonly kind: 'recovered' }
  | { readonly kind: 'instruments'; readonly instruments: readonly InstrumentInfo[] }
  | { readonly kind: 'instruments-failed' }
  | {
      readonly kind: 'account'
      readonly summaries: readonly AccountSummary[]
      /** Monotonic time of the question, so that the age is never flattered. */
      readonly askedTickMs: number
    }
  | { readonly kind: 'account-failed' }
  | {
      readonly kind: 'exchange-health'
      readonly health: ExchangeHealth
      /** Monotonic time of the question. */
      readonly askedTickMs: number
    }
  | { readonly kind: 'exchange-health-failed' }
  /** One source's word on the disk of the ledger; null when it gave none. */
  | {
      readonly kind: 'disk'
      readonly source: 'primary' | 'secondary'
      readonly reading: DiskReading | null
    }
  /** The release certificate as it is now; null when there is none that can be read. */
  | { readonly kind: 'certificate'; readonly certificate: Certificate | null }
  | { readonly kind: 'intent'; readonly intent: Intent }
  | { readonly kind: 'group'; readonly group: GroupIntent }
  /** The ledger took the record of a group, or did not. */
  | { readonly kind: 'group-recorded'; readonly groupId: string; readonly isRecorded: boolean }
  /** Orders that were to be sent together were not: one of them at least may not be. */
  | {
      readonly kind: 'group-withheld'
      readonly legs: readonly { readonly label: string; readonly reason: IntentDenialReason }[]
    }
  | { readonly kind: 'dispatched'; readonly label: string; readonly validUntilMs: number }
  | { readonly kind: 'withheld'; readonly label: string; readonly reason: IntentDenialReason }
  | { readonly kind: 'place-reply'; readonly label: string; readonly outcome: OrderOutcome }
  | { readonly kind: 'cancel-reply'; readonly label: string; readonly outcome: CancelOutcome }
  | { readonly kind: 'orders'; readonly orders: readonly VenueOrder[] }
  | { readonly kind: 'trades'; readonly trades: readonly VenueTrade[] }
  | { readonly kind: 'positions'; readonly positions: readonly VenuePosition[] }
  | {
      readonly kind: 'looked-up'
      readonly label: string
      /** Null when a read failed. */
      readonly orders: readonly VenueOrder[] | null
    }
  | (OrdersReading & {
      readonly kind: 'reconciled'
      readonly sequence: number
      readonly positions: readonly VenuePosition[]
    })
  | { readonly kind: 'reconcile-failed'; readonly detail: string }
  | { readonly kind: 'swept'; readonly reading: OrdersReading }
  | { readonly kind: 'sweep-failed' }
  | { readonly kind: 'venue-ready'; readonly cancelOnDisconnect: 'armed' | 'absent' }
  /** `isTooMany`: the venue refused the connection with HTTP 429. */
  | { readonly kind: 'venue-lost'; readonly detail: string; readonly isTooMany?: boolean }
  | { readonly kind: 'too-many-requests' }
  /** The rate limit leaves nothing for opening until then, as far as is known now. */
  | { readonly kind: 'rate-limit-pressure'; readonly untilTickMs: number }
  /** The venue was asked what the account may send. */
  | { readonly kind: 'rate-limit-read'; readonly isOk: boolean }
  /** A request to the venue ended, by its answer or by none. */
  | { readonly kind: 'call-ended'; readonly durationMs: number; readonly isTimeout: boolean }
  /** The exchange was asked for its clock; null when it did not answer. */
  | { readonly kind: 'clock-sampled'; readonly sample: ClockSample | null }
  | { readonly kind: 'book'; readonly book: BookDepth }
  | { readonly kind: 'book-gap'; readonly instrument: string }
  | { readonly kind: 'public-trades'; readonly flow: TradeFlow }
  /** A public trade was missed. */
  | { readonly kind: 'trades-gap'; readonly instrument: string }
  | { readonly kind: 'ticker'; readonly ticker: TickerReading }
  | { readonly kind: 'volatility'; readonly reading: VolatilityReading }
  /** Best prices as the venue answered; null when it did not. */
  | { readonly kind: 'ticker-read'; readonly instrument: string; readonly ticker: Ticker | null }
  | { readonly kind: 'feed-alive' }
  /** Null when the safety Redis gave no answer: what is known then grows old. */
  | { readonly kind: 'safety'; readonly reading: SafetyReading | null }
  /** Somebody signed a word on a held intent; the signature was verified. */
  | { readonly kind: 'approval'; readonly decision: ApprovalDecision }
  /** Somebody speaks for these strategies and minds their orders. */
  | {
      readonly kind: 'strategies-here'
      readonly strategyIds: readonly string[]
      /** Those of them that have not seen enough yet. */
      readonly warming: readonly string[]
    }
  /** Nobody minds the orders of these strategies any more. */
  | { readonly kind: 'strategies-gone'; readonly strategyIds: readonly string[] }
  /** A change at the venue was wanted and neither Redis nor spool took its audit entry. */
  | { readonly kind: 'unaudited'; readonly label: string }
  /** An order that takes risk away goes out before the ledger has it (decision D-71). */
  | {
      readonly kind: 'ahead-of-ledger'
      readonly label: string
      readonly ledger: 'stuck' | 'full'
    }
  /** A tool was used as often as it may within a minute. */
  | { readonly kind: 'tool-limit'; readonly label: string; readonly use: ToolUse }
  /** Whether a queue that the loop fills has no room left. */
  | { readonly kind: 'outputs'; readonly isFull: boolean }
  | { readonly kind: 'tick' }
