import { z } from 'zod'

const mebi = 1_048_576

/** How the ledger writes; every default is safe for LIVE. */
export const ledgerConfigSchema = z.strictObject({
  /** Bytes that one file holds before the next one begins; written with zeros in advance. */
  segmentBytes: z
    .int()
    .min(mebi / 2)
    .max(256 * mebi)
    .default(16 * mebi),
  /** Bytes of records that may wait for the disk. */
  ringBytes: z
    .int()
    .min(mebi / 4)
    .max(64 * mebi)
    .default(mebi)
    .refine((bytes) => (bytes & (bytes - 1)) === 0, 'must be a power of two'),
  /** Records that may wait for the disk; one more is refused. */
  waitingMax: z.int().min(16).max(262_144).default(8_192),
  /** Bytes of records in one batch, that is in one write and one sync. */
  batchBytesMax: z
    .int()
    .min(mebi / 16)
    .max(mebi)
    .default(mebi / 4),
  /** When an entry of execution counts: on the disk, or already in the ring (design 6.3). */
  executionFsync: z.enum(['durable', 'recorded']).default('durable'),
  /** The same for entries that only describe; they never wake the writer for themselves. */
  featureFsync: z.enum(['durable', 'recorded']).default('recorded'),
  /** Longest time that a recorded entry waits for the disk. */
  syncIntervalMs: z.int().min(1).max(1_000).default(100),
  /** How long the writer looks for more before it sleeps: waking it costs half a sync. */
  spinUs: z.int().min(0).max(1_000).default(50),
  /** How long the loop looks at every turn whether a record is durable before it is told. */
  pollUs: z.int().min(0).max(10_000).default(500),
  /** Time between two deliveries to the copy in Redis. */
  copyIntervalMs: z.int().min(10).max(60_000).default(1_000),
  /** Records that wait for the copy; older ones are then left out of it and counted. */
  copyWaitingMax: z.int().min(64).max(65_536).default(8_192),
  /** Newest records that the copy holds, about; the safety Redis evicts nothing. */
  copyLengthMax: z.int().min(100).max(200_000).default(20_000),
})
export type LedgerConfig = z.infer<typeof ledgerConfigSchema>
