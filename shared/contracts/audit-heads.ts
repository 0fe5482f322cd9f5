import { z } from 'zod'

const digest = z.string().regex(/^[0-9a-f]{64}$/)

/**
 * One line of the sealed-heads file, which the safety plane keeps outside Redis: how far the audit
 * chains had come, so that a rewritten or shortened log shows. A line names only chains that grew
 * since the line before, the first line of a file all of them; the newest line of a chain counts.
 * Chain ids are `writer/chain`.
 */
export const sealedHeadsSchema = z.strictObject({
  /** Counts from 1 without a hole. */
  seal: z.int().min(1),
  /** SHA-256 of the line before, as it stands in the file; zeros for the first. */
  prev: digest,
  sealed_ns: z.string().regex(/^\d{1,20}$/),
  /** Id of the last stream entry that the heads cover. */
  last_id: z.string().regex(/^\d{1,20}-\d{1,20}$/),
  heads: z.record(
    z.string().max(97),
    z.strictObject({
      seq: z.int().min(1),
      hash: digest,
      /** Numbers below `seq` that had not arrived; absent when there are none. */
      missing: z.array(z.int().min(1)).max(1_024).optional(),
    }),
  ),
  /** Ed25519 over everything else, in hex; null where no seal key is configured. */
  signature: z
    .string()
    .regex(/^[0-9a-f]{128}$/)
    .nullable(),
})
export type SealedHeads = z.infer<typeof sealedHeadsSchema>
