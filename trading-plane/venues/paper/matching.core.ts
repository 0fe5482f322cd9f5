import { assert } from '@bulkhead/shared/kernel/assert.ts'

/** Which way an order trades. */
export type Direction = 'buy' | 'sell'

/** An order resting in a book. `owner` is the account name; the synthetic market owns with ''. */
export type RestingOrder = {
  readonly id: string
  readonly direction: Direction
  readonly priceTicks: number
  readonly owner: string
  lots: number
}

/** An order looking for a match. `limitTicks` is the worst acceptable price, in ticks. */
export type Taker = {
  readonly direction: Direction
  readonly limitTicks: number
  readonly owner: string
  readonly lots: number
}

/**
 * What one matching step did: an execution at the resting order's price, or the taker's own resting
 * order taken out of its way.
 */
export type MatchStep =
  | {
      readonly kind: 'fill'
      readonly makerId: string
      readonly priceTicks: number
      readonly lots: number
    }
  | { readonly kind: 'self-cancelled'; readonly makerId: string }

/** One price with everything resting there, oldest order first. */
export type Level = { readonly priceTicks: number; lots: number; readonly orders: RestingOrder[] }

/** A level that changed: side and price. */
export type TouchedLevel = { readonly direction: Direction; readonly priceTicks: number }

/** The synthetic market's name: it never counts as trading with itself. */
export const MARKET_OWNER = ''

/**
 * One instrument's order book with price-time priority, in whole ticks and lots.
 *
 * Best price first, then first come first served; a fill happens at the resting order's price. An
 * account never trades with itself: its resting order is cancelled instead (`cancel_maker`).
 */
export class Book {
  readonly #bids: Level[] = []
  readonly #asks: Level[] = []
  readonly #resting = new Map<string, RestingOrder>()
  readonly #onTouch: (level: TouchedLevel) => void

  /** @param onTouch is told each level whose lots changed, every time they do */
  constructor(onTouch: (level: TouchedLevel) => void) {
    this.#onTouch = onTouch
  }

  /** Levels of one side, best first. The array is live: copy before keeping it. */
  side(direction: Direction): readonly Level[] {
    return direction === 'buy' ? this.#bids : this.#asks
  }

  get(id: string): RestingOrder | undefined {
    return this.#resting.get(id)
  }

  bestTicks(direction: Direction): number | undefined {
    return this.side(direction)[0]?.priceTicks
  }

  /** True when an order at this price would trade at once. */
  crosses(direction: Direction, limitTicks: number): boolean {
    const best = this.bestTicks(opposite(direction))
    return best !== undefined && isAcceptable(direction, limitTicks, best)
  }

