import {
  type ArchivedClaim,
  type AuditLogKept,
  claimEntriesMax,
} from '@bulkhead/shared/contracts/audit-archive.ts'
import { redisKeys } from '@bulkhead/shared/contracts/redis-keys.ts'
import type { Clock } from '@bulkhead/shared/kernel/clock.ts'
import { archiveDigest } from '@bulkhead/shared/runtime/audit-archive-digest.ts'
import { hashOf } from '@bulkhead/shared/runtime/audit-chain.ts'
import type { Logger } from '@bulkhead/shared/runtime/log.ts'
import type { RedisLink } from '@bulkhead/shared/runtime/redis-link.ts'
import { recordOfFields } from '@bulkhead/shared/runtime/stream-fields.ts'
import { type ArchivedEntry, readArchive } from './archive.ts'

export type ArchiveClaimsOptions = {
  readonly link: RedisLink
  readonly archiveFile: string
  readonly kept: AuditLogKept
  readonly intervalMs: number
  readonly clock: Clock
  readonly log: Logger
}

/** Whether the archive bears out what it holds; NOTHING_DUE while the log is short. */
type ClaimState = 'NOTHING_DUE' | 'CLAIMED' | 'ARCHIVE_DIFFERS' | 'LOG_UNREACHABLE'

/**
 * Tells the safety plane which of the oldest entries of the log may leave it. A claim covers only
 * entries that a fresh connection read back from the archive's file, each with its own hash right
 * and equal to the one in the log.
 */
export class ArchiveClaims {
  readonly #options: ArchiveClaimsOptions
  #nextMs = Number.NEGATIVE_INFINITY
  #state: ClaimState = 'NOTHING_DUE'

  constructor(options: ArchiveClaimsOptions) {
    this.#options = options
  }

  /** Whether the archive was last found not to hold what the log holds. */
  get differs(): boolean {
    return this.#state === 'ARCHIVE_DIFFERS'
  }

  /** Once per interval: looks at the log's oldest entries and claims what it can bear out. */
  async tick(): Promise<void> {
    const { clock, intervalMs, log } = this.#options
    if (clock.monotonicMs() < this.#nextMs) return
    this.#nextMs = clock.monotonicMs() + intervalMs
    const before = this.#state
    this.#state = await this.#claim()
    if (this.#state === 'ARCHIVE_DIFFERS' && before !== this.#state) {
      log.error('the archive does not hold what the log holds: nothing is trimmed')
    }
  }

  async #claim(): Promise<ClaimState> {
    const { link, kept, clock } = this.#options
    const length = await link.run((redis) => redis.xlen(redisKeys.auditLog))
    if (!length.ok) return 'LOG_UNREACHABLE'
    const count = Math.min(claimEntriesMax, length.value - kept.entriesKept)
    if (count <= 0) return 'NOTHING_DUE'
    const until = String(Math.max(0, clock.wallMs() - kept.ageKeptMs))
    const rows = await link.run((redis) =>
      redis.xrange(redisKeys.auditLog, '-', until, 'COUNT', count),
    )
    if (!rows.ok) return 'LOG_UNREACHABLE'
    const oldest = rows.value.map(([id, fields]) => ({ id, entry: recordOfFields(fields) }))
    const last = oldest.at(-1)
    if (last === undefined) return 'NOTHING_DUE'
    if (!this.#holds(oldest)) return 'ARCHIVE_DIFFERS'
    const claim: ArchivedClaim = {
      through_id: last.id,
      entries: oldest.length,
      digest: archiveDigest(oldest.map(({ id, entry }) => ({ id, hash: entry['hash'] ?? '' }))),
    }
    const text = JSON.stringify(claim)
    const written = await link.run((redis) => redis.set(redisKeys.auditArchived, text))
    return written.ok ? 'CLAIMED' : 'LOG_UNREACHABLE'
  }

  /** Whether the file on the disk holds exactly these, each whole in itself. */
  #holds(oldest: readonly ArchivedEntry[]): boolean {
    const range = { from: oldest[0]?.id ?? '0-0', limit: oldest.length }
    try {
      const archived = [...readArchive(this.#options.archiveFile, range)]
      return (
        archived.length === oldest.length &&
        archived.every(({ id, entry }, at) => {
          const logged = oldest[at]
          return id === logged?.id && isWhole(entry) && entry['hash'] === logged.entry['hash']
        })
      )
    } catch (error) {
      this.#options.log.error({ err: error }, 'the archive cannot be read back')
      return false
    }
  }
}

/** An entry that somebody damaged may not even be hashable. */
function isWhole(entry: ArchivedEntry['entry']): boolean {
  try {
    return hashOf(entry) === entry['hash']
  } catch {
    return false
  }
}
