import type { AuditRecord } from '../contracts/audit-entry.ts'
import type { ComponentId } from '../contracts/components.ts'
import { redisKeys } from '../contracts/redis-keys.ts'
import type { Clock } from '../kernel/clock.ts'
import { fail, ok, type Result } from '../kernel/result.ts'
import { type ChainHead, chainStart, nextEntry } from './audit-chain.ts'
import { AuditSpool, type SpoolFault } from './audit-spool.ts'
import type { RedisFault, RedisLink } from './redis-link.ts'

/** Proof that an entry is recorded. Both places count (decision D-10). */
export type AuditReceipt = {
  readonly seq: number
  readonly hash: string
  readonly where: 'redis' | 'spool'
}
export type AuditFailure = 'AUDIT_UNAVAILABLE'
export type AuditDeliveryFault = SpoolFault | RedisFault['code']

export type AuditWriterOptions = {
  readonly link: RedisLink
  readonly component: ComponentId
  /** Id of this run; names the chain. */
  readonly chain: string
  readonly clock: Clock
  readonly spoolFile: string
  readonly spoolBytesMax?: number
  /** Entries that are not recorded yet at one time; one more is refused. */
  readonly inFlightMax?: number
  /** Entries that may wait in the inbox for the drain; from then on the spool takes over. */
  readonly inboxMax?: number
}

/** Entries that go to Redis or to the spool in one step. */
const batchMax = 100
/** Pause before a crowded inbox is tried again, with one entry. */
const crowdedPauseMs = 1_000

type Waiting = {
  readonly line: string
  /** Answers the caller; only the first answer counts. */
  readonly settle: (where: AuditReceipt['where'] | undefined) => void
}

/**
 * Records audit entries of one component: chained in the order of the calls, pushed to the
 * component's inbox in the safety Redis, or spooled to disk when Redis does not take them in time.
 *
 * The inbox receives every chain in order, or the verifier would report a gap that nobody made: one
 * batch is under way at a time, and once an entry went to the spool all later ones follow it there
 * until the spool is delivered. An inbox that nobody drains is left alone at a bound, so that a
 * writer can never fill Redis; the spool has a bound of its own.
 */
export class AuditWriter {
  readonly #options: AuditWriterOptions
  readonly #spool: AuditSpool
  readonly #inFlightMax: number
  readonly #inboxMax: number
  #head: ChainHead = chainStart
  #waiting: Waiting[] = []
  #isStoring = false
  #delivery: Promise<Result<number, AuditDeliveryFault>> | null = null
  /** True while entries go to the spool. */
  #isBehind = false
  #listener: ((record: AuditRecord) => void) | null = null
  /** Until when a crowded inbox is left alone, on the monotonic clock. */
  #crowdedUntilMs = Number.NEGATIVE_INFINITY
  /** Lines of the spool that was set aside for delivery and that the inbox has. */
  #drainedLines = 0

  constructor(options: AuditWriterOptions) {
    this.#options = options
    this.#spool = new AuditSpool(options.spoolFile, options.spoolBytesMax ?? 64 * 1_024 * 1_024)
    this.#inFlightMax = options.inFlightMax ?? 1_024
    this.#inboxMax = options.inboxMax ?? 4_096
  }

  /** The last entry of the chain so far; what a seal pins down. */
  get head(): ChainHead {
    return this.#head
  }

  /** As many entries wait as may: one more is refused. */
  get isFull(): boolean {
    return this.#waiting.length >= this.#inFlightMax
  }

  /** Shows every record to one listener, before it is stored; it must neither throw nor wait. */
  listen(listener: (record: AuditRecord) => void): void {
    this.#listener = listener
  }

