import { type AuditEntry, auditEntrySchema } from '@bulkhead/shared/contracts/audit-entry.ts'
import { redisKeys } from '@bulkhead/shared/contracts/redis-keys.ts'
import type { Clock } from '@bulkhead/shared/kernel/clock.ts'
import { chainIdOf } from '@bulkhead/shared/runtime/audit-chain.ts'
import type { AuditWriter } from '@bulkhead/shared/runtime/audit-writer.ts'
import type { Logger } from '@bulkhead/shared/runtime/log.ts'
import type { RedisLink } from '@bulkhead/shared/runtime/redis-link.ts'
import { type Arrival, type DrainState, learn, sortArrivals } from './core.ts'
import { appendHeads, readHeads } from './heads.ts'

export type AuditDrainOptions = {
  /** A link of its own, so that a long drain never stands before a kill. */
  readonly link: RedisLink
  readonly writer: AuditWriter
  readonly components: readonly string[]
  readonly headsFile: string
  readonly clock: Clock
  readonly log: Logger
}

type Taken = Arrival & { readonly raw: string; readonly entry: AuditEntry }

/** Entries moved and appended in one turn of one inbox. */
const turnMax = 64
/** Entries that wait in-work for a missing one, at most. */
const inWorkMax = 512
/** How long an entry may wait for one before it in its chain. */
const gapWaitMs = 10_000
const catchUpPage = 500
/** Length of the heads text in one HEADS_SEALED entry; the file always holds all. */
const sealTextMax = 8_000

/**
 * Moves audit entries from the components' inboxes into the log: each once, each chain in order,
 * also across restarts. The log itself is the memory; what was sealed only shortens the reading.
 */
export class AuditDrain {
  readonly #options: AuditDrainOptions
  readonly #heldSinceMs = new Map<string, number>()
  readonly #wanted = new Set<string>()
  #state: DrainState
  #sealed: DrainState
  #lastId: string
  #isCaughtUp = false
  #running: Promise<void> | null = null

  constructor(options: AuditDrainOptions) {
    this.#options = options
    const remembered = readHeads(options.headsFile)
    this.#state = remembered.state
    this.#sealed = remembered.state
    this.#lastId = remembered.lastId
  }

