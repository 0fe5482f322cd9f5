import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { sealedHeadsSchema } from '@bulkhead/shared/contracts/audit-heads.ts'
import { componentIds } from '@bulkhead/shared/contracts/components.ts'
import { redisKeys } from '@bulkhead/shared/contracts/redis-keys.ts'
import { fail, ok, type Result } from '@bulkhead/shared/kernel/result.ts'
import { type ChainHead, chainIdOf } from '@bulkhead/shared/runtime/audit-chain.ts'
import type { HomeLayout } from '@bulkhead/shared/runtime/home.ts'
import type { RedisFault, RedisLink } from '@bulkhead/shared/runtime/redis-link.ts'
import { recordOfFields } from '@bulkhead/shared/runtime/stream-fields.ts'

type Entry = Readonly<Record<string, string>>

/** Entries read from the log at one time. */
const pageSize = 1_000

/** Everything that stands of the audit trail, wherever it stands. */
export type AuditEvidence = {
  /** The log, in its own order. */
  readonly log: readonly Entry[]
  /** Recorded and not yet in the log (inboxes, in work, spools), each chain in order. */
  readonly pending: readonly Entry[]
  /** Newest sealed head per chain id. */
  readonly sealed: ReadonlyMap<string, ChainHead>
  /** Lines of spools or of the heads file that are not what they should be. */
  readonly unreadableLines: number
}

/** Gathers the evidence as the read-only auditor, and from the files of the home. */
export async function gatherEvidence(
  link: RedisLink,
  layout: HomeLayout,
): Promise<Result<AuditEvidence, RedisFault>> {
  // Heads first: what they seal must then be found in the log that is read later.
  const heads = readSealedHeads(layout.auditHeadsFile)
  // Where entries wait before they reach the log is read first as well, so that an entry on its way
  // meanwhile is seen twice rather than not at all.
  const waiting = await readWaiting(link)
  if (!waiting.ok) return waiting
  const spooled = readSpools(layout.auditDir)
  const log = await readLog(link)
  if (!log.ok) return log
  const pending = [...waiting.value.entries, ...spooled.entries].toSorted(
    (a, b) => Number(a['seq']) - Number(b['seq']),
  )
  const inLog = new Set(log.value.map((entry) => entry['hash']))
  return ok({
    log: log.value,
    pending: pending.filter((entry) => !inLog.has(entry['hash'])),
    sealed: heads.sealed,
    unreadableLines: heads.unreadable + spooled.unreadable + waiting.value.unreadable,
  })
}

async function readLog(link: RedisLink): Promise<Result<Entry[], RedisFault>> {
  const entries: Entry[] = []
  let after = '-'
  for (;;) {
    const from = after
    const page = await link.run((redis) =>
      redis.xrange(redisKeys.auditLog, from, '+', 'COUNT', pageSize),
    )
    if (!page.ok) return page
    for (const [, fields] of page.value) entries.push(recordOfFields(fields))
    const last = page.value.at(-1)
    if (last === undefined || page.value.length < pageSize) return ok(entries)
    after = `(${last[0]}`
  }
}

async function readWaiting(
  link: RedisLink,
): Promise<Result<{ entries: Entry[]; unreadable: number }, RedisFault>> {
  const keys = componentIds.flatMap((component) => [
    redisKeys.auditInbox(component),
    redisKeys.auditInWork(component),
  ])
  const lists = await link.run((redis) => Promise.all(keys.map((key) => redis.lrange(key, 0, -1))))
  return lists.ok ? ok(parseLines(lists.value.flat())) : fail(lists.failure)
}

/** Spools of every component, and what was set aside of them for delivery. */
function readSpools(auditDir: string): { entries: Entry[]; unreadable: number } {
  if (!existsSync(auditDir)) return { entries: [], unreadable: 0 }
  const files = readdirSync(auditDir).filter((name) => /\.spool(\.|$)/.test(name))
  const lines = files.flatMap((name) => {
    const text = readFileSync(join(auditDir, name), 'utf8')
    // A torn last line was never acknowledged to anybody.
    return text.slice(0, text.lastIndexOf('\n') + 1).split('\n')
  })
  return parseLines(lines.filter((line) => line !== ''))
}

function readSealedHeads(file: string): { sealed: Map<string, ChainHead>; unreadable: number } {
  const sealed = new Map<string, ChainHead>()
  let unreadable = 0
  if (!existsSync(file)) return { sealed, unreadable }
  const text = readFileSync(file, 'utf8')
  for (const line of text.slice(0, text.lastIndexOf('\n') + 1).split('\n')) {
    if (line === '') continue
    const parsed = sealedHeadsSchema.safeParse(parseJson(line))
    if (parsed.success) {
      for (const [chainId, head] of Object.entries(parsed.data.heads)) sealed.set(chainId, head)
    } else unreadable += 1
  }
  return { sealed, unreadable }
}

function parseLines(lines: readonly string[]): { entries: Entry[]; unreadable: number } {
  const entries: Entry[] = []
  let unreadable = 0
  for (const line of lines) {
    const parsed = parseJson(line)
    if (typeof parsed === 'object' && parsed !== null) entries.push(parsed as Entry)
    else unreadable += 1
  }
  return { entries, unreadable }
}

/** Chains that appear, for the report. */
export function chainsOf(entries: readonly Entry[]): number {
  return new Set(entries.map(({ writer = '', chain = '' }) => chainIdOf({ writer, chain }))).size
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
