import { createHmac, randomBytes } from 'node:crypto'
import type { z } from 'zod'
import type { Clock } from '@bulkhead/shared/kernel/clock.ts'
import { ok, type Result } from '@bulkhead/shared/kernel/result.ts'
import { askWithin, type Call, createClient, type ExchangeModule } from './client.ts'
import { deribitFaultOf } from './faults.ts'
import { deribitRights, type KeyScope } from './key-rights.core.ts'
import type {
  ImmediateOrder,
  OpenOrderRead,
  Position,
  Quote,
  RestingOrder,
  SafetyVenue,
  SwitchAnswer,
  VenueFault,
} from './ports.ts'
import {
  authReply,
  cancelAllReply,
  cancelOnDisconnectReply,
  cancelReply,
  countdownReply,
  instrumentReply,
  openOrdersReply,
  orderBookReply,
  placedReply,
  positionsReply,
  testReply,
} from './replies.ts'

export type DeribitVenueOptions = {
  /** Base address of the HTTP API; null for the exchange's own. */
  readonly httpUrl: string | null
  readonly clientId: string
  readonly clientSecret: string
  /** Limit of every single call, in milliseconds; 2000 at most. */
  readonly timeoutMs: number
  /** Currencies of the second way to read open orders, and of positions. */
  readonly currencies: readonly string[]
  readonly clock: Clock
}

/** The implicit calls of ccxt that are used: one HTTP request each, nothing before or after it. */
type RawDeribit = {
  readonly publicGetTest: Call
  readonly publicGetAuth: Call
  readonly publicGetGetOrderBook: Call
  readonly publicGetGetInstrument: Call
  readonly privateGetCancelAll: Call
  readonly privateGetCancelAllByInstrument: Call
  readonly privateGetCancel: Call
  readonly privateGetGetOpenOrders: Call
  readonly privateGetGetOpenOrdersByCurrency: Call
  readonly privateGetGetPositions: Call
  readonly privateGetBuy: Call
  readonly privateGetSell: Call
  readonly privateGetGetCancelOnDisconnect: Call
  /** For the paper venue's extension, which ccxt has no name for. */
  request(path: string, api: 'private', method: 'GET', params: object): Promise<unknown>
}

/**
 * Loads ccxt's Deribit class alone, which keeps the plane small, and gives it no rate limiter: on a
 * shared queue a cancel would wait behind whatever was asked before it (deribit.md A3).
 */
export async function openDeribitVenue(options: DeribitVenueOptions): Promise<SafetyVenue> {
  const module: unknown = await import(
    new URL('./src/deribit.js', import.meta.resolve('ccxt')).href
  )
  const keys = { apiKey: options.clientId, secret: options.clientSecret }
  const exchange = createClient(module as ExchangeModule<RawDeribit>, keys, options)
  return new DeribitVenue(exchange, options)
}

class DeribitVenue implements SafetyVenue {
  readonly endpoints = { all: 'get_open_orders', by_part: 'get_open_orders_by_currency' }
  readonly #raw: RawDeribit
  readonly #options: DeribitVenueOptions

  constructor(raw: RawDeribit, options: DeribitVenueOptions) {
    this.#raw = raw
    this.#options = options
  }

  async keepWarm(): Promise<void> {
    await this.#ask(this.#raw.publicGetTest({}), testReply)
  }

  /** Signing in tells the scope; the secret itself does not travel, and the tokens are not kept. */
  async readKeyScope(): Promise<Result<KeyScope, VenueFault>> {
    const { clientId: client_id, clientSecret, clock } = this.#options
    const timestamp = Math.round(clock.wallMs())
    const nonce = randomBytes(12).toString('hex')
    const text = `${timestamp}\n${nonce}\n`
    const signature = createHmac('sha256', clientSecret).update(text).digest('hex')
    const grant_type = 'client_signature'
    const call = this.#raw.publicGetAuth({ grant_type, client_id, timestamp, nonce, signature })
    const reply = await this.#ask(call, authReply)
    if (!reply.ok) return reply
    return ok({ rights: deribitRights(reply.value.scope), shown: reply.value.scope })
  }

  /** The exchange has no countdown; the paper venue has one. */
  async armCancelAllAfter(timeoutMs: number): Promise<Result<SwitchAnswer, VenueFault>> {
    const params = { timeout: timeoutMs }
    const call = this.#raw.request('set_cancel_all_after', 'private', 'GET', params)
    const reply = await this.#ask(call, countdownReply)
    return reply.ok ? ok(reply.value.timeout === timeoutMs ? 'armed' : 'absent') : reply
  }

  async readCancelOnDisconnect(): Promise<Result<SwitchAnswer, VenueFault>> {
    const call = this.#raw.privateGetGetCancelOnDisconnect({ scope: 'account' })
    const reply = await this.#ask(call, cancelOnDisconnectReply)
    return reply.ok ? ok(reply.value.enabled ? 'armed' : 'absent') : reply
  }

  async cancelAll(timeoutMs: number): Promise<Result<number, VenueFault>> {
    return this.#ask(this.#raw.privateGetCancelAll({}), cancelAllReply, timeoutMs)
  }

