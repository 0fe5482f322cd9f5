import { createHmac, randomBytes } from 'node:crypto'
import type { z } from 'zod'
import { failpoint } from '../../failpoints/failpoint.ts'
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
} from '../port.ts'
import { Connection, type ConnectionOptions } from './connection.ts'
import { classifyError, mayMeanInstrumentGone, TOO_MANY_REQUESTS } from './errors.ts'
import {
  accountSummariesSchema,
  bestPricesSchema,
  announcementsSchema,
  cancelOnDisconnectSchema,
  changesSchema,
  instrumentsSchema,
  orderNewsSchema,
  ordersSchema,
  orderSchema,
  placeResultSchema,
  platformSchema,
  positionsSchema,
  rateLimitSchema,
  serverTimeSchema,
  tradesPageSchema,
  tradesSchema,
} from './parse.ts'
import type { RpcReply, RpcSocket } from './rpc-socket.ts'
import { clockSample } from './server-clock.core.ts'

export type DeribitClientOptions = ConnectionOptions & {
  readonly clientId: string
  readonly clientSecret: string
  readonly currencies: readonly string[]
}

const setUpMs = 3_000
const orderMs = 3_000
const readMs = 5_000
const instrumentsMs = 10_000
const clockMs = 2_000
const tickerMs = 1_000
/** Trades per page and pages per read; an account with more since `sinceMs` is read again later. */
const tradesPerPage = 1_000
const tradePagesMax = 20
/** Beyond it Deribit answers only with `historical` (trades are kept a day without). */
const recentTradesMs = 23 * 3_600_000

const privateChannels = [
  'user.orders.any.any.raw',
  'user.trades.any.any.raw',
  'user.changes.any.any.raw',
]

/**
 * The private side of Deribit over one WebSocket: orders go out on the very connection whose loss
 * cancels them (design 5.6), and every reply is classed before anybody acts on it (design 6.4).
 */
export class DeribitClient implements TradingVenue {
  readonly name = 'deribit'
  readonly #options: DeribitClientOptions
  readonly #connection: Connection
  #events: VenueEvents | null = null
  #ready: RpcSocket | null = null

