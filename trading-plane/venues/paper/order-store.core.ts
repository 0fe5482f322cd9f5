import type { Account } from './account.core.ts'
import type { Order } from './orders.core.ts'
import type { OwnFill } from './trades.core.ts'

type Shelf = { readonly open: Map<string, Order>; closed: Order[]; fills: OwnFill[] }

/**
 * Orders and fills by account: all open ones, and the newest of the finished ones up to a bound.
 */
export class OrderStore {
  readonly #historyMax: number
  readonly #byId = new Map<string, Order>()
  readonly #shelves = new Map<Account, Shelf>()

  constructor(historyMax: number) {
    this.#historyMax = historyMax
  }

  add(order: Order): void {
    this.#byId.set(order.orderId, order)
    this.#shelf(order.account).open.set(order.orderId, order)
  }

  /** Moves an order that is no longer open to the history, dropping the oldest beyond the bound. */
  close(order: Order): void {
    const shelf = this.#shelf(order.account)
    if (!shelf.open.delete(order.orderId)) return
    shelf.closed.push(order)
    const dropped = shelf.closed.length > this.#historyMax ? shelf.closed.shift() : undefined
    if (dropped !== undefined) this.#byId.delete(dropped.orderId)
  }

  recordFill(fill: OwnFill): void {
    const { fills } = this.#shelf(fill.order.account)
    fills.push(fill)
    if (fills.length > this.#historyMax) fills.shift()
  }

  get(orderId: string): Order | undefined {
    return this.#byId.get(orderId)
  }

  /** Open orders, oldest first. */
  open(account: Account): readonly Order[] {
    return [...this.#shelf(account).open.values()]
  }

  openCount(account: Account): number {
    return this.#shelf(account).open.size
  }

  /** Finished orders, oldest first. */
  closed(account: Account): readonly Order[] {
    return this.#shelf(account).closed
  }

  /** The account's fills, oldest first. */
  fills(account: Account): readonly OwnFill[] {
    return this.#shelf(account).fills
  }

  #shelf(account: Account): Shelf {
    const shelf = this.#shelves.get(account)
    if (shelf !== undefined) return shelf
    const created: Shelf = { open: new Map(), closed: [], fills: [] }
    this.#shelves.set(account, created)
    return created
  }
}
