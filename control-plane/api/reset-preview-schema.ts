import { z } from 'zod'
import { killSwitchModes } from '@bulkhead/shared/contracts/kill-switch.ts'
import { resetObstacles } from '@bulkhead/shared/contracts/reasons/reset-obstacles.ts'
import { episodeViewSchema, resetViewSchema } from '@bulkhead/shared/contracts/status.ts'

/** `GET /api/v1/reset/preview`. */
export const resetPreviewSchema = z.strictObject({
  /** The episode that a reset must name; empty when nothing is thrown. */
  episode: z.string(),
  /** How far its kill got, phase by phase. */
  kill: episodeViewSchema.nullable(),
  mode: z.enum([...killSwitchModes, 'UNKNOWN']),
  /** True when a reset sent now would be taken. */
  is_possible: z.boolean(),
  obstacles: z.array(
    z.strictObject({ code: z.enum(resetObstacles), words: z.string(), detail: z.string() }),
  ),
  needs_approver: z.boolean(),
  pending: resetViewSchema.shape.pending,
  /** What a reset does, in order, in words. */
  effects: z.array(z.string()),
  /** Components that must beat within the boot grace, or the next kill starts at once. */
  must_beat: z.array(z.strictObject({ component: z.string(), process: z.string() })),
  boot_grace_ms: z.number().nonnegative().nullable(),
})
export type ResetPreview = z.infer<typeof resetPreviewSchema>
