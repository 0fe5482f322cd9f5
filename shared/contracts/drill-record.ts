import { z } from 'zod'
import { killLevelSchema } from './kill-switch.ts'

/** Levels in which a drill exercises the whole kill path. */
export const wholeDrillLevel = 'L2'

/** Name of the record in the safety plane's state folder. */
export const drillFileName = 'drill.json'

/** That a drill was passed, as an operator vouches for it. */
export const drillRecordSchema = z.strictObject({
  format: z.literal(1),
  level: killLevelSchema,
  passed_wall_ms: z.int().positive(),
  build_id: z.string().max(64),
  /** SHA-256 of the drill.json that the operator looked at, lower-case hex. */
  evidence_sha256: z.string().regex(/^[0-9a-f]{64}$/),
  operator_id: z.string().min(1).max(32),
  key_version: z.int().min(1).max(1_000_000),
})
export type DrillRecord = z.infer<typeof drillRecordSchema>

/** Its bytes as they were signed, base64, and their HMAC-SHA256 in hex. */
export const drillEnvelopeSchema = z.strictObject({
  key_id: z.string().min(1).max(64),
  payload: z.string().min(1).max(4_096),
  signature: z.string().regex(/^[0-9a-f]{64}$/),
})
export type DrillEnvelope = z.infer<typeof drillEnvelopeSchema>
