import { z } from 'zod'
import { alertChannelsSchema } from '@bulkhead/shared/contracts/alert-channels.ts'

/** Who is told of a kill, and how hard it is tried. */
export const notifySchema = z
  .strictObject({
    channels: alertChannelsSchema,
    /** Limit of one try over HTTP. */
    timeoutMs: z.int().min(100).max(5_000).default(1_000),
    /** Tries of one round, and the pause between two of them. */
    tries: z.int().min(1).max(10).default(3),
    retryDelayMs: z.int().min(10).max(10_000).default(1_000),
    /** An alert that a channel did not take gets another round after this, so many times. */
    roundIntervalMs: z.int().min(100).max(3_600_000).default(60_000),
    roundsMax: z.int().min(1).max(1_000).default(60),
    /** Alerts that wait at one time; the oldest gives way. */
    queueMax: z.int().min(1).max(256).default(64),
  })
  .prefault({})
export type NotifyConfig = z.infer<typeof notifySchema>
