import { z } from 'zod'

/**
 * One line of the sealed-heads file, which the safety plane keeps outside Redis: how far the audit
 * chains had come, so that a cut tail of the stream shows. A line names only chains that grew since
 * the line before; the newest line of a chain counts. Chain ids are `writer/chain`.
 */
export const sealedHeadsSchema = z.strictObject({
  sealed_ns: z.string().regex(/^\d{1,20}$/),
  /** Id of the last stream entry that the heads cover. */
  last_id: z.string().regex(/^\d{1,20}-\d{1,20}$/),
  heads: z.record(
    z.string().max(97),
    z.strictObject({ seq: z.int().min(1), hash: z.string().regex(/^[0-9a-f]{64}$/) }),
  ),
})
export type SealedHeads = z.infer<typeof sealedHeadsSchema>
