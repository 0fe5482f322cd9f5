import { assert } from '@bulkhead/shared/kernel/assert.ts'
import { type Account, type Fees, applyExecution, feeCoin, positionOf } from './account.core.ts'
import { type Instrument, priceOf } from './instruments.core.ts'
import { Book, type Direction, MARKET_OWNER, type TouchedLevel } from './matching.core.ts'
import type { OrderStore } from './order-store.core.ts'
import { type CancelReason, type Order, recordFill, remainingLots } from './orders.core.ts'
import type { Tape } from './tape.core.ts'
import type { OwnFill, Print, Reference } from './trades.core.ts'

/** What happened, in order, since the last drain. Publishing it is somebody else's work. */
export type ExchangeEvent =
  | { readonly kind: 'order'; readonly order: Order }
  | { readonly kind: 'print'; readonly print: Print }
  | { readonly kind: 'fill'; readonly fill: OwnFill }

export type MatcherParts = {
  readonly instruments: Iterable<Instrument>
  readonly orders: OrderStore
  readonly tape: Tape
  readonly fees: Fees
  readonly referenceOf: (instrument: Instrument) => Reference
}

const MARKET_ID_PREFIX = 'market:'

/** Matches orders against the books and books what follows: fills, fees, positions, order ends. */
export class Matcher {
  readonly #parts: MatcherParts
  readonly #books = new Map<Instrument, Book>()
  #events: ExchangeEvent[] = []
  #touched = new Map<Instrument, TouchedLevel[]>()

  constructor(parts: MatcherParts) {
    this.#parts = parts
    for (const instrument of parts.instruments) {
      this.#books.set(instrument, new Book((level) => this.#touch(instrument, level)))
    }
  }

  book(instrument: Instrument): Book {
    const book = this.#books.get(instrument)
    assert(book !== undefined, 'every instrument has a book')
    return book
  }

  drainEvents(): readonly ExchangeEvent[] {
    const events = this.#events
    this.#events = []
    return events
  }

  drainTouched(): ReadonlyMap<Instrument, readonly TouchedLevel[]> {
    const touched = this.#touched
    this.#touched = new Map()
    return touched
  }

  /** Matches an order and rests or ends what remains. */
  run(order: Order, nowMs: number): readonly OwnFill[] {
    const book = this.book(order.instrument)
    const fills: OwnFill[] = []
    while (isHungry(order) && (fills.length > 0 || canStart(book, order))) {
      const step = book.step(takerOf(order))
      if (step === null) break
      if (step.kind === 'self-cancelled') {
        this.#end(this.#orderOf(step.makerId), 'risk_mitigation', nowMs)
        continue
      }
      const print = this.#print(order.instrument, order.direction, step, nowMs)
      this.#bookMaker(step.makerId, print, nowMs)
      fills.push(this.#bookFill(order, print, 'T', nowMs))
    }
    this.#settleTaker(order, nowMs)
    return fills
  }

  /** Takes an open order out of its book, to be run again at another price. */
  lift(order: Order): void {
    this.book(order.instrument).remove(order.orderId)
  }

  /** Shrinks a resting order to its new total without losing its turn. */
  shrink(order: Order): void {
    this.book(order.instrument).shrink(order.orderId, remainingLots(order))
    this.#announce(order)
  }

  /** Ends an open order wherever it is. */
  close(order: Order, reason: CancelReason, nowMs: number): void {
    this.lift(order)
    this.#end(order, reason, nowMs)
  }

  /** Makes the synthetic market show exactly this much at a price; users' crossing orders trade. */
  setMarketLevel(
    instrument: Instrument,
    level: { readonly direction: Direction; readonly priceTicks: number; readonly lots: number },
    nowMs: number,
  ): void {
    const book = this.book(instrument)
    const { direction, priceTicks, lots } = level
    const id = `${MARKET_ID_PREFIX}${direction}:${priceTicks}`
    const shownLots = book.get(id)?.lots ?? 0
    if (lots === shownLots) return
    if (lots > 0 && lots < shownLots) return book.shrink(id, lots)
    book.remove(id)
    if (lots === 0) return
    const taker = { direction, limitTicks: priceTicks, lots }
    const restingLots = this.marketTake(instrument, taker, nowMs)
    if (restingLots === 0) return
    book.rest({ direction, priceTicks, id, owner: MARKET_OWNER, lots: restingLots })
  }

  /** An anonymous taker trades up to its limit. Returns the lots it did not get. */
  marketTake(
    instrument: Instrument,
    taker: { readonly direction: Direction; readonly limitTicks: number; readonly lots: number },
    nowMs: number,
  ): number {
    const book = this.book(instrument)
    let { lots } = taker
    while (lots > 0) {
      const step = book.step({ ...taker, lots, owner: MARKET_OWNER })
      if (step === null) break
      assert(step.kind === 'fill', 'the market never stands in its own way')
      const print = this.#print(instrument, taker.direction, step, nowMs)
      this.#bookMaker(step.makerId, print, nowMs)
      lots -= step.lots
    }
    return lots
  }

  #settleTaker(order: Order, nowMs: number): void {
    if (order.state === 'open') {
      const mayRest = order.type === 'limit' && order.timeInForce === 'good_til_cancelled'
      if (!mayRest) return this.#end(order, null, nowMs)
      this.book(order.instrument).rest({
        id: order.orderId,
        direction: order.direction,
        priceTicks: order.priceTicks,
        owner: order.account.name,
        lots: remainingLots(order),
      })
    } else {
      this.#parts.orders.close(order)
    }
    this.#announce(order)
    if (order.reduceOnly) this.#trimReduceOnly(order.account, order.instrument, nowMs)
  }