  /**
   * Records one entry. The receipt says where it stands; AUDIT_UNAVAILABLE means that neither Redis
   * nor the disk took it, and the caller's rule decides what may still go on (decision D-08). Such
   * an entry stays in memory, ahead of all later ones, so that the chain has no gap when one of the
   * two is back: it may still be recorded after its caller was refused.
   */
  async record(record: AuditRecord): Promise<Result<AuditReceipt, AuditFailure>> {
    this.#listener?.(record)
    if (this.isFull) {
      void this.#storeWaiting()
      return fail('AUDIT_UNAVAILABLE')
    }
    const { component, chain, clock, link } = this.#options
    const entry = nextEntry(this.#head, component, chain, clock.wallNs(), record)
    const { seq, hash } = (this.#head = { seq: Number(entry.seq), hash: entry.hash })
    const where = new Promise<AuditReceipt['where'] | undefined>((settle) => {
      this.#waiting.push({ line: JSON.stringify(entry), settle })
    })
    void this.#storeWaiting()
    if (this.#isBehind && link.isReady) void this.deliverSpool()
    const stored = await where
    return stored === undefined ? fail('AUDIT_UNAVAILABLE') : ok({ seq, hash, where: stored })
  }

  /**
   * Delivers what is spooled, in order, and says how many lines went out. Delivering twice is
   * harmless: the drain knows each entry. A delivery that is under way is waited for, so whoever
   * leaves afterwards leaves nothing behind. Call it at start and from time to time; it never
   * rejects.
   */
  async deliverSpool(): Promise<Result<number, AuditDeliveryFault>> {
    if (this.#delivery !== null) return this.#delivery
    if (this.#isCrowded) return ok(0)
    if (!this.#options.link.isReady) return fail('REDIS_UNREACHABLE')
    if (!this.#spool.isEmpty) {
      this.#delivery = this.#deliverRounds()
      return this.#delivery
    }
    this.#isBehind = false
    await this.#storeWaiting()
    return ok(0)
  }

  async #deliverRounds(): Promise<Result<number, AuditDeliveryFault>> {
    let delivered = 0
    try {
      while (!this.#spool.isEmpty) {
        const round = await this.#deliverRound()
        if (!round.ok) return round
        delivered += round.value
        if (this.#isCrowded) return ok(delivered)
      }
      this.#isBehind = false
    } finally {
      this.#delivery = null
    }
    await this.#storeWaiting()
    return ok(delivered)
  }

  close(): void {
    this.#spool.close()
  }

  async #deliverRound(): Promise<Result<number, AuditDeliveryFault>> {
    const lines = this.#spool.takeForDrain()
    if (!lines.ok) return lines
    const before = this.#drainedLines
    // The first alone: its reply tells whether there is room for more.
    for (let count = 1; this.#drainedLines < lines.value.length; count = batchMax) {
      const batch = lines.value.slice(this.#drainedLines, this.#drainedLines + count)
      const pushed = await this.#push(batch)
      if (!pushed.ok) return fail(pushed.failure.code)
      this.#drainedLines += batch.length
      if (this.#isCrowded) break
    }
    const delivered = this.#drainedLines - before
    if (this.#drainedLines < lines.value.length) return ok(delivered)
    const discarded = this.#spool.discardDrained()
    if (discarded.ok) this.#drainedLines = 0
    return discarded.ok ? ok(delivered) : discarded
  }

  get #isCrowded(): boolean {
    return this.#options.clock.monotonicMs() < this.#crowdedUntilMs
  }

  /** Stores what waits, batch after batch, until nothing waits or neither place takes any more. */
  async #storeWaiting(): Promise<void> {
    if (this.#isStoring) return
    this.#isStoring = true
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.slice(0, batchMax)
      const where = await this.#store(batch.map(({ line }) => line))
      if (where === undefined) {
        for (const { settle } of this.#waiting) settle(undefined)
        break
      }
      this.#waiting = this.#waiting.slice(batch.length)
      for (const { settle } of batch) settle(where)
    }
    this.#isStoring = false
  }

  async #store(lines: readonly string[]): Promise<AuditReceipt['where'] | undefined> {
    if (!this.#isBehind) {
      const pushed = await this.#push(lines)
      if (pushed.ok) return 'redis'
    }
    if (!this.#spool.append(lines).ok) return undefined
    this.#isBehind = true
    return 'spool'
  }

  /** Pushes to the inbox, whose length the reply tells. */
  async #push(lines: readonly string[]): Promise<Result<void, RedisFault>> {
    const { component, link, clock } = this.#options
    const key = redisKeys.auditInbox(component)
    const pushed = await link.run((redis) => redis.rpush(key, ...lines))
    if (!pushed.ok) return pushed
    if (pushed.value > this.#inboxMax) {
      this.#isBehind = true
      this.#crowdedUntilMs = clock.monotonicMs() + crowdedPauseMs
    }
    return ok(undefined)
  }
}
