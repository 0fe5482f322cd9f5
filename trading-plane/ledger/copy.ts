import { redisKeys } from '@bulkhead/shared/contracts/redis-keys.ts'
import type { ComponentId } from '@bulkhead/shared/contracts/components.ts'
import { BoundedQueue } from '@bulkhead/shared/kernel/queue.ts'
import type { RedisLink } from '@bulkhead/shared/runtime/redis-link.ts'
import type { LedgerRecord } from './records.ts'

/** Records in one round trip. */
const deliveryMax = 128
const staleIdMessage = /equal or smaller/

/**
 * How the copy stands to the ledger. `ahead` says that the copy holds a record that this ledger
 * does not have: the ledger went back in time, or is a new one beside an old copy.
 */
export type CopyState = 'current' | 'behind' | 'ahead'
const stateCodes: Readonly<Record<CopyState, number>> = { current: 0, behind: 1, ahead: 2 }

type Waiting = { readonly record: LedgerRecord; readonly seq: number }
type Delivery = 'delivered' | 'failed' | 'stale'

export type CopyOptions = {
  /** A link of its own: a delivery that times out destroys its socket. */
  readonly link: RedisLink
  readonly component: ComponentId
  readonly copyIntervalMs: number
  readonly copyWaitingMax: number
  readonly copyLengthMax: number
  /** What was recovered; its end may not have been copied before the last run ended. */
  readonly recovered: { readonly newest: readonly LedgerRecord[]; readonly lastSeq: number }
  readonly onAhead: (seq: number) => void
}

/**
 * Copies durable records to `wal:backup:{component}`, later and never in the way of a dispatch. The
 * entry id is the record's own number, so that a delivery that lands late or twice is refused by
 * Redis itself. When Redis stays away for long, the oldest records are left out and counted: the
 * ledger is the truth, the copy is for people and for a lost disk.
 */
export class LedgerCopy {
  readonly #options: CopyOptions
  readonly #waiting: BoundedQueue<Waiting>
  readonly #timer: NodeJS.Timeout
  /** Taken from the queue and not yet known to be delivered. */
  #inHand: Waiting[] = []
  #newestSeq: number
  #copiedSeq = 0
  /** Up to here Redis may already have what it is offered. */
  #inDoubtSeq: number
  #missed = 0
  #state: CopyState = 'current'
  #delivering: Promise<void> | null = null

  constructor(options: CopyOptions) {
    const { newest, lastSeq } = options.recovered
    this.#options = options
    this.#waiting = new BoundedQueue(options.copyWaitingMax)
    this.#newestSeq = lastSeq
    this.#inDoubtSeq = lastSeq
    const again = newest.slice(-options.copyWaitingMax)
    const firstSeq = lastSeq - again.length + 1
    for (const [index, record] of again.entries()) this.take(record, firstSeq + index)
    this.#copiedSeq = firstSeq - 1
    this.#timer = setInterval(() => {
      this.#delivering ??= this.#deliver().finally(() => {
        this.#delivering = null
      })
    }, options.copyIntervalMs)
    this.#timer.unref()
  }

  /** Takes a durable record; costs one push. */
  take(record: LedgerRecord, seq: number): void {
    if (this.#waiting.isFull) {
      this.#waiting.shift()
      this.#missed += 1
    }
    this.#waiting.push({ record, seq })
    this.#newestSeq = seq
  }

  counters(): Readonly<Record<string, number>> {
    return {
      wal_backup_lag: this.#newestSeq - this.#copiedSeq,
      wal_backup_missed: this.#missed,
      wal_backup_state: stateCodes[this.#state],
    }
  }

  /** Delivers what waits as far as one attempt reaches, then ends. */
  async stop(): Promise<void> {
    clearInterval(this.#timer)
    await this.#delivering
    await this.#deliver()
  }

  async #deliver(): Promise<void> {
    while (this.#inHand.length > 0 || this.#waiting.size > 0) {
      const isDelivered = await this.#deliverSome()
      if (!isDelivered) break
    }
    const isCurrent = this.#inHand.length === 0 && this.#waiting.size === 0
    if (this.#state !== 'ahead') this.#state = isCurrent ? 'current' : 'behind'
  }

  async #deliverSome(): Promise<boolean> {
    while (this.#inHand.length < deliveryMax) {
      const next = this.#waiting.shift()
      if (next === undefined) break
      this.#inHand.push(next)
    }
    const outcomes = await this.#send(this.#inHand)
    const lastSeq = this.#inHand.at(-1)?.seq ?? 0
    for (const outcome of outcomes) {
      if (outcome === 'failed') break
      const seq = this.#inHand.shift()?.seq ?? 0
      if (outcome === 'stale' && seq > this.#inDoubtSeq) this.#noteAhead(seq)
      this.#copiedSeq = seq
    }
    if (this.#inHand.length === 0) return true
    this.#inDoubtSeq = Math.max(this.#inDoubtSeq, lastSeq)
    return false
  }

  async #send(some: readonly Waiting[]): Promise<Delivery[]> {
    const { link, component, copyLengthMax } = this.#options
    const key = redisKeys.ledgerCopy(component)
    const replies = await link.run((redis) => {
      const pipeline = redis.pipeline()
      for (const { record, seq } of some) {
        const fields = ['type', record.type, 'record', JSON.stringify(record)]
        pipeline.xadd(key, 'MAXLEN', '~', copyLengthMax, `${seq}-0`, ...fields)
      }
      return pipeline.exec()
    })
    if (!replies.ok || replies.value === null) return ['failed']
    return replies.value.map(([error]) => {
      if (error === null) return 'delivered'
      return staleIdMessage.test(error.message) ? 'stale' : 'failed'
    })
  }

  #noteAhead(seq: number): void {
    if (this.#state === 'ahead') return
    this.#state = 'ahead'
    this.#options.onAhead(seq)
  }
}