  async cancelInstrument(
    instrument: string,
    timeoutMs: number,
  ): Promise<Result<number, VenueFault>> {
    const call = this.#raw.privateGetCancelAllByInstrument({ instrument_name: instrument })
    return this.#ask(call, cancelAllReply, timeoutMs)
  }

  async cancelOrder(
    { orderId }: Pick<RestingOrder, 'orderId'>,
    timeoutMs: number,
  ): Promise<Result<number, VenueFault>> {
    const call = this.#raw.privateGetCancel({ order_id: orderId })
    const reply = await this.#ask(call, cancelReply, timeoutMs)
    return reply.ok ? ok(1) : reply
  }

  async readOpenOrders(
    read: OpenOrderRead,
    timeoutMs?: number,
  ): Promise<Result<readonly RestingOrder[], VenueFault>> {
    const calls =
      read === 'all'
        ? [this.#raw.privateGetGetOpenOrders({})]
        : this.#options.currencies.map((currency) =>
            this.#raw.privateGetGetOpenOrdersByCurrency({ currency }),
          )
    const replies = await Promise.all(
      calls.map((call) => this.#ask(call, openOrdersReply, timeoutMs)),
    )
    const orders: RestingOrder[] = []
    for (const reply of replies) {
      if (!reply.ok) return reply
      for (const { order_id, instrument_name, reduce_only } of reply.value) {
        const reduceOnly = reduce_only === true
        orders.push({ orderId: order_id, instrument: instrument_name, reduceOnly })
      }
    }
    return ok(orders)
  }

  async readPositions(): Promise<Result<readonly Position[], VenueFault>> {
    const calls = this.#options.currencies.map((currency) =>
      this.#ask(this.#raw.privateGetGetPositions({ currency }), positionsReply),
    )
    const positions: Position[] = []
    for (const reply of await Promise.all(calls)) {
      if (!reply.ok) return reply
      for (const { instrument_name: instrument, size, direction, delta = null } of reply.value) {
        if (size === 0) continue
        const signed = direction === 'sell' ? -Math.abs(size) : size
        positions.push({ instrument, size: signed, delta, perpetual: perpetualOf(instrument) })
      }
    }
    return ok(positions)
  }

  async readQuote(instrument: string): Promise<Result<Quote, VenueFault>> {
    const instrument_name = instrument
    const [book, details] = await Promise.all([
      this.#ask(this.#raw.publicGetGetOrderBook({ instrument_name, depth: 1 }), orderBookReply),
      this.#ask(this.#raw.publicGetGetInstrument({ instrument_name }), instrumentReply),
    ])
    if (!book.ok) return book
    if (!details.ok) return details
    const steps = (details.value.tick_size_steps ?? []).map((step) => ({
      abovePrice: step.above_price,
      tickSize: step.tick_size,
    }))
    const { kind, instrument_type, tick_size, contract_size, min_trade_amount } = details.value
    return ok({
      bidPrice: book.value.bids[0]?.[0] ?? null,
      askPrice: book.value.asks[0]?.[0] ?? null,
      markPrice: book.value.mark_price ?? null,
      tick: { tickSize: tick_size, steps },
      amountStep: Math.max(contract_size, min_trade_amount),
      amountUnit: kind === 'future' && instrument_type !== 'linear' ? 'usd' : 'coin',
      unitSize: 1,
    })
  }

  async sendReducing(order: ImmediateOrder): Promise<Result<number, VenueFault>> {
    return this.#send(order, { reduce_only: true })
  }

  async sendHedge(order: ImmediateOrder): Promise<Result<number, VenueFault>> {
    const lastMs = Math.round(this.#options.clock.wallMs()) + this.#options.timeoutMs
    return this.#send(order, { valid_until: lastMs })
  }

  async #send(
    order: ImmediateOrder,
    terms: Readonly<Record<string, number | boolean>>,
  ): Promise<Result<number, VenueFault>> {
    const params = {
      ...terms,
      instrument_name: order.instrument,
      amount: order.amount,
      type: 'limit',
      price: order.price,
      time_in_force: 'immediate_or_cancel',
      label: order.label,
    }
    const call =
      order.side === 'buy' ? this.#raw.privateGetBuy(params) : this.#raw.privateGetSell(params)
    const reply = await this.#ask(call, placedReply)
    return reply.ok ? ok(reply.value.order.filled_amount) : reply
  }

  #ask<S extends z.ZodType<{ result: unknown }>>(
    call: Promise<unknown>,
    schema: S,
    timeoutMs = this.#options.timeoutMs,
  ): Promise<Result<z.infer<S>['result'], VenueFault>> {
    const reply = askWithin(call, schema, timeoutMs, deribitFaultOf)
    return reply.then((given) => (given.ok ? ok(given.value.result) : given))
  }
}

/** `BTC-27MAR26-60000-C` is hedged by `BTC-PERPETUAL`, `SOL_USDC-...` by `SOL_USDC-PERPETUAL`. */
function perpetualOf(instrument: string): string | null {
  const dash = instrument.indexOf('-')
  return dash < 1 ? null : `${instrument.slice(0, dash)}-PERPETUAL`
}
