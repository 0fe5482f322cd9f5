import { z } from 'zod'
import { intentDenialReasons } from './reasons/intent-denials.ts'

/**
 * Messages between orchestrator and executor on the intent socket: one JSON object a line, UTF-8,
 * at most `intentLineBytesMax` bytes. A line that does not parse is answered with `IntentMalformed`
 * where it carries an intent id, and counted where it does not; it never closes the executor.
 */
export const intentLineBytesMax = 16_384

/** Decimal text, so that no price or size passes through a binary fraction on its way. */
const decimalText = z.string().regex(/^\d{1,15}(\.\d{1,12})?$/)
const signedDecimalText = z.string().regex(/^-?\d{1,15}(\.\d{1,12})?$/)
const instrument = z.string().regex(/^[A-Z0-9_.-]{3,64}$/)
const strategyId = z.string().regex(/^[a-z][a-z0-9_-]{0,31}$/)

/** A wish to trade. What it means for risk is decided by the executor, never by the strategy. */
export const placeIntentSchema = z.strictObject({
  type: z.literal('place'),
  intent_id: z.uuid(),
  strategy_id: strategyId,
  /** Legs of one trade share a group; a single order is a group of its own. */
  group_id: z.uuid(),
  leg_index: z.int().min(0).max(9),
  instrument,
  side: z.enum(['buy', 'sell']),
  /** In the instrument's own unit: USD for inverse perpetuals and futures, coins for options. */
  amount: decimalText,
  /**
   * Whole contracts, where a strategy counts in them: must say the same as `amount` (contract 1.0).
   */
  contracts: z.int().min(1).max(1_000_000_000).optional(),
  /** Limit when left out. The others are named so that they are refused by their own codes. */
  order_type: z.enum(['limit', 'market', 'stop_limit', 'stop_market']).optional(),
  /** Needed by every order; an order without it is a market order and refused as one. */
  limit_price: decimalText.optional(),
  trigger: z.string().max(32).nullish(),
  trigger_price: decimalText.nullish(),
  linked_order_type: z.string().max(32).nullish(),
  time_in_force: z.enum(['good_til_cancelled', 'immediate_or_cancel']),
  post_only: z.boolean(),
  reduce_only: z.boolean(),
  /**
   * How sure the strategy's model is, for the audit. Nothing decides by it, so one that makes no
   * sense is left out and denies nothing.
   */
  ai_confidence: z.number().min(0).max(1).optional().catch(undefined),
  /**
   * What the strategy expects to earn before fees and slippage if the order fills whole, in USD.
   * An order that opens is refused without it (contract 1.4.1); one that closes needs none.
   */
  expected_edge_usd: signedDecimalText.optional(),
  /**
   * What the strategy takes the instrument to be worth, in the unit of its price. An order that
   * opens and takes from the book (immediate or cancel) is priced from it and refused without it
   * (contract 1.4); no other order needs one.
   */
  fair_price: decimalText.optional(),
})
export type PlaceIntent = z.infer<typeof placeIntentSchema>

/** Legs that one group can have: with its rescues each has a digit of its own in its label. */
export const groupLegsMax = 3

/** A leg is an order that opens and takes at once; its place in the list is its index. */
const groupLegSchema = placeIntentSchema
  .pick({
    intent_id: true,
    instrument: true,
    side: true,
    amount: true,
    contracts: true,
    limit_price: true,
    ai_confidence: true,
    expected_edge_usd: true,
    fair_price: true,
  })
  .strict()
export type GroupLegIntent = z.infer<typeof groupLegSchema>

/**
 * A wish for orders that make sense together only (contract 1.2): they are sent all or none, and
 * what a broken group leaves is taken back. Each leg is reported under its own intent id.
 */
export const groupIntentSchema = z.strictObject({
  type: z.literal('group'),
  group_id: z.uuid(),
  strategy_id: strategyId,
  legs: z
    .array(groupLegSchema)
    .min(2)
    .max(groupLegsMax)
    .refine((legs) => areDistinct(legs.map((leg) => leg.instrument)), {
      error: 'legs must be of different instruments',
    })
    .refine((legs) => areDistinct(legs.map((leg) => leg.intent_id)), {
      error: 'legs must have different intent ids',
    }),
})
export type GroupIntent = z.infer<typeof groupIntentSchema>

