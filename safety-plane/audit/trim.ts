import {
  type ArchivedClaim,
  archivedClaimSchema,
  type AuditLogKept,
} from '@bulkhead/shared/contracts/audit-archive.ts'
import { redisKeys } from '@bulkhead/shared/contracts/redis-keys.ts'
import type { Clock } from '@bulkhead/shared/kernel/clock.ts'
import { archiveDigest } from '@bulkhead/shared/runtime/audit-archive-digest.ts'
import type { AuditWriter } from '@bulkhead/shared/runtime/audit-writer.ts'
import type { Logger } from '@bulkhead/shared/runtime/log.ts'
import type { RedisLink } from '@bulkhead/shared/runtime/redis-link.ts'
import { isStreamIdBefore, recordOfFields } from '@bulkhead/shared/runtime/stream-fields.ts'
import type { SealFile } from './seals.ts'
import { idAfter, judgeTrim, type TrimVerdict } from './trim.core.ts'

export type LogTrimmerOptions = {
  readonly link: RedisLink
  readonly writer: AuditWriter
  readonly seals: SealFile
  readonly kept: AuditLogKept
  /** Brings what was recorded into the log. */
  readonly settle: () => Promise<void>
  readonly clock: Clock
  readonly log: Logger
}

/** Keeps the log short: what the archive verifiably holds leaves it, and nothing else ever does. */
export class LogTrimmer {
  readonly #options: LogTrimmerOptions
  #told: TrimVerdict = 'done'
  #isRunning = false

  constructor(options: LogTrimmerOptions) {
    this.#options = options
  }

  /** Looks at the newest claim of the archive and trims what it covers, if it may. */
  async tick(): Promise<TrimVerdict | undefined> {
    if (this.#isRunning) return undefined
    this.#isRunning = true
    try {
      return await this.#look()
    } finally {
      this.#isRunning = false
    }
  }

  async #look(): Promise<TrimVerdict | undefined> {
    const { link } = this.#options
    const text = await link.run((redis) => redis.get(redisKeys.auditArchived))
    if (!text.ok || text.value === null) return undefined
    const claim = parseClaim(text.value)
    if (claim === undefined) return this.#refuse('CLAIM_MALFORMED')
    const key = redisKeys.auditLog
    const read = await link.run((redis) =>
      Promise.all([
        redis.xrange(key, '-', claim.through_id, 'COUNT', claim.entries + 1),
        redis.xlen(key),
      ]),
    )
    if (!read.ok) return undefined
    const [rows, logLength] = read.value
    const { clock, kept, seals } = this.#options
    const oldest = rows.map(([id, fields]) => ({ id, hash: recordOfFields(fields)['hash'] ?? '' }))
    const facts = {
      oldestIds: oldest.map(({ id }) => id),
      digest: archiveDigest(oldest),
      logLength,
      isSealed: !isStreamIdBefore(seals.lastSealedId, claim.through_id),
      nowMs: clock.wallMs(),
    }
    const verdict = judgeTrim(claim, facts, kept)
    if (verdict === 'trim') return this.#trim(claim)
    return verdict === 'done' ? verdict : this.#refuse(verdict)
  }

  /** In the log before it is done, so that the log always explains where it begins. */
  async #trim({ through_id, entries, digest }: ArchivedClaim): Promise<TrimVerdict | undefined> {
    const { link, writer, settle } = this.#options
    const beforeId = idAfter(through_id)
    const recorded = await writer.record({
      action: 'LOG_TRIMMED',
      subject: 'audit',
      correlationId: '',
      fields: { before_id: beforeId, entries: String(entries), digest },
    })
    if (!recorded.ok) return undefined
    await settle()
    await link.run((redis) => redis.xtrim(redisKeys.auditLog, 'MINID', '=', beforeId))
    this.#told = 'trim'
    return 'trim'
  }

  /** Told once per change; a claim that is only not sealed yet is no news. */
  async #refuse(verdict: TrimVerdict): Promise<TrimVerdict> {
    if (verdict === this.#told) return verdict
    this.#told = verdict
    if (verdict === 'CLAIM_NOT_SEALED') return verdict
    this.#options.log.error({ verdict }, 'the archive claims what the log does not bear out')
    await this.#options.writer.record({
      action: 'LOG_TRIM_REFUSED',
      subject: 'audit',
      correlationId: '',
      fields: { reason: verdict },
    })
    return verdict
  }
}

function parseClaim(text: string): ArchivedClaim | undefined {
  try {
    return archivedClaimSchema.safeParse(JSON.parse(text)).data
  } catch {
    return undefined
  }
}
