import type { AuditRecord } from '../contracts/audit-entry.ts'
import type { ComponentId } from '../contracts/components.ts'
import { redisKeys } from '../contracts/redis-keys.ts'
import type { Clock } from '../kernel/clock.ts'
import { fail, ok, type Result } from '../kernel/result.ts'
import { type ChainHead, chainStart, nextEntry } from './audit-chain.ts'
import { AuditSpool } from './audit-spool.ts'
import type { RedisLink } from './redis-link.ts'

/** Proof that an entry is recorded. Both places count (decision D-10). */
export type AuditReceipt = {
  readonly seq: number
  readonly hash: string
  readonly where: 'redis' | 'spool'
}
export type AuditFailure = 'AUDIT_UNAVAILABLE'

export type AuditWriterOptions = {
  readonly link: RedisLink
  readonly component: ComponentId
  /** Id of this run; names the chain. */
  readonly chain: string
  readonly clock: Clock
  readonly spoolFile: string
  readonly spoolBytesMax?: number
  /** Entries on their way at one time; one more is refused. */
  readonly inFlightMax?: number
}

const drainBatch = 100

/**
 * Records audit entries of one component: chained in the order of the calls, pushed to the component's
 * inbox in the safety Redis, or spooled to disk when Redis does not take them in time.
 */
export class AuditWriter {
  readonly #options: AuditWriterOptions
  readonly #spool: AuditSpool
  readonly #inFlightMax: number
  #head: ChainHead = chainStart
  #inFlight = 0
  #draining = false

  constructor(options: AuditWriterOptions) {
    this.#options = options
    this.#spool = new AuditSpool(options.spoolFile, options.spoolBytesMax ?? 64 * 1_024 * 1_024)
    this.#inFlightMax = options.inFlightMax ?? 1_024
  }

  /** The last entry of the chain so far; what a seal pins down. */
  get head(): ChainHead {
    return this.#head
  }

  /**
   * Records one entry. The receipt says where it stands; AUDIT_UNAVAILABLE means that neither Redis nor
   * the disk took it, and the caller's rule decides what may still go on (decision D-08).
   */
  async record(record: AuditRecord): Promise<Result<AuditReceipt, AuditFailure>> {
    if (this.#inFlight >= this.#inFlightMax) return fail('AUDIT_UNAVAILABLE')
    const { component, chain, clock, link } = this.#options
    const entry = nextEntry(this.#head, component, chain, clock.wallNs(), record)
    this.#head = { seq: Number(entry.seq), hash: entry.hash }
    const line = JSON.stringify(entry)
    this.#inFlight += 1
    try {
      const pushed = await link.run((redis) => redis.rpush(redisKeys.auditInbox(component), line))
      if (pushed.ok) return ok({ seq: Number(entry.seq), hash: entry.hash, where: 'redis' })
    } finally {
      this.#inFlight -= 1
    }
    const spooled = this.#spool.append(line)
    if (!spooled.ok) return fail('AUDIT_UNAVAILABLE')
    return ok({ seq: Number(entry.seq), hash: entry.hash, where: 'spool' })
  }

  /** Delivers what is spooled, in order. Delivering twice is harmless: the drain knows each entry. */
  async deliverSpool(): Promise<void> {
    if (this.#draining || this.#spool.isEmpty || !this.#options.link.isReady) return
    this.#draining = true
    try {
      const lines = this.#spool.takeForDrain()
      for (let at = 0; at < lines.length; at += drainBatch) {
        const batch = lines.slice(at, at + drainBatch)
        const key = redisKeys.auditInbox(this.#options.component)
        const pushed = await this.#options.link.run((redis) => redis.rpush(key, ...batch))
        if (!pushed.ok) return
      }
      this.#spool.discardDrained()
    } finally {
      this.#draining = false
    }
  }

  close(): void {
    this.#spool.close()
  }
}
