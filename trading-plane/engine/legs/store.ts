import { assert } from '@bulkhead/shared/kernel/assert.ts'
import { BoundedQueue } from '@bulkhead/shared/kernel/queue.ts'
import type { LabelParts } from '../intents/label.ts'
import { isLive, type Leg } from './leg.ts'

/** What we still want of a leg and when we last asked for it. */
export type LegWish = {
  cancelWanted: boolean
  cancelTickMs: number
  lookupTickMs: number
  /** When the policy began to judge it; null for an order of an earlier run. */
  judgedTickMs: number | null
  /** Since when it is minded; null until the first turn that sees it. */
  sinceTickMs: number | null
  /** What it should trade at; null for an order of an earlier run. */
  expectedPrice: number | null
  isAborted: boolean
  isInReview: boolean
}

/** What a store keeps, as plain data; labels of live and of ended legs, oldest first. */
export type SavedLegs = {
  readonly legs: readonly Leg[]
  readonly live: readonly string[]
  readonly ended: readonly string[]
}

/**
 * All live legs, and the ended ones that may still hear late news. Ended legs beyond the bound are
 * forgotten oldest first; the ledger keeps them.
 */
export class LegStore {
  readonly #legs = new Map<string, Leg>()
  readonly #live = new Map<string, Leg>()
  readonly #labelOfIntent = new Map<string, string>()
  readonly #labelOfVenueOrder = new Map<string, string>()
  readonly #wishes = new Map<string, LegWish>()
  /** Legs whose order reports more than their trades add up to, and since when that was seen. */
  readonly #owing = new Map<string, number | null>()
  readonly #ended: BoundedQueue<string>

  constructor(endedMax: number) {
    this.#ended = new BoundedQueue(endedMax)
  }

  /** Everything that the ledger alone says, in the order in which it was met. */
  save(): SavedLegs {
    return {
      legs: [...this.#legs.values()],
      live: [...this.#live.keys()],
      ended: this.#ended.toArray(),
    }
  }

  /** Puts what was saved into a store that has met no leg yet. */
  restore({ legs, live, ended }: SavedLegs): void {
    for (const leg of legs) this.#note(leg)
    for (const label of live) {
      const leg = this.#legs.get(label)
      if (leg !== undefined) this.#live.set(label, leg)
    }
    for (const label of ended) this.#ended.push(label)
  }

  get(label: string): Leg | undefined {
    return this.#legs.get(label)
  }

  byIntent(intentId: string): Leg | undefined {
    const label = this.#labelOfIntent.get(intentId)
    return label === undefined ? undefined : this.#legs.get(label)
  }

  byVenueOrder(venueOrderId: string): Leg | undefined {
    const label = this.#labelOfVenueOrder.get(venueOrderId)
    return label === undefined ? undefined : this.#legs.get(label)
  }

  /** The legs with group and leg index of a label, live or ended; asked for what is not known. */
  ofGroupLeg({ gid12, legIndex }: Pick<LabelParts, 'gid12' | 'legIndex'>): Leg[] {
    const middle = `:${gid12}:${legIndex}:`
    return [...this.#legs.values()].filter(({ label }) => label.includes(middle))
  }

  /** Adds a leg or replaces it by its next state. */
  set(leg: Leg): void {
    const before = this.#legs.get(leg.label)
    this.#note(leg)
    if (isLive(leg)) this.#live.set(leg.label, leg)
    else this.#live.delete(leg.label)
    if (!isLive(leg) && (before === undefined || isLive(before))) this.#retire(leg.label)
  }

  get liveCount(): number {
    return this.#live.size
  }

  /** The legs that the venue may hold, oldest first. */
  live(): Leg[] {
    return [...this.#live.values()]
  }

  /** The live legs and the last that ended, oldest first, at most `endedMax` of these. */
  recent(endedMax: number): Leg[] {
    const ended = this.#ended
      .toArray()
      .slice(-endedMax)
      .flatMap((label) => this.#legs.get(label) ?? [])
    return [...ended, ...this.#live.values()]
  }

  /** Since when a fill was reported whose trade did not come; null when none is missing. */
  owingSinceTickMs(tickMs: number): number | null {
    let oldestTickMs: number | null = null
    for (const [label, sinceTickMs] of this.#owing) {
      if (sinceTickMs === null) this.#owing.set(label, tickMs)
      oldestTickMs = Math.min(oldestTickMs ?? tickMs, sinceTickMs ?? tickMs)
    }
    return oldestTickMs
  }

  wish(label: string): LegWish {
    let wish = this.#wishes.get(label)
    if (wish === undefined) {
      wish = {
        cancelWanted: false,
        cancelTickMs: Number.NEGATIVE_INFINITY,
        lookupTickMs: Number.NEGATIVE_INFINITY,
        judgedTickMs: null,
        sinceTickMs: null,
        expectedPrice: null,
        isAborted: false,
        isInReview: false,
      }
      this.#wishes.set(label, wish)
    }
    return wish
  }

  /** Forgets a leg that was reserved and never recorded: it is as if it had never been. */
  discard(label: string): void {
    const leg = this.#legs.get(label)
    if (leg === undefined) return
    assert(leg.state === 'recorded', 'only what was never sent is forgotten')
    this.#legs.delete(label)
    this.#live.delete(label)
    this.#wishes.delete(label)
    this.#labelOfIntent.delete(leg.intentId)
  }

  #note(leg: Leg): void {
    if (!this.#legs.has(leg.label)) this.#labelOfIntent.set(leg.intentId, leg.label)
    this.#legs.set(leg.label, leg)
    if (leg.venueOrderId !== null) this.#labelOfVenueOrder.set(leg.venueOrderId, leg.label)
    if (leg.reportedSteps <= leg.tradedSteps) this.#owing.delete(leg.label)
    else if (!this.#owing.has(leg.label)) this.#owing.set(leg.label, null)
  }

  #retire(label: string): void {
    const oldest = this.#ended.isFull ? this.#ended.shift() : undefined
    if (oldest !== undefined) this.#forget(oldest)
    this.#ended.push(label)
  }

  #forget(label: string): void {
    const leg = this.#legs.get(label)
    if (leg === undefined || isLive(leg)) return
    this.#legs.delete(label)
    this.#wishes.delete(label)
    this.#owing.delete(label)
    this.#labelOfIntent.delete(leg.intentId)
    if (leg.venueOrderId !== null) this.#labelOfVenueOrder.delete(leg.venueOrderId)
  }
}