  #print(
    instrument: Instrument,
    direction: Direction,
    step: { readonly priceTicks: number; readonly lots: number },
    nowMs: number,
  ): Print {
    const { priceTicks, lots } = step
    const reference = this.#parts.referenceOf(instrument)
    const execution = { direction, priceTicks, lots, reference }
    const print = this.#parts.tape.print(instrument, execution, nowMs)
    this.#events.push({ kind: 'print', print })
    return print
  }

  #bookMaker(makerId: string, print: Print, nowMs: number): void {
    if (makerId.startsWith(MARKET_ID_PREFIX)) return
    const order = this.#orderOf(makerId)
    this.#bookFill(order, print, 'M', nowMs)
    if (order.state === 'filled') this.#parts.orders.close(order)
    this.#announce(order)
  }

  #bookFill(order: Order, print: Print, liquidity: 'M' | 'T', nowMs: number): OwnFill {
    const { instrument } = order
    const price = priceOf(instrument, print.priceTicks)
    const part = { instrument, direction: order.direction, lots: print.lots, price }
    const fee = feeCoin(this.#parts.fees, part, liquidity)
    const { profitCoin } = applyExecution(order.account, { ...part, feeCoin: fee })
    recordFill(order, print.lots, price)
    order.updateMs = nowMs
    if (remainingLots(order) === 0) order.state = 'filled'
    const fill: OwnFill = { print, order: { ...order }, liquidity, feeCoin: fee, profitCoin }
    this.#parts.orders.recordFill(fill)
    this.#events.push({ kind: 'fill', fill })
    this.#trimReduceOnly(order.account, instrument, nowMs)
    return fill
  }

  /** Resting reduce-only orders together never exceed the position; the newest keep their size. */
  #trimReduceOnly(account: Account, instrument: Instrument, nowMs: number): void {
    const book = this.book(instrument)
    const { lots } = positionOf(account, instrument)
    let budgetLots = Math.abs(lots)
    for (const order of this.#parts.orders.open(account).toReversed()) {
      if (!order.reduceOnly || order.instrument !== instrument) continue
      if (book.get(order.orderId) === undefined) continue
      const isReducing = order.direction === 'buy' ? lots < 0 : lots > 0
      const keptLots = isReducing ? Math.min(budgetLots, remainingLots(order)) : 0
      budgetLots -= keptLots
      if (keptLots === remainingLots(order)) continue
      if (keptLots === 0) {
        this.close(order, 'risk_mitigation', nowMs)
        continue
      }
      order.lots = order.filledLots + keptLots
      order.updateMs = nowMs
      this.shrink(order)
    }
  }

  #end(order: Order, reason: CancelReason | null, nowMs: number): void {
    order.state = 'cancelled'
    order.cancelReason = reason
    order.updateMs = nowMs
    this.#parts.orders.close(order)
    this.#announce(order)
  }

  #announce(order: Order): void {
    this.#events.push({ kind: 'order', order: { ...order } })
  }

  #orderOf(orderId: string): Order {
    const order = this.#parts.orders.get(orderId)
    assert(order !== undefined, 'a resting order is in the store')
    return order
  }

  #touch(instrument: Instrument, level: TouchedLevel): void {
    const levels = this.#touched.get(instrument)
    if (levels === undefined) this.#touched.set(instrument, [level])
    else levels.push(level)
  }
}

function isHungry(order: Order): boolean {
  return order.state === 'open' && remainingLots(order) > 0
}

function takerOf(order: Order) {
  const { direction, priceTicks: limitTicks } = order
  return { direction, limitTicks, owner: order.account.name, lots: remainingLots(order) }
}

/** A fill-or-kill order starts only when everything it wants is there. */
function canStart(book: Book, order: Order): boolean {
  if (order.timeInForce !== 'fill_or_kill') return true
  return book.availableLots(takerOf(order)) >= remainingLots(order)
}
