import { z } from 'zod'
import { intentDenialReasons } from './reasons/intent-denials.ts'

/** Slots of permitted, held and denied intents each, kept for `bulkhead explain`. */
export const decisionSlotsMax = 200

/** What a judgement was made from; null for what was not known. */
const inputs = z.record(z.string(), z.union([z.number(), z.string(), z.boolean(), z.null()]))

/**
 * One judged intent: the gates that it passed, in order, the one that refused it, and what they
 * looked at. Kept in `safety:decisions:executor`, newest over oldest.
 */
export const decisionSchema = z.strictObject({
  intent_id: z.string().max(64),
  run_id: z.string().max(64),
  strategy_id: z.string().max(64),
  decided_ms: z.number(),
  intent_class: z.enum(['OPEN', 'CLOSE', 'CANCEL']),
  verdict: z.enum(['permitted', 'held', 'denied']),
  reject_reason_code: z.enum(intentDenialReasons).nullable(),
  /** The gate or step that refused; null when none did. */
  refused_by: z.string().nullable(),
  passed: z.array(z.string()).max(64),
  wish: inputs,
  /** The state of the desk that was judged by. */
  inputs,
  /** What the refusing gate computed. */
  figures: z.record(z.string(), z.string()),
  /** The order that came of it; null when none did. */
  order: z.strictObject({ label: z.string(), amount: z.string(), price: z.string() }).nullable(),
})
export type DecisionRecord = z.infer<typeof decisionSchema>
