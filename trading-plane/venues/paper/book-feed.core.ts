import { type Instrument, amountOf, priceOf } from './instruments.core.ts'
import type { Book, Direction, TouchedLevel } from './matching.core.ts'
import type { Wire } from './orders.core.ts'

type LevelChange = readonly [action: 'new' | 'change' | 'delete', price: number, amount: number]

/**
 * One instrument's incremental book at one pace: what was sent so far, and the chain of change
 * numbers. Everybody who listens to the same feed sees the same chain.
 */
export class BookFeed {
  readonly #instrument: Instrument
  readonly #sent = { buy: new Map<number, number>(), sell: new Map<number, number>() }
  #pending = new Map<string, TouchedLevel>()
  #changeId: number

  constructor(instrument: Instrument, book: Book, changeId: number) {
    this.#instrument = instrument
    this.#changeId = changeId
    for (const direction of ['buy', 'sell'] as const) {
      for (const level of book.side(direction)) {
        this.#sent[direction].set(level.priceTicks, level.lots)
      }
    }
  }

  get hasPending(): boolean {
    return this.#pending.size > 0
  }

  touch(levels: readonly TouchedLevel[]): void {
    for (const level of levels) this.#pending.set(`${level.direction}${level.priceTicks}`, level)
  }

  /** The whole book as sent so far: what a new listener starts from. */
  snapshot(nowMs: number): Wire {
    return {
      type: 'snapshot',
      timestamp: nowMs,
      instrument_name: this.#instrument.name,
      change_id: this.#changeId,
      bids: this.#snapshotSide('buy'),
      asks: this.#snapshotSide('sell'),
    }
  }

  /** The levels that differ from what was sent, or undefined when none does. */
  change(book: Book, changeId: number, nowMs: number): Wire | undefined {
    const bids: LevelChange[] = []
    const asks: LevelChange[] = []
    for (const { direction, priceTicks } of this.#pending.values()) {
      const change = this.#changeOf(direction, priceTicks, book.lotsAt(direction, priceTicks))
      if (change !== undefined) (direction === 'buy' ? bids : asks).push(change)
    }
    this.#pending = new Map()
    if (bids.length + asks.length === 0) return undefined
    const previous = this.#changeId
    this.#changeId = changeId
    return {
      type: 'change',
      timestamp: nowMs,
      prev_change_id: previous,
      instrument_name: this.#instrument.name,
      change_id: changeId,
      bids,
      asks,
    }
  }

  #changeOf(direction: Direction, priceTicks: number, lots: number): LevelChange | undefined {
    const sent = this.#sent[direction]
    const before = sent.get(priceTicks) ?? 0
    if (before === lots) return undefined
    const price = priceOf(this.#instrument, priceTicks)
    if (lots === 0) {
      sent.delete(priceTicks)
      return ['delete', price, 0]
    }
    sent.set(priceTicks, lots)
    return [before === 0 ? 'new' : 'change', price, amountOf(this.#instrument, lots)]
  }

  #snapshotSide(direction: Direction): LevelChange[] {
    const sign = direction === 'buy' ? -1 : 1
    return [...this.#sent[direction]]
      .toSorted(([left], [right]) => sign * (left - right))
      .map(([ticks, lots]) => [
        'new',
        priceOf(this.#instrument, ticks),
        amountOf(this.#instrument, lots),
      ])
  }
}

/** Price and amount pairs, best first, for order book replies and grouped channels. */
export function levelPairs(
  instrument: Instrument,
  book: Book,
  direction: Direction,
  options: { readonly depth: number; readonly groupTicks: number },
): readonly (readonly [number, number])[] {
  const { depth, groupTicks } = options
  const grouped = new Map<number, number>()
  for (const level of book.side(direction)) {
    const ticks =
      direction === 'buy'
        ? Math.floor(level.priceTicks / groupTicks) * groupTicks
        : Math.ceil(level.priceTicks / groupTicks) * groupTicks
    if (grouped.size === depth && !grouped.has(ticks)) break
    grouped.set(ticks, (grouped.get(ticks) ?? 0) + level.lots)
  }
  return [...grouped].map(([ticks, lots]) => [
    priceOf(instrument, ticks),
    amountOf(instrument, lots),
  ])
}