  constructor(options: DeribitClientOptions) {
    this.#options = options
    this.#connection = new Connection(options, {
      onOpen: (socket) => this.#setUp(socket),
      onLost: (detail) => {
        this.#ready = null
        this.#events?.onLost(detail)
      },
      onSubscription: (channel, data) => this.#subscribed(channel, data),
      onCallEnded: (durationMs, isTimeout) => this.#events?.onCallEnded({ durationMs, isTimeout }),
    })
  }

  get isReady(): boolean {
    return this.#ready !== null
  }

  /** Messages that could not be understood, since the start. */
  get malformedCount(): number {
    return this.#connection.malformedCount
  }

  start(events: VenueEvents): void {
    this.#events = events
    this.#connection.start()
  }

  stop(): Promise<void> {
    this.#connection.stop()
    return Promise.resolve()
  }

  estimatedServerMs(): number | null {
    return this.#ready?.estimatedServerMs() ?? null
  }

  /** A single question answered by the venue's clock, not by the best of past answers. */
  async sampleClock(): Promise<VenueRead<ClockSample>> {
    const { clock } = this.#options
    const sentTickMs = clock.monotonicMs()
    const read = await this.#read('public/get_time', {}, serverTimeSchema, clockMs)
    if (!read.ok) return read
    return { ok: true, value: clockSample(sentTickMs, clock.monotonicMs(), read.value) }
  }

  async place(order: PlaceOrder): Promise<OrderOutcome> {
    const answer = this.#call(`private/${order.side}`, placeParams(order), orderMs)
    failpoint('order-written')
    const reply = await answer
    failpoint('order-answered')
    if (reply.kind === 'lost') return lostOutcome(reply)
    if (reply.kind === 'error') return this.#errorOutcome(reply)
    const parsed = placeResultSchema.safeParse(reply.value)
    if (!parsed.success) {
      this.#connection.malformed('order reply')
      return { kind: 'ambiguous', detail: 'the reply could not be understood' }
    }
    return { kind: 'accepted', ...parsed.data }
  }

  async cancel({ label, currency, venueOrderId }: CancelOrder): Promise<CancelOutcome> {
    const answer =
      venueOrderId === null
        ? this.#call('private/cancel_by_label', { label, currency }, orderMs)
        : this.#call('private/cancel', { order_id: venueOrderId }, orderMs)
    failpoint('cancel-written')
    const reply = await answer
    failpoint('cancel-answered')
    if (reply.kind === 'lost') return lostOutcome(reply)
    if (reply.kind === 'error') return this.#errorOutcome(reply)
    const order = orderSchema.safeParse(reply.value)
    return { kind: 'accepted', order: order.success ? order.data : null }
  }

  async instruments(): Promise<VenueRead<readonly InstrumentInfo[]>> {
    const all: InstrumentInfo[] = []
    for (const currency of this.#options.currencies) {
      const params = { currency, expired: false }
      const read = await this.#read(
        'public/get_instruments',
        params,
        instrumentsSchema,
        instrumentsMs,
      )
      if (!read.ok) return read
      all.push(...read.value)
    }
    return { ok: true, value: all }
  }

  async openOrders(): Promise<VenueRead<readonly VenueOrder[]>> {
    return this.#read('private/get_open_orders', {}, ordersSchema)
  }

  async ordersByLabel(label: string, currency: string): Promise<VenueRead<readonly VenueOrder[]>> {
    const params = { label, currency }
    return this.#read('private/get_order_state_by_label', params, ordersSchema)
  }

  async ticker(instrument: string): Promise<VenueRead<Ticker>> {
    return this.#read('public/ticker', { instrument_name: instrument }, bestPricesSchema, tickerMs)
  }

  async positions(): Promise<VenueRead<readonly VenuePosition[]>> {
    return this.#read('private/get_positions', { currency: 'any' }, positionsSchema)
  }

  async accountSummaries(): Promise<VenueRead<readonly AccountSummary[]>> {
    return this.#read('private/get_account_summaries', {}, accountSummariesSchema)
  }

  async rateLimit(): Promise<VenueRead<VenueRateLimit>> {
    const [currency] = this.#options.currencies
    const params = { currency, extended: true }
    return this.#read('private/get_account_summary', params, rateLimitSchema)
  }

  /** Announcements of the last weeks, newest first, and whether the platform is locked now. */
  async exchangeHealth(): Promise<VenueRead<ExchangeHealth>> {
    const params = { count: 50 }
    const announced = await this.#read('public/get_announcements', params, announcementsSchema)
    if (!announced.ok) return announced
    const platform = await this.#read('public/status', {}, platformSchema)
    if (!platform.ok) return platform
    const { locked, locked_indices: indices } = platform.value
    const isOurs = (index: string) =>
      this.#options.currencies.some((code) => index.startsWith(`${code.toLowerCase()}_`))
    const isLocked =
      locked === 'partial' ? indices.length === 0 || indices.some(isOurs) : `${locked}` === 'true'
    return { ok: true, value: { isLocked, maintenance: announced.value } }
  }

  async tradesSince(sinceMs: number): Promise<VenueRead<readonly VenueTrade[]>> {
    const all: VenueTrade[] = []
    for (const currency of this.#options.currencies) {
      const read = await this.#tradesOf(currency, sinceMs)
      if (!read.ok) return read
      all.push(...read.value)
    }
    return { ok: true, value: all }
  }

  async #tradesOf(currency: string, sinceMs: number): Promise<VenueRead<VenueTrade[]>> {
    const trades: VenueTrade[] = []
    let startMs = sinceMs
    for (let page = 0; page < tradePagesMax; page += 1) {
      const nowMs = this.estimatedServerMs() ?? this.#options.clock.wallMs()
      const params = {
        currency,
        start_timestamp: Math.floor(startMs),
        end_timestamp: Math.ceil(nowMs) + 60_000,
        count: tradesPerPage,
        sorting: 'asc',
        ...(nowMs - startMs > recentTradesMs ? { historical: true } : {}),
      }
      const method = 'private/get_user_trades_by_currency_and_time'
      const read = await this.#read(method, params, tradesPageSchema)
      if (!read.ok) return read
      trades.push(...read.value.trades)
      const last = read.value.trades.at(-1)
      if (!read.value.has_more || last === undefined) return { ok: true, value: trades }
      startMs = last.venueMs
    }
    return { ok: false, detail: 'more trades than one read may bring' }
  }

  /**
   * Signs in, arms cancel-on-disconnect, reads it back, and listens; ready only after all of it.
   */
  async #setUp(socket: RpcSocket): Promise<boolean> {
    const signedIn = await socket.call('public/auth', this.#signature(), setUpMs)
    if (signedIn.kind !== 'result') return this.#refused('sign-in', signedIn)
    failpoint('session-signed-in')
    // The account's default can be read from outside, by the safety plane; this one's cannot.
    const asDefault = { scope: 'account' }
    const wide = await socket.call('private/enable_cancel_on_disconnect', asDefault, setUpMs)
    if (wide.kind !== 'result') this.#refused('cancel-on-disconnect as the default', wide)
    const scope = { scope: 'connection' }
    const armed = await socket.call('private/enable_cancel_on_disconnect', scope, setUpMs)
    if (armed.kind !== 'result') return this.#refused('cancel-on-disconnect', armed)
    const shown = await socket.call('private/get_cancel_on_disconnect', scope, setUpMs)
    if (shown.kind !== 'result') return this.#refused('cancel-on-disconnect read-back', shown)
    failpoint('session-armed')
    const readBack = cancelOnDisconnectSchema.safeParse(shown.value)
    const channels = { channels: privateChannels }
    const subscribed = await socket.call('private/subscribe', channels, setUpMs)
    if (subscribed.kind !== 'result') return this.#refused('subscription', subscribed)
    if (!socket.isOpen) return false
    this.#ready = socket
    const isArmed = readBack.success && readBack.data.enabled
    this.#events?.onReady({ cancelOnDisconnect: isArmed ? 'armed' : 'absent' })
    return true
  }

  #refused(what: string, reply: RpcReply): false {
    this.#options.log.warn({ what, reply }, 'the venue refused the session')
    return false
  }

  /** HMAC-SHA256 over timestamp, nonce and (empty) data: the secret itself never travels. */
  #signature(): Record<string, unknown> {
    const { clientId, clientSecret, clock } = this.#options
    const timestamp = Math.round(clock.wallMs())
    const nonce = randomBytes(12).toString('hex')
    const text = `${timestamp}\n${nonce}\n`
    const signature = createHmac('sha256', clientSecret).update(text).digest('hex')
    return {
      grant_type: 'client_signature',
      client_id: clientId,
      timestamp,
      nonce,
      data: '',
      signature,
    }
  }

  #subscribed(channel: string, data: unknown): void {
    if (channel.startsWith('user.orders.')) {
      const orders = this.#understood('user.orders', orderNewsSchema, data)
      if (orders !== undefined) this.#events?.onOrders(orders)
    } else if (channel.startsWith('user.trades.')) {
      const trades = this.#understood('user.trades', tradesSchema, data)
      if (trades !== undefined) this.#events?.onTrades(trades)
    } else if (channel.startsWith('user.changes.')) {
      const changes = this.#understood('user.changes', changesSchema, data)
      if (changes === undefined) return
      this.#events?.onTrades(changes.trades)
      this.#events?.onOrders(changes.orders)
      this.#events?.onPositions(changes.positions)
    } else {
      this.#connection.malformed('unknown channel')
    }
  }

  #understood<T>(kind: string, schema: z.ZodType<T>, data: unknown): T | undefined {
    const parsed = schema.safeParse(data)
    if (parsed.success) return parsed.data
    this.#connection.malformed(kind)
    return undefined
  }

  #call(method: string, params: Record<string, unknown>, timeoutMs: number): Promise<RpcReply> {
    const socket = this.#ready
    if (socket !== null) return socket.call(method, params, timeoutMs)
    return Promise.resolve({ kind: 'lost', wasSent: false, detail: 'no session' })
  }

  async #read<T>(
    method: string,
    params: Record<string, unknown>,
    schema: z.ZodType<T>,
    timeoutMs = readMs,
  ): Promise<VenueRead<T>> {
    const reply = await this.#call(method, params, timeoutMs)
    if (reply.kind === 'lost') return { ok: false, detail: `${method}: ${reply.detail}` }
    if (reply.kind === 'error') {
      if (reply.code === TOO_MANY_REQUESTS) this.#refusedForNumber()
      return { ok: false, detail: `${method}: ${reply.code} ${reply.message}` }
    }
    const parsed = schema.safeParse(reply.value)
    if (parsed.success) return { ok: true, value: parsed.data }
    this.#connection.malformed(method)
    return { ok: false, detail: `${method}: the reply could not be understood` }
  }

  /** The session is as good as over: a new one is begun after a pause, whoever ends this one. */
  #refusedForNumber(): void {
    this.#events?.onTooManyRequests()
    this.#connection.restart('too many requests')
  }

  #errorOutcome(reply: Extract<RpcReply, { kind: 'error' }>) {
    const { code, message } = reply
    if (code === TOO_MANY_REQUESTS) this.#refusedForNumber()
    if (classifyError(code) === 'AMBIGUOUS') {
      return { kind: 'ambiguous' as const, detail: `${code} ${message}` }
    }
    const isGone = mayMeanInstrumentGone(code)
    const rejected = { kind: 'rejected' as const, code, message }
    return isGone ? { ...rejected, mayMeanInstrumentGone: true as const } : rejected
  }
}

function lostOutcome({ wasSent, detail }: Extract<RpcReply, { kind: 'lost' }>) {
  return { kind: wasSent ? ('ambiguous' as const) : ('not_sent' as const), detail }
}

function placeParams(order: PlaceOrder): Record<string, unknown> {
  return {
    instrument_name: order.instrument,
    amount: Number(order.amount),
    type: 'limit',
    price: Number(order.price),
    label: order.label,
    time_in_force: order.timeInForce,
    reduce_only: order.reduceOnly,
    valid_until: order.validUntilMs,
    ...(order.postOnly ? { post_only: true, reject_post_only: true } : {}),
  }
}
