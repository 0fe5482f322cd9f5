import { z } from 'zod'
import {
  approvalsEndedMax,
  approvalsPendingMax,
  governedTools,
  toldTiers,
} from './governed-actions.ts'

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

const operatorId = z.string().max(32)

/** What people are asked to agree to. Its hash is what they sign (`request_hash`). */
export const approvalPayloadSchema = z.strictObject({
  /** Id of the action; of an order that of its intent. */
  request_id: z.uuid(),
  tool: z.enum(governedTools),
  /** Who proposed it: a strategy, or `recon`. */
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

/** A request as it is shown to those who may agree to it. */
export const approvalViewSchema = z.strictObject({
  payload: approvalPayloadSchema,
  /** SHA-256 over the canonical JSON of the payload, lower-case hex. */
  request_hash: z.string().regex(/^[0-9a-f]{64}$/),
  state: z.enum(approvalStates),
  /** People who agreed so far, each of them once. */
  granted_by: z.array(operatorId).max(2),
  approvers_needed: z.int().min(0).max(2),
  /** People who stand behind the proposer and may not agree. */
  owners: z.array(operatorId).max(16),
  /** Who denied it, or what became of it; empty while it waits. */
  ended_by: z.string().max(128),
})
export type ApprovalView = z.infer<typeof approvalViewSchema>

/**
 * The string `safety:approvals:requests`: what the executor holds back now. It is written anew
 * every half second and is gone with the executor, as the held actions are (decision D-56).
 */
export const approvalsDocumentSchema = z.strictObject({
  run_id: z.string().max(64),
  wall_ms: z.number(),
  /** Oldest first. */
  pending: z.array(approvalViewSchema).max(approvalsPendingMax),
  /** Newest first. */
  ended: z.array(approvalViewSchema).max(approvalsEndedMax),
})
export type ApprovalsDocument = z.infer<typeof approvalsDocumentSchema>
