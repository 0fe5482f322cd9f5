import { z } from 'zod'
import { mutatingTools, toldTiers } from './governed-actions.ts'

/** Where a request stands. Only PENDING can change; NOTIFIED is a T1 that people hear of. */
export const approvalStates = [
  'PENDING',
  'NOTIFIED',
  'CONSUMED',
  'DENIED',
  'EXPIRED',
  'WITHDRAWN',
] as const
export type ApprovalState = (typeof approvalStates)[number]

/** What people are asked to agree to. Its hash is what they sign (`request_hash`). */
export const approvalPayloadSchema = z.strictObject({
  /** Id of the action; of an order that of its intent. */
  request_id: z.uuid(),
  tool: z.enum(mutatingTools),
  /** Who proposed it: a strategy. */
  strategy_id: z.string().max(64),
  instrument: z.string().max(64),
  /** What would be done, as the proposer said it. */
  params: z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()])),
  tier: z.enum(toldTiers),
  policy_version: z.string().max(64),
  /** Rules that ask for the tier. */
  rules: z.array(z.string().max(64)).max(64),
  created_ms: z.number(),
  expires_ms: z.number(),
})
export type ApprovalPayload = z.infer<typeof approvalPayloadSchema>
