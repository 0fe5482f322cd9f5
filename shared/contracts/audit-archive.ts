import { z } from 'zod'

/**
 * What the archive says of the oldest entries of the log: that it holds them, read back from its
 * disk and checked. The safety plane checks it against the log itself before it trims anything.
 */
export const archivedClaimSchema = z.strictObject({
  /** Stream id of the last entry that the claim covers; the first is the oldest of the log. */
  through_id: z.string().regex(/^\d{1,18}-\d{1,18}$/),
  entries: z.int().min(1).max(500),
  /** SHA-256 over `<stream id> <hash>` of each, one a line. */
  digest: z.string().regex(/^[0-9a-f]{64}$/),
})
export type ArchivedClaim = z.infer<typeof archivedClaimSchema>

/** Entries of one claim at most. */
export const claimEntriesMax = 500

/** What stays in the log although it is archived; both planes hold to it. */
export const auditLogKeptSchema = z
  .strictObject({
    entriesKept: z.int().min(1).max(1_000_000).default(10_000),
    ageKeptMs: z.int().min(100).max(2_592_000_000).default(3_600_000),
  })
  .prefault({})
export type AuditLogKept = z.infer<typeof auditLogKeptSchema>