  /** Rests an order behind everything already at its price. It must not cross the book. */
  rest(order: RestingOrder): void {
    assert(Number.isInteger(order.priceTicks), 'a resting price is a whole number of ticks')
    assert(Number.isInteger(order.lots) && order.lots > 0, 'a resting order has whole lots')
    assert(!this.#resting.has(order.id), 'an order rests once')
    assert(!this.crosses(order.direction, order.priceTicks), 'a resting order does not cross')
    const level = this.#levelAt(order.direction, order.priceTicks)
    level.orders.push(order)
    level.lots += order.lots
    this.#resting.set(order.id, order)
    this.#touch(order.direction, order.priceTicks)
  }

  /** Takes an order out. Returns it, or undefined when it was not resting. */
  remove(id: string): RestingOrder | undefined {
    const order = this.#resting.get(id)
    if (order === undefined) return undefined
    const level = this.#levelAt(order.direction, order.priceTicks)
    level.orders.splice(level.orders.indexOf(order), 1)
    level.lots -= order.lots
    this.#resting.delete(id)
    this.#dropIfEmpty(order.direction, level)
    this.#touch(order.direction, order.priceTicks)
    return order
  }

  /** Shrinks a resting order in place; it keeps its turn. `lots` is what stays, at least one. */
  shrink(id: string, lots: number): void {
    const order = this.#resting.get(id)
    assert(order !== undefined, 'only a resting order can shrink')
    assert(Number.isInteger(lots) && lots > 0 && lots <= order.lots, 'shrinking keeps whole lots')
    this.#levelAt(order.direction, order.priceTicks).lots -= order.lots - lots
    order.lots = lots
    this.#touch(order.direction, order.priceTicks)
  }

  /** Lots a taker could get within its limit, its own resting orders left out. */
  availableLots(taker: Omit<Taker, 'lots'>): number {
    let lots = 0
    for (const level of this.side(opposite(taker.direction))) {
      if (!isAcceptable(taker.direction, taker.limitTicks, level.priceTicks)) break
      for (const order of level.orders) if (!isSelf(taker.owner, order.owner)) lots += order.lots
    }
    return lots
  }

  /**
   * One step of matching: against the oldest order at the best price, or null when nothing more is
   * acceptable. The caller books each step before it asks for the next, so that what one fill
   * changes elsewhere (a reduce-only order that must shrink) is already in the book.
   */
  step(taker: Taker): MatchStep | null {
    assert(Number.isInteger(taker.lots) && taker.lots > 0, 'a taker has whole lots')
    const level = this.side(opposite(taker.direction))[0]
    if (level === undefined) return null
    if (!isAcceptable(taker.direction, taker.limitTicks, level.priceTicks)) return null
    const maker = level.orders[0]
    assert(maker !== undefined, 'a level always holds an order')
    if (isSelf(taker.owner, maker.owner)) {
      this.remove(maker.id)
      return { kind: 'self-cancelled', makerId: maker.id }
    }
    const lots = Math.min(taker.lots, maker.lots)
    if (lots === maker.lots) this.remove(maker.id)
    else this.shrink(maker.id, maker.lots - lots)
    return { kind: 'fill', makerId: maker.id, priceTicks: level.priceTicks, lots }
  }

  /** Lots resting at a price, 0 when none. */
  lotsAt(direction: Direction, priceTicks: number): number {
    return this.side(direction).find((level) => level.priceTicks === priceTicks)?.lots ?? 0
  }

  #levelAt(direction: Direction, priceTicks: number): Level {
    const levels = direction === 'buy' ? this.#bids : this.#asks
    const index = insertionIndex(levels, direction, priceTicks)
    const found = levels[index]
    if (found !== undefined && found.priceTicks === priceTicks) return found
    const level: Level = { priceTicks, lots: 0, orders: [] }
    levels.splice(index, 0, level)
    return level
  }

  #dropIfEmpty(direction: Direction, level: Level): void {
    if (level.orders.length > 0) return
    assert(level.lots === 0, 'an empty level holds no lots')
    const levels = direction === 'buy' ? this.#bids : this.#asks
    levels.splice(levels.indexOf(level), 1)
  }

  #touch(direction: Direction, priceTicks: number): void {
    this.#onTouch({ direction, priceTicks })
  }
}

export function opposite(direction: Direction): Direction {
  return direction === 'buy' ? 'sell' : 'buy'
}

function isAcceptable(direction: Direction, limitTicks: number, priceTicks: number): boolean {
  return direction === 'buy' ? priceTicks <= limitTicks : priceTicks >= limitTicks
}

function isSelf(taker: string, maker: string): boolean {
  return taker !== MARKET_OWNER && taker === maker
}

/** Where a price is, or belongs, in a side sorted best first. */
function insertionIndex(
  levels: readonly Level[],
  direction: Direction,
  priceTicks: number,
): number {
  let low = 0
  let high = levels.length
  while (low < high) {
    const middle = (low + high) >>> 1
    const at = levels[middle] as Level
    const isBetter = direction === 'buy' ? at.priceTicks > priceTicks : at.priceTicks < priceTicks
    if (isBetter) low = middle + 1
    else high = middle
  }
  return low
}
