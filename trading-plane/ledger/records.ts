import { nakedCauses } from '@bulkhead/shared/contracts/atomic-naked-event.ts'
import { groupStates } from '@bulkhead/shared/contracts/intents.ts'
import { tradingModes } from '@bulkhead/shared/contracts/reasons/mode-reasons.ts'
import { z } from 'zod'
import { approvalTiers } from '@bulkhead/shared/contracts/governed-actions.ts'
import { legStates } from '../engine/legs/leg.ts'

const label = z.string().max(64)
const count = z.int().nonnegative()

export const sides = ['buy', 'sell'] as const
export const timesInForce = ['good_til_cancelled', 'immediate_or_cancel'] as const

/** The durable wish: everything needed to recognise the order at the venue (contract 2.4). */
const intentRecord = z.strictObject({
  type: z.literal('intent'),
  label,
  intent_id: z.string().max(64),
  strategy_id: z.string().max(64),
  group_id: z.string().max(64),
  leg_index: count,
  instrument: z.string().max(64),
  currency: z.string().max(16),
  side: z.enum(sides),
  amount_steps: count,
  price_ticks: count,
  amount: z.string().max(40),
  price: z.string().max(40),
  time_in_force: z.enum(timesInForce),
  post_only: z.boolean(),
  reduce_only: z.boolean(),
  created_ms: z.number(),
})

/** The decision to send, durable before the first byte leaves, with the lease it leaves under. */
const dispatchRecord = z.strictObject({
  type: z.literal('dispatch'),
  label,
  valid_until_ms: z.number(),
  sent_ms: z.number(),
})

/** A transition of an order leg, as it stands after it. */
const legRecord = z.strictObject({
  type: z.literal('leg'),
  label,
  state: z.enum(legStates),
  traded_steps: count,
  reported_steps: count,
  venue_order_id: z.string().max(64).nullable(),
  at_ms: z.number(),
})

/** A trade of ours, once per trade id (contract 2.4, trade-id registry). */
const tradeRecord = z.strictObject({
  type: z.literal('trade'),
  trade_id: z.string().max(64),
  label,
  instrument: z.string().max(64),
  side: z.enum(sides),
  steps: count,
  price: z.number(),
  fee: z.number(),
  fee_currency: z.string().max(16),
  venue_ms: z.number(),
})

/** A group, durable before any of its legs is handed out (contract 1.2.1). */
const groupRecord = z.strictObject({
  type: z.literal('group'),
  group_id: z.string().max(64),
  strategy_id: z.string().max(64),
  /** Labels of its legs in their order, a space between. */
  labels: z.string().max(256),
  created_ms: z.number(),
})

/** A transition of a group, as it stands after it; also written before each rescue. */
const groupStateRecord = z.strictObject({
  type: z.literal('group_state'),
  group_id: z.string().max(64),
  state: z.enum(groupStates),
  rescues: count,
  at_ms: z.number(),
})

/** An order that takes a leg of a group back, or hedges it. */
const groupCloseRecord = z.strictObject({
  type: z.literal('group_close'),
  group_id: z.string().max(64),
  leg_index: count,
  label,
  at_ms: z.number(),
})

/** The account of an emergency close (contract 3.1, AtomicNakedEvent). */
const nakedRecord = z.strictObject({
  type: z.literal('naked'),
  group_id: z.string().max(64),
  strategy_id: z.string().max(64),
  incident_ts_ms: z.number(),
  exposure_usd_before: z.number().nullable(),
  exposure_usd_after: z.number().nullable(),
  time_to_delta_neutral_ms: count,
  close_attempts: count,
  hedge_used: z.boolean(),
  is_neutral: z.boolean(),
  cause: z.enum(nakedCauses),
  trading_mode_at_event: z.enum(tradingModes),
})

/** A repair of our book that went the way of every action (decision D-70). */
const adjustRecord = z.strictObject({
  type: z.literal('adjust'),
  /** Id of the request that people, or the policy alone, let pass. */
  adjust_id: z.string().max(64),
  instrument: z.string().max(64),
  side: z.enum(sides),
  steps: count,
  tier: z.enum(approvalTiers),
  at_ms: z.number(),
})

/** First record of a file: which run wrote it. */
const runRecord = z.strictObject({
  type: z.literal('run'),
  run_id: z.string().max(64),
  started_ms: z.number(),
})

/** Everything that the ledger holds; a record of another shape is corruption. */
export const ledgerRecordSchema = z.discriminatedUnion('type', [
  runRecord,
  intentRecord,
  dispatchRecord,
  legRecord,
  tradeRecord,
  groupRecord,
  groupStateRecord,
  groupCloseRecord,
  nakedRecord,
  adjustRecord,
])
export type LedgerRecord = z.infer<typeof ledgerRecordSchema>
export type IntentRecord = z.infer<typeof intentRecord>
