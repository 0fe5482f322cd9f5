import { type AuditEntry, auditEntrySchema } from '@bulkhead/shared/contracts/audit-entry.ts'
import { redisKeys } from '@bulkhead/shared/contracts/redis-keys.ts'
import { chainIdOf } from '@bulkhead/shared/runtime/audit-chain.ts'
import type { RedisCommands, RedisLink } from '@bulkhead/shared/runtime/redis-link.ts'
import type { Arrival } from './core.ts'

export type TakenEntry = Arrival & { readonly raw: string; readonly entry: AuditEntry }

export type Taking = {
  readonly entries: readonly TakenEntry[]
  /** What is no entry of this writer. */
  readonly foreign: readonly string[]
  /** Whether the inbox holds more. */
  readonly isMore: boolean
}

/** What was thrown away of an inbox that grew past its bound. */
export type Cut = { readonly entries: number; readonly bytes: number }

/** Entries moved in one turn of one inbox, and moved at one time. */
export const turnMax = 64
const moveMax = 8
/** A turn ends early at this, so that large entries hold up nobody. */
const turnCharsMax = 256 * 1_024
/** Entries that wait in-work for a missing one, at most. */
const inWorkMax = 128
/** Longest text of an entry that is looked into; our own are far below. */
const entryCharsMax = 64 * 1_024
/**
 * An inbox past this is cut to half of it. An honest writer turns to its spool long before: at
 * 4096 entries.
 */
const inboxBytesMax = 16 * 1_024 * 1_024
const inboxEntriesMax = 20_000

/** The inbox lists of the components, as the drain reads them. */
export class AuditInboxes {
  readonly #link: RedisLink

  constructor(link: RedisLink) {
    this.#link = link
  }

  /** Moves a turn of entries in-work and reads all that is there; undefined when Redis does not. */
  async take(component: string): Promise<Taking | undefined> {
    const inbox = redisKeys.auditInbox(component)
    const inWork = redisKeys.auditInWork(component)
    const read = await this.#link.run(async (redis) => {
      const [waiting, working] = await Promise.all([redis.llen(inbox), redis.llen(inWork)])
      const count = Math.min(waiting, turnMax, Math.max(0, inWorkMax - working))
      const moved = await moveTurn(redis, inbox, inWork, count)
      const lines = working + moved === 0 ? [] : await redis.lrange(inWork, 0, inWorkMax - 1)
      return { lines, isMore: moved > 0 && waiting > moved }
    })
    if (!read.ok) return undefined
    const { lines, isMore } = read.value
    const entries: TakenEntry[] = []
    const foreign: string[] = []
    for (const raw of lines) {
      const entry = parseEntry(raw, component)
      if (entry === undefined) foreign.push(raw)
      else entries.push({ ...arrivalOf(entry), raw, entry })
    }
    return { entries, foreign, isMore }
  }

  /** Lets go of lines in-work. @returns whether Redis did */
  async forget(component: string, lines: readonly string[]): Promise<boolean> {
    if (lines.length === 0) return true
    const inWork = redisKeys.auditInWork(component)
    const removed = await this.#link.run((redis) =>
      Promise.all(lines.map((raw) => redis.lrem(inWork, 1, raw))),
    )
    return removed.ok
  }

  /**
   * Cuts an inbox that grew past its bound: the oldest half stays. What is thrown away leaves a
   * hole in that writer's chain, which `audit verify` names.
   *
   * @returns what was cut, or undefined when nothing was
   */
  async cutFlood(component: string): Promise<Cut | undefined> {
    const inbox = redisKeys.auditInbox(component)
    const size = await this.#link.run((redis) =>
      Promise.all([redis.llen(inbox), redis.memory('USAGE', inbox)]),
    )
    if (!size.ok) return undefined
    const [entries, memory] = size.value
    const bytes = memory ?? 0
    const excess = Math.max(entries / inboxEntriesMax, bytes / inboxBytesMax)
    if (excess <= 1) return undefined
    const kept = Math.floor(entries / excess / 2)
    // A range that is empty, 1 to 0, keeps nothing.
    const trimmed = await this.#link.run((redis) =>
      redis
        .multi()
        .llen(inbox)
        .ltrim(inbox, kept === 0 ? 1 : 0, kept === 0 ? 0 : kept - 1)
        .exec(),
    )
    if (!trimmed.ok) return undefined
    const before = Number(trimmed.value?.[0]?.[1] ?? entries)
    return { entries: before - kept, bytes }
  }
}

/** What a log entry or an inbox line is to the drain. */
export const arrivalOf = (entry: AuditEntry): Arrival => ({
  chainId: chainIdOf(entry),
  seq: Number(entry.seq),
  hash: entry.hash,
})

async function moveTurn(
  redis: RedisCommands,
  inbox: string,
  inWork: string,
  count: number,
): Promise<number> {
  let moved = 0
  let chars = 0
  while (moved < count && chars < turnCharsMax) {
    const step = Math.min(moveMax, count - moved)
    const lines = await Promise.all(
      Array.from({ length: step }, () => redis.lmove(inbox, inWork, 'LEFT', 'RIGHT')),
    )
    moved += step
    for (const line of lines) chars += line?.length ?? 0
  }
  return moved
}

function parseEntry(raw: string, component: string): AuditEntry | undefined {
  if (raw.length > entryCharsMax) return undefined
  try {
    const parsed = auditEntrySchema.safeParse(JSON.parse(raw))
    return parsed.success && parsed.data.writer === component ? parsed.data : undefined
  } catch {
    return undefined
  }
}
