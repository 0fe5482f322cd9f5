import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { componentIds } from '@bulkhead/shared/contracts/components.ts'
import { redisKeys } from '@bulkhead/shared/contracts/redis-keys.ts'
import { fail, ok, type Result } from '@bulkhead/shared/kernel/result.ts'
import { readSeals, type SealFileContent } from '@bulkhead/shared/runtime/audit-seal.ts'
import type { AuditPlace, FoundEntry } from '@bulkhead/shared/runtime/audit-verify.ts'
import type { RedisFault, RedisLink } from '@bulkhead/shared/runtime/redis-link.ts'
import { recordOfFields } from '@bulkhead/shared/runtime/stream-fields.ts'

/** Entries read from the log at one time. */
const pageSize = 1_000

/** A line that should be an entry and is not even JSON. */
export type UnreadableLine = { readonly where: AuditPlace; readonly place: string }

/** Everything that stands of the audit trail in Redis and in files, but for the archive. */
export type AuditEvidence = {
  /** The log, in its own order. */
  readonly log: readonly FoundEntry[]
  /** Recorded and not yet in the log (inboxes, in work, spools). */
  readonly pending: readonly FoundEntry[]
  /** The sealed heads as they stood before anything else was read. */
  readonly seals: SealFileContent
  readonly unreadable: readonly UnreadableLine[]
}

export type EvidenceSources = { readonly auditDir: string; readonly headsFile: string }

/**
 * Gathers the evidence as the read-only auditor, and from files. Each place is read before the one
 * to which its entries move on, so that an entry on its way is seen twice rather than not at all.
 *
 * @param guarded bots with inboxes of their own
 */
export async function gatherEvidence(
  link: RedisLink,
  { auditDir, headsFile }: EvidenceSources,
  guarded: readonly string[],
): Promise<Result<AuditEvidence, RedisFault>> {
  const seals = readSeals(headsFile)
  const spooled = readSpools(auditDir)
  const waiting = await readWaiting(link, [...componentIds, ...guarded])
  if (!waiting.ok) return waiting
  const log = await readLog(link)
  if (!log.ok) return log
  return ok({
    log: log.value,
    pending: [...waiting.value.entries, ...spooled.entries],
    seals,
    unreadable: [...waiting.value.unreadable, ...spooled.unreadable],
  })
}

async function readLog(link: RedisLink): Promise<Result<FoundEntry[], RedisFault>> {
  const entries: FoundEntry[] = []
  let after = '-'
  for (;;) {
    const from = after
    const page = await link.run((redis) =>
      redis.xrange(redisKeys.auditLog, from, '+', 'COUNT', pageSize),
    )
    if (!page.ok) return page
    for (const [place, fields] of page.value) {
      entries.push({ where: 'log', place, fields: recordOfFields(fields) })
    }
    const last = page.value.at(-1)
    if (last === undefined || page.value.length < pageSize) return ok(entries)
    after = `(${last[0]}`
  }
}

type Lines = { readonly entries: FoundEntry[]; readonly unreadable: UnreadableLine[] }

async function readWaiting(
  link: RedisLink,
  components: readonly string[],
): Promise<Result<Lines, RedisFault>> {
  const lists = components.flatMap((component) => [
    { where: 'inbox' as const, key: redisKeys.auditInbox(component) },
    { where: 'in_work' as const, key: redisKeys.auditInWork(component) },
  ])
  const all: Lines = { entries: [], unreadable: [] }
  for (const { where, key } of lists) {
    const lines = await link.run((redis) => redis.lrange(key, 0, -1))
    if (!lines.ok) return fail(lines.failure)
    parseLines(lines.value, where, key, all)
  }
  return ok(all)
}

/** Spools of every component, and what was set aside of them for delivery. */
function readSpools(auditDir: string): Lines {
  const all: Lines = { entries: [], unreadable: [] }
  if (!existsSync(auditDir)) return all
  for (const name of readdirSync(auditDir).filter((file) => /\.spool(\.|$)/.test(file))) {
    const text = readFileSync(join(auditDir, name), 'utf8')
    // A torn last line was never acknowledged to anybody.
    const lines = text.slice(0, text.lastIndexOf('\n') + 1).split('\n')
    parseLines(lines.slice(0, -1), 'spool', name, all)
  }
  return all
}

function parseLines(lines: readonly string[], where: AuditPlace, from: string, into: Lines): void {
  for (const [at, line] of lines.entries()) {
    const place = `${from} line ${at + 1}`
    const parsed = parseJson(line)
    if (typeof parsed === 'object' && parsed !== null) {
      into.entries.push({ where, place, fields: parsed as FoundEntry['fields'] })
    } else into.unreadable.push({ where, place })
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
