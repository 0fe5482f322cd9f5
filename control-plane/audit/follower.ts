import { redisKeys } from '@bulkhead/shared/contracts/redis-keys.ts'
import type { Logger } from '@bulkhead/shared/runtime/log.ts'
import type { RedisLink } from '@bulkhead/shared/runtime/redis-link.ts'
import { recordOfFields } from '@bulkhead/shared/runtime/stream-fields.ts'
import { type AuditArchive, type ArchivedEntry, placeOf } from './archive.ts'

/** Entries copied at one turn. */
const batchMax = 500

/** Whether the archive keeps up; anything but FOLLOWING is shown. */
export const archiveStates = [
  'FOLLOWING',
  'LOG_UNREACHABLE',
  'LOG_BEHIND_ARCHIVE',
  'ARCHIVE_FAILED',
  'ARCHIVE_DIFFERS',
] as const
export type ArchiveState = (typeof archiveStates)[number]

/** Copies `safety:audit:log` into the archive, from where the archive ends. */
export class AuditFollower {
  readonly #link: RedisLink
  readonly #archive: AuditArchive
  readonly #log: Logger
  #state: ArchiveState = 'LOG_UNREACHABLE'

  constructor(link: RedisLink, archive: AuditArchive, log: Logger) {
    this.#link = link
    this.#archive = archive
    this.#log = log
  }

  get state(): ArchiveState {
    return this.#state
  }

  /**
   * Copies what is new, at most one batch.
   *
   * @returns the entries that were archived by this call, oldest first
   */
  async tick(): Promise<readonly ArchivedEntry[]> {
    const from = this.#archive.lastId
    const read = await this.#link.run((redis) =>
      Promise.all([
        redis.xrange(redisKeys.auditLog, `(${from}`, '+', 'COUNT', batchMax),
        redis.xrevrange(redisKeys.auditLog, '+', '-', 'COUNT', 1),
      ]),
    )
    if (!read.ok) return this.#become('LOG_UNREACHABLE')
    const [rows, newest] = read.value
    const entries = rows.map(([id, fields]) => ({ id, entry: recordOfFields(fields) }))
    if (entries.length === 0 && isBefore(newest[0]?.[0] ?? '0-0', from)) {
      return this.#become('LOG_BEHIND_ARCHIVE')
    }
    try {
      this.#archive.append(entries)
    } catch (error) {
      return this.#become('ARCHIVE_FAILED', error)
    }
    this.#become('FOLLOWING')
    return entries
  }

  /** Logs a change once; a state that lasts is seen in the status. */
  #become(state: ArchiveState, error?: unknown): readonly ArchivedEntry[] {
    if (state !== this.#state) {
      const level = state === 'FOLLOWING' ? 'info' : 'error'
      this.#log[level]({ state, err: error }, 'audit archive')
    }
    this.#state = state
    return []
  }
}

function isBefore(id: string, other: string): boolean {
  const [left, right] = [placeOf(id), placeOf(other)]
  if (left === undefined || right === undefined) return false
  return left.ms === right.ms ? left.seq < right.seq : left.ms < right.ms
}
