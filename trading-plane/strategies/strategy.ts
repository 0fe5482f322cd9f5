import type {
  BookView,
  FillView,
  GroupView,
  IntentOutcome,
} from '@bulkhead/shared/contracts/intents.ts'
import type { TradingMode } from '@bulkhead/shared/contracts/reasons/mode-reasons.ts'
import type { z } from 'zod'

/**
 * An order as a strategy wishes it. Size and price are put on the venue's grid in the safer
 * direction.
 */
export type OrderWish = {
  readonly instrument: string
  readonly side: 'buy' | 'sell'
  /** In the instrument's own unit: USD for inverse perpetuals and futures, coins for options. */
  readonly amount: number
  readonly limitPrice: number
  /** Rest until cancelled (the default), or trade at once what can be traded and drop the rest. */
  readonly timeInForce?: 'good_til_cancelled' | 'immediate_or_cancel'
  /** Refused rather than filled at once. */
  readonly postOnly?: boolean
  /** The venue lets it shrink the position and nothing else; passes when opening is forbidden. */
  readonly reduceOnly?: boolean
  /** How sure the strategy's model is, 0 to 1: written to the audit, and decides nothing. */
  readonly aiConfidence?: number
  /**
   * What it is worth before fees and slippage if it fills whole, in USD. An order that opens is
   * denied without it as `NetEdgeInputMissing`, and as `NetEdgeTooLow` when too little is left.
   */
  readonly expectedEdgeUsd?: number
  /**
   * What the instrument is worth, in the unit of its price. An order that opens by
   * `immediate_or_cancel` is denied without it as `NetEdgeInputMissing`: the executor never lets
   * it pay so much that the edge which the desk demands would be gone, whatever `limitPrice` says.
   */
  readonly fairPrice?: number
}

/**
 * One order of a group. Every leg opens and trades at once what can be traded; its share of what
 * the group is worth is its `expectedEdgeUsd`.
 */
export type GroupLegWish = Pick<
  OrderWish,
  'instrument' | 'side' | 'amount' | 'limitPrice' | 'expectedEdgeUsd' | 'fairPrice' | 'aiConfidence'
>

export type GroupRef = {
  readonly groupId: string
  /** Of the legs, in their order: under these their outcomes and fills are reported. */
  readonly intentIds: readonly string[]
}

/** What a strategy may do. It proposes; the executor decides, and says what became of it. */
export type StrategyContext = {
  readonly id: string
  /** Milliseconds on a clock that never steps. */
  nowMs(): number
  /**
   * Proposes an order and returns the intent's id, under which every outcome and fill is reported.
   */
  place(wish: OrderWish): string
  /**
   * Proposes two or three orders, each of another instrument, that make sense together only: they
   * are sent all or none, and unless all fill whole, what did is taken back by the executor.
   */
  placeGroup(legs: readonly GroupLegWish[]): GroupRef
  /** Proposes to cancel the order of an intent. */
  cancel(intentId: string): void
  log(message: string, fields?: Readonly<Record<string, unknown>>): void
}

/**
 * What a strategy hears. Every method is optional and must return soon: all strategies share a
 * thread.
 */
export type StrategyHandlers = {
  onBook?(book: BookView): void
  onFill?(fill: FillView): void
  onOutcome?(outcome: IntentOutcome): void
  /** A group came to another state; `Complete` and `Flattened` are its ends. */
  onGroup?(group: GroupView): void
  onMode?(mode: TradingMode, reasons: readonly string[]): void
  /** About every 250 ms, whether or not anything happened. */
  onTimer?(nowMs: number): void
  /** What it must know again after a restart, in the shape of the definition's `state`. */
  saveState?(): unknown
  /**
   * Given what was saved last, checked, before it hears anything else. If it throws it is created
   * anew and starts cold.
   */
  restoreState?(state: unknown): void
  /**
   * Whether it has seen enough to open anything; without it, always. While one strategy of the desk
   * says no, none can open.
   */
  isWarmedUp?(): boolean
}

export type StrategyDefinition<P = unknown> = {
  readonly id: string
  /** Checked before the strategy is created; the defaults of the schema count. */
  readonly params: z.ZodType<P>
  /** Shape of what `saveState` gives: plain data, nothing else is written or read back. */
  readonly state?: z.ZodType
  /** Whose books it wants to see. */
  instruments(params: P): readonly string[]
  create(context: StrategyContext, params: P): StrategyHandlers
}

/** Declares a strategy; a module exports it under the name `strategy`. */
export function defineStrategy<P>(definition: StrategyDefinition<P>): StrategyDefinition<P> {
  return definition
}
