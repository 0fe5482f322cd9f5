import type {
  AccountSummary,
  CancelOrder,
  CancelOutcome,
  ClockSample,
  ExchangeHealth,
  InstrumentInfo,
  OrderOutcome,
  PlaceOrder,
  Ticker,
  TradingVenue,
  VenueEvents,
  VenueOrder,
  VenuePosition,
  VenueRateLimit,
  VenueRead,
  VenueTrade,
} from '@bulkhead/trading-plane/venues/port.ts'
import { perpetual } from '../unit/trading-plane/engine/harness.ts'
import type { Plant } from './plants.ts'
import type { Venue } from './venue.ts'
import type { World } from './world.ts'

const timeOutMs = 2_000
const reconnectMs = 500

type Pending = { readonly onReply: (value: unknown) => void; readonly onDoubt: () => void }
type Connection = { readonly number: number; isUp: boolean; toVenueMs: number; toDeskMs: number }

/**
 * The desk's client over a network that delays, stalls and breaks. What was sent before a break may
 * still arrive; a reply that comes too late, or from a session that is over, is dropped.
 */
export class Client implements TradingVenue {
  readonly name = 'simulated'
  readonly #world: World
  readonly #venue: Venue
  readonly #isAlive: () => boolean
  readonly #plant: Plant | null
  readonly #pending = new Map<number, Pending>()
  #events: VenueEvents | null = null
  #connection: Connection | null = null
  #requests = 0
  #offsetMs: number | null = null

  constructor(world: World, venue: Venue, isAlive: () => boolean, plant: Plant | null) {
    this.#world = world
    this.#venue = venue
    this.#isAlive = isAlive
    this.#plant = plant
  }

  get isReady(): boolean {
    return this.#connection !== null
  }

  start(events: VenueEvents): void {
    this.#events = events
    this.#connect()
  }

  stop(): Promise<void> {
    this.break('left')
    return Promise.resolve()
  }

  estimatedServerMs(): number | null {
    return this.#offsetMs === null ? null : this.#world.nowMs + this.#offsetMs
  }

