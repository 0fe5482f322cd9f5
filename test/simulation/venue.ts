import type {
  CancelOrder,
  CancelOutcome,
  OrderOutcome,
  PlaceOrder,
  Side,
  VenueOrder,
  VenuePosition,
  VenueTrade,
} from '@bulkhead/trading-plane/venues/port.ts'
import type { World } from './world.ts'

export const instrument = 'BTC-PERPETUAL'
const tickMs = 50
const priceStep = 0.5
const amountStep = 10

/** What a session hears without having asked. */
export type VenueNews = {
  readonly onOrders: (orders: readonly VenueOrder[]) => void
  readonly onTrades: (trades: readonly VenueTrade[]) => void
}

type Order = {
  readonly id: string
  readonly label: string
  readonly side: Side
  readonly price: number
  readonly amount: number
  readonly reduceOnly: boolean
  readonly session: number
  readonly createdMs: number
  filled: number
  state: VenueOrder['state']
}

/**
 * The exchange: it keeps orders, matches them against a price that walks, forgets nothing, and
 * does not care whether it was sent the same order twice.
 */
export class Venue {
  readonly #world: World
  readonly #skewMs: number
  readonly #orders: Order[] = []
  readonly #trades: VenueTrade[] = []
  readonly #sessions = new Map<number, VenueNews>()
  readonly #onPlace: (order: PlaceOrder) => void
  #mid = 60_000
  #position = 0
  #lastSession = 0

  /** @param onPlace told every order that arrives, before it is looked at */
  constructor(world: World, onPlace: (order: PlaceOrder) => void) {
    this.#world = world
    this.#onPlace = onPlace
    this.#skewMs = world.between(-20, 20)
    this.#walk()
  }

  get serverMs(): number {
    return Math.floor(this.#world.clock.wallMs() + this.#skewMs)
  }

  get best(): { readonly bid: number; readonly ask: number } {
    return { bid: this.#mid - priceStep, ask: this.#mid + priceStep }
  }

  get position(): number {
    return this.#position
  }

  get openLabels(): string[] {
    return this.#orders.filter(isOpen).map(({ label }) => label)
  }

  get tradeIds(): string[] {
    return this.#trades.map(({ tradeId }) => tradeId)
  }

  newSession(): number {
    this.#lastSession += 1
    return this.#lastSession
  }

  begin(session: number, news: VenueNews): void {
    this.#sessions.set(session, news)
  }

  /** Cancel on disconnect. */
  end(session: number): void {
    this.#sessions.delete(session)
    for (const order of this.#orders) {
      if (order.session === session && isOpen(order)) this.#close(order, 'cancelled')
    }
  }

  place(order: PlaceOrder, session: number): OrderOutcome {
    this.#onPlace(order)
    if (order.validUntilMs < this.serverMs) return rejected(11_050, 'request_expired')
    const amount = Number(order.amount)
    if (order.reduceOnly && !this.#reduces(order.side, amount)) {
      return rejected(11_030, 'reduce_only')
    }
    const resting: Order = {
      id: `order-${this.#orders.length + 1}`,
      label: order.label,
      side: order.side,
      price: Number(order.price),
      amount,
      reduceOnly: order.reduceOnly,
      session,
      createdMs: this.serverMs,
      filled: 0,
      state: 'open',
    }
    this.#orders.push(resting)
    const trades = this.#crosses(resting) ? [this.#fill(resting, this.#part(resting))] : []
    // In the reply, and perhaps in the news as well.
    if (trades.length > 0 && this.#world.chance(0.5)) {
      for (const { onTrades } of this.#sessions.values()) onTrades(trades)
    }
    if (order.timeInForce === 'immediate_or_cancel' && isOpen(resting)) resting.state = 'cancelled'
    return { kind: 'accepted', order: told(resting), trades }
  }

  cancel({ venueOrderId, label }: CancelOrder): CancelOutcome {
    const found = this.#orders.find(
      (order) => isOpen(order) && (order.id === venueOrderId || order.label === label),
    )
    if (found === undefined) return rejected(11_044, 'not_open_order')
    this.#close(found, 'cancelled')
    return { kind: 'accepted', order: told(found) }
  }

  openOrders(): VenueOrder[] {
    return this.#orders.filter(isOpen).map(told)
  }

  ordersByLabel(label: string): VenueOrder[] {
    return this.#orders.filter((order) => order.label === label).map(told)
  }

  tradesSince(sinceMs: number): VenueTrade[] {
    return this.#trades.filter(({ venueMs }) => venueMs >= sinceMs)
  }

  positions(): VenuePosition[] {
    const size = this.#position
    return [{ instrument, size, averagePrice: this.#mid, markPrice: this.#mid }]
  }

  #walk(): void {
    this.#world.after(tickMs, () => {
      if (this.#world.isCalm) return
      this.#mid += priceStep * Math.round(this.#world.between(-3, 3))
      for (const order of this.#orders) {
        if (isOpen(order) && this.#crosses(order)) this.#match(order)
      }
      this.#walk()
    })
  }

  #match(order: Order): void {
    if (order.reduceOnly && !this.#reduces(order.side, order.amount - order.filled)) {
      this.#close(order, 'cancelled')
      return
    }
    const trade = this.#fill(order, this.#part(order))
    // Orders before trades or after them, or a trade that nobody is told of: nothing is promised.
    const isTradeTold = this.#world.chance(0.95)
    const isTradeFirst = this.#world.chance(0.5)
    for (const { onOrders, onTrades } of this.#sessions.values()) {
      if (isTradeTold && isTradeFirst) onTrades([trade])
      onOrders([told(order)])
      if (isTradeTold && !isTradeFirst) onTrades([trade])
    }
  }

  #part(order: Order): number {
    const left = (order.amount - order.filled) / amountStep
    return amountStep * (this.#world.chance(0.5) ? left : Math.ceil(left * this.#world.random()))
  }

  #fill(order: Order, amount: number): VenueTrade {
    order.filled += amount
    if (order.filled >= order.amount) order.state = 'filled'
    this.#position += order.side === 'buy' ? amount : -amount
    const trade: VenueTrade = {
      tradeId: `trade-${this.#trades.length + 1}`,
      venueOrderId: order.id,
      label: order.label,
      instrument,
      side: order.side,
      amount,
      price: order.price,
      fee: 0.000_001,
      feeCurrency: 'BTC',
      venueMs: this.serverMs,
    }
    this.#trades.push(trade)
    return trade
  }

  #close(order: Order, state: 'cancelled'): void {
    order.state = state
    for (const { onOrders } of this.#sessions.values()) onOrders([told(order)])
  }

  #crosses({ side, price }: Order): boolean {
    return side === 'buy' ? price >= this.best.ask : price <= this.best.bid
  }

  #reduces(side: Side, amount: number): boolean {
    return side === 'buy' ? this.#position <= -amount : this.#position >= amount
  }
}

const isOpen = ({ state }: Order) => state === 'open'

const rejected = (code: number, message: string) => ({ kind: 'rejected' as const, code, message })

function told(order: Order): VenueOrder {
  return {
    venueOrderId: order.id,
    label: order.label,
    instrument,
    side: order.side,
    price: order.price,
    amount: order.amount,
    filledAmount: order.filled,
    reduceOnly: order.reduceOnly,
    state: order.state,
    createdMs: order.createdMs,
    cancelReason: '',
  }
}