function areDistinct(texts: readonly string[]): boolean {
  return new Set(texts).size === texts.length
}

export const cancelIntentSchema = z.strictObject({
  type: z.literal('cancel'),
  intent_id: z.uuid(),
  strategy_id: strategyId,
  /** The intent that placed the order. */
  target_intent_id: z.uuid(),
})
export type CancelIntent = z.infer<typeof cancelIntentSchema>

export const intentSchema = z.discriminatedUnion('type', [placeIntentSchema, cancelIntentSchema])
export type Intent = z.infer<typeof intentSchema>

/** From orchestrator to executor. */
export const toExecutorSchema = z.discriminatedUnion('type', [
  placeIntentSchema,
  groupIntentSchema,
  cancelIntentSchema,
  z.strictObject({
    type: z.literal('hello'),
    strategies: z.array(strategyId).max(64),
    /** Instruments whose books the strategies want to see. */
    instruments: z.array(instrument).max(64),
    /** Strategies of these that have not seen enough yet to open anything. */
    warming: z.array(strategyId).max(64).default([]),
  }),
  /** The same, as it is now. */
  z.strictObject({ type: z.literal('warmup'), warming: z.array(strategyId).max(64) }),
])
export type ToExecutor = z.infer<typeof toExecutorSchema>

/**
 * What became of an intent. `denied` is ours; `rejected` is the venue's; `held` waits for people.
 */
export const intentOutcomeSchema = z.strictObject({
  type: z.literal('outcome'),
  intent_id: z.uuid(),
  strategy_id: strategyId,
  state: z.enum([
    'accepted',
    'held',
    'denied',
    'rejected',
    'unknown',
    'open',
    'filled',
    'cancelled',
  ]),
  reject_reason_code: z.enum(intentDenialReasons).optional(),
  /** The same intent came again: this is what became of it, and nothing new was done. */
  is_repeat: z.literal(true).optional(),
  /** The venue's code and message when it rejected, for people. */
  venue_detail: z.string().max(256).optional(),
})
export type IntentOutcome = z.infer<typeof intentOutcomeSchema>

export const bookViewSchema = z.strictObject({
  type: z.literal('book'),
  instrument,
  bids: z.array(z.tuple([z.number(), z.number()])).max(20),
  asks: z.array(z.tuple([z.number(), z.number()])).max(20),
  venue_ms: z.number(),
})
export type BookView = z.infer<typeof bookViewSchema>

export const fillViewSchema = z.strictObject({
  type: z.literal('fill'),
  intent_id: z.uuid(),
  strategy_id: strategyId,
  trade_id: z.string().max(64),
  instrument,
  side: z.enum(['buy', 'sell']),
  amount: z.number(),
  price: z.number(),
  fee: z.number(),
  fee_currency: z.string().max(16),
})
export type FillView = z.infer<typeof fillViewSchema>

/**
 * Where a group stands (contract 1.2.1): `Complete` is every leg filled, or none; `Flattened` is
 * what was filled taken back; the others are on their way.
 */
export const groupStates = [
  'New',
  'Dispatched',
  'Complete',
  'MixedFailed',
  'Flattening',
  'Flattened',
] as const
export type GroupState = (typeof groupStates)[number]

export const groupViewSchema = z.strictObject({
  type: z.literal('group'),
  group_id: z.uuid(),
  strategy_id: strategyId,
  state: z.enum(groupStates),
})
export type GroupView = z.infer<typeof groupViewSchema>

/** From executor to orchestrator. */
export const toOrchestratorSchema = z.discriminatedUnion('type', [
  intentOutcomeSchema,
  bookViewSchema,
  fillViewSchema,
  groupViewSchema,
  z.strictObject({
    type: z.literal('mode'),
    trading_mode: z.enum(['Active', 'ReduceOnly', 'Kill']),
    mode_reasons: z.array(z.string()).max(32),
  }),
])
export type ToOrchestrator = z.infer<typeof toOrchestratorSchema>