  /** The connection is gone: at once for us, a moment later for the venue. */
  break(detail: string): void {
    const connection = this.#connection
    if (connection === null) return
    this.#connection = null
    connection.isUp = false
    const seenMs = Math.max(connection.toVenueMs, this.#world.nowMs + this.#world.between(1, 80))
    this.#world.after(seenMs - this.#world.nowMs, () => this.#venue.end(connection.number))
    const pending = [...this.#pending.values()]
    this.#pending.clear()
    for (const { onDoubt } of pending) onDoubt()
    if (!this.#isAlive()) return
    this.#events?.onLost(detail)
    this.#later(reconnectMs, () => this.#connect())
  }

  place(order: PlaceOrder): Promise<OrderOutcome> {
    const sent = this.#change((session) => this.#venue.place(order, session))
    if (this.#plant !== 'repeated-on-time-out') return sent
    return sent.then((outcome) => (outcome.kind === 'ambiguous' ? this.place(order) : outcome))
  }

  cancel(cancel: CancelOrder): Promise<CancelOutcome> {
    return this.#change(() => this.#venue.cancel(cancel))
  }

  instruments(): Promise<VenueRead<readonly InstrumentInfo[]>> {
    return this.#read(() => [perpetual])
  }

  openOrders(): Promise<VenueRead<readonly VenueOrder[]>> {
    return this.#read(() => this.#venue.openOrders())
  }

  ordersByLabel(label: string): Promise<VenueRead<readonly VenueOrder[]>> {
    return this.#read(() => this.#venue.ordersByLabel(label))
  }

  positions(): Promise<VenueRead<readonly VenuePosition[]>> {
    return this.#read(() => this.#venue.positions())
  }

  accountSummaries(): Promise<VenueRead<readonly AccountSummary[]>> {
    const calm = { currency: 'BTC', equity: 10, maintenanceMargin: 1, initialMargin: 2 }
    return this.#read(() => [calm])
  }

  ticker(): Promise<VenueRead<Ticker>> {
    return this.#read(() => {
      const { bid, ask } = this.#venue.best
      return { bestBid: bid, bestAsk: ask, venueMs: this.#venue.serverMs }
    })
  }

  exchangeHealth(): Promise<VenueRead<ExchangeHealth>> {
    return this.#read(() => ({ isLocked: false, maintenance: [] }))
  }

  rateLimit(): Promise<VenueRead<VenueRateLimit>> {
    return this.#read(() => ({ rate: 1_000, burst: 1_000, questionsRate: null }))
  }

  tradesSince(sinceMs: number): Promise<VenueRead<readonly VenueTrade[]>> {
    return this.#read(() => this.#venue.tradesSince(sinceMs))
  }

  async sampleClock(): Promise<VenueRead<ClockSample>> {
    const askedTickMs = this.#world.nowMs
    const read = await this.#read(() => this.#venue.serverMs)
    if (!read.ok) return read
    const observedTickMs = this.#world.nowMs
    const roundTripMs = observedTickMs - askedTickMs
    const offsetMs = read.value - (observedTickMs - roundTripMs / 2)
    return { ok: true, value: { offsetMs, roundTripMs, observedTickMs } }
  }

  #connect(): void {
    this.#requests = 0
    const { nowMs } = this.#world
    const number = this.#venue.newSession()
    const connection = { number, isUp: true, toVenueMs: nowMs, toDeskMs: nowMs }
    this.#connection = connection
    this.#venue.begin(number, {
      onOrders: (orders) => this.#toDesk(connection, () => this.#events?.onOrders(orders)),
      onTrades: (trades) => this.#toDesk(connection, () => this.#events?.onTrades(trades)),
    })
    this.#later(this.#delayMs(), () => {
      if (connection.isUp) this.#events?.onReady({ cancelOnDisconnect: 'armed' })
    })
  }

  async #change<T>(act: (session: number) => T) {
    if (this.#connection === null) return { kind: 'not_sent' as const, detail: 'no connection' }
    const asked = await this.#ask(act)
    return asked.ok ? asked.value : { kind: 'ambiguous' as const, detail: asked.detail }
  }

  async #read<T>(act: () => T): Promise<VenueRead<T>> {
    if (this.#connection === null) return { ok: false, detail: 'no connection' }
    return this.#ask(act)
  }

  #ask<T>(act: (session: number) => T): Promise<VenueRead<T>> {
    const connection = this.#connection as Connection
    this.#requests += 1
    const id = this.#requests
    return new Promise((resolve) => {
      const sentMs = this.#world.nowMs
      const ended = (isTimeout: boolean) => {
        this.#events?.onCallEnded({ durationMs: this.#world.nowMs - sentMs, isTimeout })
      }
      const onDoubt = () => {
        if (this.#isAlive()) ended(true)
        resolve({ ok: false, detail: 'no reply' })
      }
      const onReply = (value: unknown) => {
        ended(false)
        resolve({ ok: true, value: value as T })
      }
      const pending = { onDoubt, onReply }
      this.#pending.set(id, pending)
      this.#later(timeOutMs, () => {
        if (this.#pending.get(id) !== pending) return
        this.#pending.delete(id)
        onDoubt()
      })
      this.#toVenue(connection, () => {
        const value = act(connection.number)
        const { serverMs } = this.#venue
        this.#toDesk(connection, () => {
          // Every reply carries the venue's clock.
          this.#offsetMs = serverMs - this.#world.nowMs
          this.#pending.get(id)?.onReply(value)
          this.#pending.delete(id)
        })
      })
    })
  }

  /** In order, and what was sent before a break or a death may arrive after it. */
  #toVenue(connection: Connection, act: () => void): void {
    if (!this.#world.isCalm && this.#world.chance(0.01)) {
      this.#later(this.#world.between(0, 30), () => {
        if (connection.isUp) this.break('broke with something in flight')
      })
    }
    connection.toVenueMs = Math.max(connection.toVenueMs, this.#world.nowMs + this.#delayMs())
    const isLost = () => !connection.isUp && this.#world.chance(0.5)
    this.#world.after(connection.toVenueMs - this.#world.nowMs, () => {
      if (!isLost()) act()
    })
  }

  #toDesk(connection: Connection, act: () => void): void {
    connection.toDeskMs = Math.max(connection.toDeskMs, this.#world.nowMs + this.#delayMs())
    this.#later(connection.toDeskMs - this.#world.nowMs, () => {
      if (connection.isUp) act()
      else if (this.#plant === 'session-unchecked') this.#later(reconnectMs + this.#delayMs(), act)
    })
  }

  #delayMs(): number {
    const isStalled = !this.#world.isCalm && this.#world.chance(0.01)
    return isStalled ? this.#world.between(200, 3_000) : this.#world.between(1, 15)
  }

  #later(delayMs: number, act: () => void): void {
    this.#world.after(delayMs, () => {
      if (this.#isAlive()) act()
    })
  }
}
