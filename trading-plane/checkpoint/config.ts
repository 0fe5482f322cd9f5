import { z } from 'zod'

/** When checkpoints are made, and how much may be replayed without one. */
export const checkpointConfigSchema = z
  .strictObject({
    intervalMs: z.int().min(100).max(3_600_000).default(300_000),
    /** `max_wal_replay_sec`: a start that has to replay more says so loudly (decision D-70). */
    maxWalReplaySec: z.int().min(1).max(86_400).default(3_600),
    /** Newest records that no checkpoint takes: the copy in Redis may want them at a start. */
    tailRecordsMin: z.int().min(1).max(100_000).default(1_024),
  })
  .refine((own) => 2 * own.intervalMs <= own.maxWalReplaySec * 1_000, {
    path: ['intervalMs'],
    error: 'must be at most half of maxWalReplaySec, so that one failed attempt breaks no promise',
  })
export type CheckpointConfig = z.infer<typeof checkpointConfigSchema>