  /** Asks for a drain of one inbox, or of all. Requests during a turn are served by the next. */
  request(component?: string): void {
    if (component === undefined) for (const name of this.#options.components) this.#wanted.add(name)
    else if (this.#options.components.includes(component)) this.#wanted.add(component)
    this.#start()
  }

  /** Drains everything that is there and waits for it; for an orderly stop. */
  async settle(): Promise<void> {
    this.request()
    await this.#running
  }

  /** Pins the heads of all chains that grew: a line outside Redis, then an entry inside. */
  async seal(): Promise<void> {
    const grown = [...this.#state].filter(
      ([chainId, { seq }]) => seq > (this.#sealed.get(chainId)?.seq ?? 0),
    )
    const isOnlyOwnSeal = grown.every(
      ([chainId, { seq }]) =>
        chainId.startsWith('dead_man_switch/') && seq === (this.#sealed.get(chainId)?.seq ?? 0) + 1,
    )
    if (grown.length === 0 || (isOnlyOwnSeal && this.#sealed.size > 0)) return
    const { headsFile, clock, writer } = this.#options
    const sealedNs = clock.wallNs().toString()
    const heads = Object.fromEntries(grown.map(([id, { seq, hash }]) => [id, { seq, hash }]))
    appendHeads(headsFile, { sealed_ns: sealedNs, last_id: this.#lastId, heads })
    this.#sealed = this.#state
    const text = grown.map(([id, { seq, hash }]) => `${id}:${seq}:${hash}`).join(' ')
    await writer.record({
      action: 'HEADS_SEALED',
      subject: 'audit',
      correlationId: '',
      fields: { chains: String(grown.length), heads: text.slice(0, sealTextMax) },
    })
  }

  #start(): void {
    this.#running ??= this.#run().finally(() => {
      this.#running = null
      if (this.#wanted.size > 0) this.#start()
    })
  }

  async #run(): Promise<void> {
    if (!this.#isCaughtUp && !(await this.#catchUp())) {
      this.#wanted.clear()
      return
    }
    for (const component of this.#wanted) {
      this.#wanted.delete(component)
      if (!(await this.#drain(component))) {
        this.#isCaughtUp = false
        this.#wanted.clear()
        return
      }
    }
  }

  /** Reads the part of the log that the memory does not cover. */
  async #catchUp(): Promise<boolean> {
    for (;;) {
      const page = await this.#options.link.run((redis) =>
        redis.xrange(redisKeys.auditLog, `(${this.#lastId}`, '+', 'COUNT', catchUpPage),
      )
      if (!page.ok) return false
      for (const [id, fields] of page.value) {
        this.#lastId = id
        const entry = auditEntrySchema.safeParse(fieldsToObject(fields))
        if (entry.success) this.#state = learn(this.#state, arrivalOf(entry.data))
      }
      if (page.value.length < catchUpPage) break
    }
    this.#isCaughtUp = true
    return true
  }

  /**
   * @returns false when Redis did not take part to the end: what is in the log must be read again
   */
  async #drain(component: string): Promise<boolean> {
    const taken = await this.#take(component)
    if (taken === undefined) return false
    const { entries, isMore } = taken
    if (entries.length === 0) return true
    const heldSinceMs = this.#heldSinceMs.get(component)
    const nowMs = this.#options.clock.monotonicMs()
    const isGapAccepted = heldSinceMs !== undefined && nowMs - heldSinceMs >= gapWaitMs
    const sorted = sortArrivals(this.#state, entries, isGapAccepted)
    for (let at = 0; at < sorted.append.length; at += turnMax) {
      if (!(await this.#append(component, sorted.append.slice(at, at + turnMax)))) return false
    }
    if (!(await this.#forget(component, sorted.duplicates))) return false
    if (sorted.held.length === 0) this.#heldSinceMs.delete(component)
    else if (heldSinceMs === undefined || isGapAccepted) this.#heldSinceMs.set(component, nowMs)
    if (isMore) this.#wanted.add(component)
    return true
  }

  async #take(component: string) {
    const inbox = redisKeys.auditInbox(component)
    const inWork = redisKeys.auditInWork(component)
    const lengths = await this.#options.link.run((redis) =>
      Promise.all([redis.llen(inbox), redis.llen(inWork)]),
    )
    if (!lengths.ok) return undefined
    const [waiting, working] = lengths.value
    const count = Math.min(waiting, turnMax, Math.max(0, inWorkMax - working))
    if (count + working === 0) return { entries: [], isMore: false }
    const moved = await this.#options.link.run(async (redis) => {
      await Promise.all(
        Array.from({ length: count }, () => redis.lmove(inbox, inWork, 'LEFT', 'RIGHT')),
      )
      return redis.lrange(inWork, 0, inWorkMax - 1)
    })
    if (!moved.ok) return undefined
    const entries: Taken[] = []
    for (const raw of moved.value) {
      const entry = parseEntry(raw, component)
      if (entry !== undefined) entries.push({ ...arrivalOf(entry), raw, entry })
      else if (!(await this.#reject(component, raw))) return undefined
    }
    return { entries, isMore: count === turnMax && waiting > count }
  }

  /**
   * All in one go, in order. When the outcome is unknown the log is read again before anything
   * else.
   */
  async #append(component: string, batch: readonly Taken[]): Promise<boolean> {
    const added = await this.#options.link.run((redis) =>
      Promise.all(
        batch.map(({ entry }) =>
          redis.xadd(redisKeys.auditLog, '*', ...Object.entries(entry).flat()),
        ),
      ),
    )
    if (!added.ok) return false
    for (const taking of batch) this.#state = learn(this.#state, taking)
    this.#lastId = added.value.at(-1) ?? this.#lastId
    return this.#forget(component, batch)
  }

  async #forget(component: string, batch: readonly { readonly raw: string }[]): Promise<boolean> {
    const inWork = redisKeys.auditInWork(component)
    const removed = await this.#options.link.run((redis) =>
      Promise.all(batch.map(({ raw }) => redis.lrem(inWork, 1, raw))),
    )
    return removed.ok
  }

  /** What is no entry of this writer is reported in the log under our own name, and dropped. */
  async #reject(component: string, raw: string): Promise<boolean> {
    this.#options.log.warn({ component }, 'an inbox held something that is no audit entry of it')
    await this.#options.writer.record({
      action: 'AUDIT_ENTRY_REJECTED',
      subject: component,
      correlationId: '',
      fields: { excerpt: raw.slice(0, 256) },
    })
    return this.#forget(component, [{ raw }])
  }
}

const arrivalOf = (entry: AuditEntry): Arrival => ({
  chainId: chainIdOf(entry),
  seq: Number(entry.seq),
  hash: entry.hash,
})

function parseEntry(raw: string, component: string): AuditEntry | undefined {
  try {
    const parsed = auditEntrySchema.safeParse(JSON.parse(raw))
    return parsed.success && parsed.data.writer === component ? parsed.data : undefined
  } catch {
    return undefined
  }
}

function fieldsToObject(fields: readonly string[]): Record<string, string> {
  const entry: Record<string, string> = {}
  for (let at = 0; at + 1 < fields.length; at += 2) entry[fields[at]!] = fields[at + 1]!
  return entry
}
