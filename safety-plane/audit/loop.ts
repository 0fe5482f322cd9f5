import { auditEntrySchema } from '@bulkhead/shared/contracts/audit-entry.ts'
import { redisKeys } from '@bulkhead/shared/contracts/redis-keys.ts'
import type { Clock } from '@bulkhead/shared/kernel/clock.ts'
import type { AuditWriter } from '@bulkhead/shared/runtime/audit-writer.ts'
import type { Logger } from '@bulkhead/shared/runtime/log.ts'
import type { RedisLink } from '@bulkhead/shared/runtime/redis-link.ts'
import { isStreamIdBefore, recordOfFields } from '@bulkhead/shared/runtime/stream-fields.ts'
import { type DrainState, learn, sortArrivals } from './core.ts'
import { arrivalOf, AuditInboxes, type TakenEntry, turnMax } from './inboxes.ts'
import type { SealFile } from './seals.ts'

export type AuditDrainOptions = {
  /** A link of its own, so that a long drain never stands before a kill. */
  readonly link: RedisLink
  readonly writer: AuditWriter
  readonly components: readonly string[]
  readonly seals: SealFile
  readonly clock: Clock
  readonly log: Logger
}

/** How long an entry may wait for one before it in its chain. */
const gapWaitMs = 10_000
const catchUpPage = 500
/** Length of the heads text in one HEADS_SEALED entry; the file always holds all. */
const sealTextMax = 7_000
/** Pause after a turn that left more, so that a flood never takes the whole processor. */
const turnPauseMs = 2
/** Foreign lines of one inbox are told at most so often; what came between is counted. */
const foreignTellMs = 10_000
/**
 * From this size on only our own entries enter the log: half of what Redis may hold. Inboxes then
 * fill up to their bound and writers turn to their spools.
 */
const logBytesMax = 128 * 1_024 * 1_024

/** What became of a turn: the log moved means that somebody else appended meanwhile. */
type TurnOutcome = 'done' | 'log_moved' | 'redis_lost'

/**
 * Moves audit entries from the components' inboxes into the log: each once, each chain in order,
 * also across restarts. The log itself is the memory; what was sealed only shortens the reading.
 */
export class AuditDrain {
  readonly #options: AuditDrainOptions
  readonly #inboxes: AuditInboxes
  readonly #heldSinceMs = new Map<string, number>()
  readonly #foreign = new Map<string, { count: number; toldMs: number }>()
  readonly #wanted = new Set<string>()
  #state: DrainState
  #sealed: DrainState
  #lastId: string
  #isCaughtUp = false
  #isGuardDue = false
  #isLogFull = false
  #running: Promise<void> | null = null

  constructor(options: AuditDrainOptions) {
    this.#options = options
    this.#inboxes = new AuditInboxes(options.link)
    const remembered = options.seals.read()
    this.#state = remembered.state
    this.#sealed = remembered.state
    this.#lastId = remembered.lastId
  }

