import type { ArchivedClaim, AuditLogKept } from '@bulkhead/shared/contracts/audit-archive.ts'
import type { TrimRefusal } from '@bulkhead/shared/contracts/reasons/trim-refusals.ts'

/** What the log and the seals say beside a claim. */
export type TrimFacts = {
  /** Ids of the oldest entries of the log up to the claimed one, and one more if there is. */
  readonly oldestIds: readonly string[]
  /** Digest over the oldest entries, as many as the claim names. */
  readonly digest: string
  readonly logLength: number
  /** Whether the last seal covers the claimed entry. */
  readonly isSealed: boolean
  readonly nowMs: number
}

/** `done` when nothing of the claim is in the log any more. */
export type TrimVerdict = 'trim' | 'done' | TrimRefusal

/**
 * Whether the entries of a claim may leave the log: they are the oldest, archived as they stand
 * there, sealed, old enough, and enough of the log stays.
 */
export function judgeTrim(claim: ArchivedClaim, facts: TrimFacts, kept: AuditLogKept): TrimVerdict {
  const { oldestIds, digest, logLength, isSealed, nowMs } = facts
  if (oldestIds.length === 0) return 'done'
  const isSame = oldestIds.length === claim.entries && oldestIds.at(-1) === claim.through_id
  if (!isSame || digest !== claim.digest) return 'CLAIM_DIFFERS_FROM_LOG'
  const claimedMs = Number(claim.through_id.split('-')[0])
  if (nowMs - claimedMs < kept.ageKeptMs) return 'CLAIM_TOO_YOUNG'
  if (logLength - claim.entries < kept.entriesKept) return 'CLAIM_LEAVES_TOO_FEW'
  return isSealed ? 'trim' : 'CLAIM_NOT_SEALED'
}

/** The id right after another: what XTRIM keeps from. */
export function idAfter(id: string): string {
  const [ms = '0', seq = '0'] = id.split('-')
  return `${ms}-${BigInt(seq) + 1n}`
}
