import { z } from 'zod'

/**
 * What the control plane hands to the trading plane under `safety:policy:current`: that somebody
 * stands behind the desk, since when, and how much of an opening order may go out (decision D-49).
 */
export const handedPolicySchema = z.strictObject({
  /** Wall time of its making, in milliseconds; the trading plane judges its age. */
  policy_generated_ts_ms: z.int().positive(),
  /** `open_haircut_mult` of contract 5.2: opening orders go out with this share of their wish. */
  open_haircut_mult: z.number().min(0.01).max(1),
})
export type HandedPolicy = z.infer<typeof handedPolicySchema>

/** The policy as its maker wrote it, with the Ed25519 signature of these very bytes, in hex. */
export const policyEnvelopeSchema = z.strictObject({
  payload: z.string().min(1).max(4_096),
  signature: z.string().regex(/^[0-9a-f]{128}$/),
})