  /** Asks for a drain of one inbox, or of all. Requests during a turn are served by the next. */
  request(component?: string): void {
    if (component === undefined) {
      this.#isGuardDue = true
      for (const name of this.#options.components) this.#wanted.add(name)
    } else if (this.#options.components.includes(component)) this.#wanted.add(component)
    this.#start()
  }

  /** Drains everything that is there and waits for it; for an orderly stop. */
  async settle(): Promise<void> {
    this.request()
    while (this.#running !== null) await this.#running
  }

  /** Pins the heads of all chains that grew: a line outside Redis, then an entry inside. */
  async seal(): Promise<void> {
    const grown = new Map(
      [...this.#state].filter(([id, { seq }]) => seq > (this.#sealed.get(id)?.seq ?? 0)),
    )
    const isOnlyOwnSeal = [...grown].every(
      ([id, { seq }]) =>
        id.startsWith('dead_man_switch/') && seq === (this.#sealed.get(id)?.seq ?? 0) + 1,
    )
    if (grown.size === 0 || (isOnlyOwnSeal && this.#sealed.size > 0)) return
    const { seals, clock, writer } = this.#options
    const { seal, digest } = seals.append(
      grown,
      this.#state,
      this.#lastId,
      clock.wallNs().toString(),
    )
    this.#sealed = this.#state
    const text = [...grown].map(([id, { seq, hash }]) => `${id}:${seq}:${hash}`).join(' ')
    await writer.record({
      action: 'HEADS_SEALED',
      subject: 'audit',
      correlationId: '',
      fields: {
        seal: String(seal.seal),
        line: digest,
        chains: String(grown.size),
        heads: text.slice(0, sealTextMax),
      },
    })
  }

  #start(): void {
    this.#running ??= this.#run().finally(() => {
      this.#running = null
      if (this.#wanted.size > 0) this.#start()
    })
  }

  async #run(): Promise<void> {
    if (this.#isGuardDue) await this.#guard()
    if (!this.#isCaughtUp && !(await this.#catchUp())) {
      this.#wanted.clear()
      return
    }
    for (const component of this.#wanted) {
      this.#wanted.delete(component)
      if (this.#isLogFull && component !== 'dead_man_switch') continue
      const outcome = await this.#drain(component)
      if (outcome === 'done') continue
      this.#isCaughtUp = false
      if (outcome === 'log_moved') this.#wanted.add(component)
      else this.#wanted.clear()
      return
    }
  }

  /** Reads the part of the log that the memory does not cover. */
  async #catchUp(): Promise<boolean> {
    const { link } = this.#options
    const newest = await link.run((redis) =>
      redis.xrevrange(redisKeys.auditLog, '+', '-', 'COUNT', 1),
    )
    if (!newest.ok) return false
    const top = newest.value[0]?.[0] ?? '0-0'
    if (isStreamIdBefore(top, this.#lastId)) await this.#onShortened(top)
    for (;;) {
      const page = await link.run((redis) =>
        redis.xrange(redisKeys.auditLog, `(${this.#lastId}`, '+', 'COUNT', catchUpPage),
      )
      if (!page.ok) return false
      for (const [id, fields] of page.value) {
        this.#lastId = id
        const entry = auditEntrySchema.safeParse(recordOfFields(fields))
        if (entry.success) this.#state = learn(this.#state, arrivalOf(entry.data))
      }
      if (page.value.length < catchUpPage) break
    }
    this.#isCaughtUp = true
    return true
  }

  /** The log ends before what we know was in it: an older copy was put in its place, or worse. */
  async #onShortened(top: string): Promise<void> {
    const { log, writer } = this.#options
    const known = this.#lastId
    log.error({ known, top }, 'the audit log ends before an entry that it held')
    this.#lastId = top
    await writer.record({
      action: 'AUDIT_LOG_SHORTENED',
      subject: 'audit',
      correlationId: '',
      fields: { known_id: known, found_id: top },
    })
  }

  async #drain(component: string): Promise<TurnOutcome> {
    const taking = await this.#inboxes.take(component)
    if (taking === undefined) return 'redis_lost'
    const { entries, foreign, isMore } = taking
    if (!(await this.#reject(component, foreign))) return 'redis_lost'
    const heldSinceMs = this.#heldSinceMs.get(component)
    const nowMs = this.#options.clock.monotonicMs()
    const isGapAccepted = heldSinceMs !== undefined && nowMs - heldSinceMs >= gapWaitMs
    const sorted = sortArrivals(this.#state, entries, isGapAccepted)
    for (let at = 0; at < sorted.append.length; at += turnMax) {
      const outcome = await this.#append(component, sorted.append.slice(at, at + turnMax))
      if (outcome !== 'done') return outcome
    }
    const duplicates = sorted.duplicates.map(({ raw }) => raw)
    if (!(await this.#inboxes.forget(component, duplicates))) return 'redis_lost'
    if (sorted.held.length === 0) this.#heldSinceMs.delete(component)
    else if (heldSinceMs === undefined || isGapAccepted) this.#heldSinceMs.set(component, nowMs)
    if (isMore) {
      this.#wanted.add(component)
      await pause(turnPauseMs)
    }
    return 'done'
  }

  /**
   * Into the log and out of the work list in one transaction, which takes place only if the log
   * still ends where we know it to end. So no entry is in both places or in neither, and a command
   * of ours that lands late, or a second drain, can append nothing twice.
   */
  async #append(component: string, batch: readonly TakenEntry[]): Promise<TurnOutcome> {
    const key = redisKeys.auditLog
    const inWork = redisKeys.auditInWork(component)
    const added = await this.#options.link.run(async (redis) => {
      const { stream } = redis
      const [, newest] = await Promise.all([
        redis.watch(key),
        redis.xrevrange(key, '+', '-', 'COUNT', 1),
      ])
      // A connection made anew in between would watch nothing.
      const isWatched = redis.stream === stream
      if (!isWatched || (newest[0]?.[0] ?? '0-0') !== this.#lastId) {
        await redis.unwatch()
        return null
      }
      const transaction = redis.multi()
      for (const { entry } of batch) transaction.xadd(key, '*', ...Object.entries(entry).flat())
      for (const { raw } of batch) transaction.lrem(inWork, 1, raw)
      return transaction.exec()
    })
    if (!added.ok) return 'redis_lost'
    if (added.value === null) return 'log_moved'
    for (const entry of batch) this.#state = learn(this.#state, entry)
    this.#lastId = String(added.value[batch.length - 1]?.[1])
    return 'done'
  }

  /**
   * What is no entry of this writer is dropped and told in the log under our own name, before it is
   * dropped; a flood of it is told as a number.
   */
  async #reject(component: string, lines: readonly string[]): Promise<boolean> {
    const { clock, log, writer } = this.#options
    const nowMs = clock.monotonicMs()
    const before = this.#foreign.get(component) ?? { count: 0, toldMs: Number.NEGATIVE_INFINITY }
    const count = before.count + lines.length
    if (count === 0) return true
    const isDue = nowMs - before.toldMs >= foreignTellMs
    this.#foreign.set(component, isDue ? { count: 0, toldMs: nowMs } : { ...before, count })
    if (isDue) {
      log.warn({ component, count }, 'an inbox held something that is no audit entry of it')
      await writer.record({
        action: 'AUDIT_ENTRY_REJECTED',
        subject: component,
        correlationId: '',
        fields: { count: String(count), excerpt: (lines[0] ?? '').slice(0, 256) },
      })
    }
    return this.#inboxes.forget(component, lines)
  }

  /** Keeps every inbox and the log within their bounds, loudly. */
  async #guard(): Promise<void> {
    this.#isGuardDue = false
    const { components, link, log, writer } = this.#options
    for (const component of components) {
      const cut = await this.#inboxes.cutFlood(component)
      if (cut === undefined) continue
      log.error({ component, ...cut }, 'an audit inbox grew past its bound and was cut')
      await writer.record({
        action: 'AUDIT_INBOX_CUT',
        subject: component,
        correlationId: '',
        fields: { entries: String(cut.entries), bytes: String(cut.bytes) },
      })
    }
    const size = await link.run((redis) => redis.memory('USAGE', redisKeys.auditLog))
    if (!size.ok) return
    const isFull = (size.value ?? 0) > logBytesMax
    if (isFull === this.#isLogFull) return
    this.#isLogFull = isFull
    log.error({ bytes: size.value, isFull }, 'the audit log reached or left its bound')
    await writer.record({
      action: isFull ? 'AUDIT_LOG_FULL' : 'AUDIT_LOG_TAKES_ENTRIES',
      subject: 'audit',
      correlationId: '',
      fields: { bytes: String(size.value ?? 0) },
    })
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms)
  })
}
