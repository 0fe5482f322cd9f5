import type { Result } from '@bulkhead/shared/kernel/result.ts'
import type { KeyScope } from './key-rights.core.ts'

/** Why a call to the exchange did not give a usable answer. None of them proves anything. */
export const venueFaultCodes = [
  /** No answer in time; the request may have taken effect. */
  'VENUE_TIMED_OUT',
  'VENUE_UNREACHABLE',
  /** 10028, 10047 or HTTP 429: the account's budget is eaten by somebody else. */
  'VENUE_BUDGET_STARVED',
  'VENUE_UNAUTHORIZED',
  /** Settlement, maintenance or a locked book: nobody can do this now, and it will be over. */
  'VENUE_SUSPENDED',
  /** The exchange answered with any other error. */
  'VENUE_REFUSED',
  /** Contract data that the call needs was not loaded before; nothing is loaded during a kill. */
  'VENUE_NOT_PREPARED',
  /** The answer was not what the interface promises. */
  'VENUE_MALFORMED',
] as const
export type VenueFaultCode = (typeof venueFaultCodes)[number]
export type VenueFault = { readonly code: VenueFaultCode; readonly detail: string }

export type RestingOrder = {
  readonly orderId: string
  readonly instrument: string
  readonly reduceOnly: boolean
}

export type Position = {
  readonly instrument: string
  /** Signed, in the instrument's own unit (USD for inverse futures, coins for options). */
  readonly size: number
  /** Coins of the underlying that it gains and loses like; null where the exchange does not say. */
  readonly delta: number | null
  /** Perpetual of the same underlying, itself when it is that one; null where there is none. */
  readonly perpetual: string | null
}

/** Smallest price step, with the larger steps that hold above a price. */
export type TickRule = {
  readonly tickSize: number
  readonly steps: readonly { readonly abovePrice: number; readonly tickSize: number }[]
}

/** Best prices of an instrument; null where that side of the book is empty. */
export type Quote = {
  readonly bidPrice: number | null
  readonly askPrice: number | null
  /** The exchange's own valuation; null where it gives none. */
  readonly markPrice: number | null
  readonly tick: TickRule
  /** Smallest amount and step between amounts. */
  readonly amountStep: number
  /** What an amount counts: USD for inverse contracts, coins for all others. */
  readonly amountUnit: 'usd' | 'coin'
  /** How many of them one unit of amount is; contracts are not always 1. */
  readonly unitSize: number
}

/** A limit order that never rests: what does not trade at once is cancelled by the exchange. */
export type ImmediateOrder = {
  readonly instrument: string
  readonly side: 'buy' | 'sell'
  readonly amount: number
  readonly price: number
  readonly label: string
}

/** One way of asking which orders rest. Two different ones must both say zero. */
export type OpenOrderRead = 'all' | 'by_part'

/** What the exchange says of one of its own switches; absent where it has none. */
export type SwitchAnswer = 'armed' | 'absent'

/**
 * What the safety plane asks of an exchange, through a key of its own. Every call ends within the
 * configured time; none is repeated by the adapter.
 */
export interface SafetyVenue {
  /** What each way of asking is called at this exchange, for the audit. */
  readonly endpoints: Readonly<Record<OpenOrderRead, string>>
  /**
   * One cheap call, so that the connection is open when it is needed; its outcome does not matter.
   * Contract data that later calls need is loaded and refreshed here.
   */
  keepWarm(): Promise<void>
  /** What the key may do, asked of the exchange itself. */
  readKeyScope(): Promise<Result<KeyScope, VenueFault>>
  /**
   * Starts the exchange's own countdown anew, after which it cancels everything by itself. Never
   * ends it.
   */
  armCancelAllAfter(timeoutMs: number): Promise<Result<SwitchAnswer, VenueFault>>
  /** Whether new connections of the account cancel their orders when they are lost. */
  readCancelOnDisconnect(): Promise<Result<SwitchAnswer, VenueFault>>
  /** Cancels everything. Each cancel says how many orders the exchange says it cancelled. */
  cancelAll(timeoutMs: number): Promise<Result<number, VenueFault>>
  cancelInstrument(instrument: string, timeoutMs: number): Promise<Result<number, VenueFault>>
  cancelOrder(
    order: Pick<RestingOrder, 'orderId' | 'instrument'>,
    timeoutMs: number,
  ): Promise<Result<number, VenueFault>>
  readOpenOrders(
    read: OpenOrderRead,
    timeoutMs?: number,
  ): Promise<Result<readonly RestingOrder[], VenueFault>>
  readPositions(): Promise<Result<readonly Position[], VenueFault>>
  readQuote(instrument: string): Promise<Result<Quote, VenueFault>>
  /** Sends an order that can only make a position smaller. @returns the amount filled at once */
  sendReducing(order: ImmediateOrder): Promise<Result<number, VenueFault>>
  /**
   * Sends the one kind of order that may open a position: a hedge (decision D-38). Where the
   * exchange can, it refuses the order when it arrives later than the call's limit.
   * @returns the amount filled at once
   */
  sendHedge(order: ImmediateOrder): Promise<Result<number, VenueFault>>
}
