import { z } from 'zod'
import { fail, ok, type Result } from '@bulkhead/shared/kernel/result.ts'
import { allOk, askWithin, type Call, createClient, type ExchangeModule } from './client.ts'
import { binanceFaultOf } from './faults.ts'
import { binanceRights, type KeyScope } from './key-rights.core.ts'
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

export type BinanceVenueOptions = {
  readonly httpUrl: string | null
  readonly clientId: string
  readonly clientSecret: string
  readonly timeoutMs: number
  /** Symbols that the desk trades: what cancels reach even when nothing can be read. */
  readonly symbols: readonly string[]
}

type RawBinance = {
  readonly fapiPublicGetExchangeInfo: Call
  readonly fapiPublicGetTickerBookTicker: Call
  readonly fapiPrivateGetOpenOrders: Call
  readonly fapiPrivateGetOpenAlgoOrders: Call
  readonly fapiPrivateDeleteAllOpenOrders: Call
  readonly fapiPrivateDeleteAlgoOpenOrders: Call
  readonly fapiPrivateDeleteOrder: Call
  readonly fapiPrivateDeleteAlgoOrder: Call
  readonly fapiPrivateV3GetPositionRisk: Call
  readonly fapiPrivatePostOrder: Call
  readonly sapiGetAccountApiRestrictions: Call
  readonly fapiPrivatePostCountdownCancelAll: Call
}

const symbol = z.string().min(1).max(64)
const amount = z.string().regex(/^-?\d/).transform(Number).pipe(z.number())
const flag = z.union([z.boolean(), z.string()]).transform((given) => String(given) === 'true')
/** ccxt parses large numbers as text, so both are accepted. */
const id = z.union([z.string().min(1), z.number()]).transform(String)
const openReply = z.array(z.object({ orderId: id, symbol, reduceOnly: flag })).max(10_000)
const algoReply = z.array(z.object({ algoId: id, symbol, reduceOnly: flag })).max(10_000)
const cancelledReply = z.object({ code: z.union([z.literal(200), z.literal('200')]) })
const goneReply = z.object({ orderId: id })
const goneAlgoReply = z.object({ algoId: id })
const positionsReply = z
  .array(z.object({ symbol, positionAmt: amount, positionSide: z.enum(['BOTH', 'LONG', 'SHORT']) }))
  .max(10_000)
const quoteReply = z.object({ bidPrice: amount, askPrice: amount })
const restrictionsReply = z.object({
  enableReading: z.boolean(),
  enableFutures: z.boolean(),
  enableWithdrawals: z.boolean(),
  enableInternalTransfer: z.boolean(),
  permitsUniversalTransfer: z.boolean(),
})
const countdownReply = z.object({ symbol, countdownTime: amount })
const placedReply = z.object({ orderId: id, executedQty: amount })
const infoReply = z.object({
  symbols: z
    .array(
      z.object({
        symbol,
        filters: z.array(
          z.object({
            filterType: z.string(),
            tickSize: amount.optional(),
            stepSize: amount.optional(),
          }),
        ),
      }),
    )
    .max(10_000),
})

/** Symbols whose orders one pass cancels. */
const symbolsMax = 40
const algoPrefix = 'algo:'
/** Contract data changes rarely, and asking costs little. */
const infoAgeMsMax = 3_600_000

export async function openBinanceVenue(options: BinanceVenueOptions): Promise<SafetyVenue> {
  const url = new URL('./src/binanceusdm.js', import.meta.resolve('ccxt')).href
  const module: unknown = await import(url)
  const keys = { apiKey: options.clientId, secret: options.clientSecret }
  return new BinanceVenue(
    createClient(module as ExchangeModule<RawBinance>, keys, options),
    options,
  )
}

type Grid = { readonly tickSize: number; readonly amountStep: number }

/**
 * Binance USDⓈ-M by raw calls. It cancels one symbol at a time, plain and conditional orders
 * apart, so every symbol that is known from configuration, orders or positions is cancelled.
 */
class BinanceVenue implements SafetyVenue {
  readonly endpoints = { all: 'openOrders', by_part: 'openOrders by symbol, openAlgoOrders' }
  readonly #raw: RawBinance
  readonly #options: BinanceVenueOptions
  #grids: ReadonlyMap<string, Grid> = new Map()
  #gridsLoadedMs = Number.NEGATIVE_INFINITY
  /** Symbols in which something was seen, beside the configured ones. */
  #seen: readonly string[] = []
  #isDual = false

  constructor(raw: RawBinance, options: BinanceVenueOptions) {
    this.#raw = raw
    this.#options = options
  }

  async keepWarm(): Promise<void> {
    if (performance.now() - this.#gridsLoadedMs < infoAgeMsMax) {
      const [first = 'BTCUSDT'] = this.#options.symbols
      await this.#ask(this.#raw.fapiPublicGetTickerBookTicker({ symbol: first }), quoteReply)
      return
    }
    const info = await this.#ask(this.#raw.fapiPublicGetExchangeInfo({}), infoReply)
    if (!info.ok) return
    this.#gridsLoadedMs = performance.now()
    this.#grids = new Map(
      info.value.symbols.map(({ symbol: name, filters }) => {
        const tickSize = filters.find(({ filterType }) => filterType === 'PRICE_FILTER')?.tickSize
        const amountStep = filters.find(({ filterType }) => filterType === 'LOT_SIZE')?.stepSize
        return [name, { tickSize: tickSize ?? 0, amountStep: amountStep ?? 0 }]
      }),
    )
  }

  async readKeyScope(): Promise<Result<KeyScope, VenueFault>> {
    const reply = await this.#ask(this.#raw.sapiGetAccountApiRestrictions({}), restrictionsReply)
    if (!reply.ok) return reply
    const given = Object.entries(reply.value).filter(([, isOn]) => isOn)
    const shown = given.map(([name]) => name).join(' ')
    return ok({ rights: binanceRights(reply.value), shown })
  }

  /** One countdown per symbol: armed only when all of them are. */
  async armCancelAllAfter(timeoutMs: number): Promise<Result<SwitchAnswer, VenueFault>> {
    const armed = await allOk(
      this.#symbols(this.#seen).map((name) =>
        this.#ask(
          this.#raw.fapiPrivatePostCountdownCancelAll({ symbol: name, countdownTime: timeoutMs }),
          countdownReply,
        ),
      ),
    )
    if (!armed.ok) return armed
    return ok(armed.value.every((one) => one.countdownTime === timeoutMs) ? 'armed' : 'absent')
  }

  readCancelOnDisconnect(): Promise<Result<SwitchAnswer, VenueFault>> {
    return Promise.resolve(ok('absent'))
  }

  /** What cannot be read does not keep the known symbols from being cancelled. */
  async cancelAll(timeoutMs: number): Promise<Result<number, VenueFault>> {
    const endMs = performance.now() + timeoutMs
    const readMs = Math.ceil(timeoutMs / 2)
    const [orders, algos, positions] = await Promise.all([
      this.#open({}, readMs),
      this.#algos({}, readMs),
      this.readPositions(readMs),
    ])
    const lists = [orders, algos]
    const found = lists.flatMap((list) => (list.ok ? list.value : []))
    const held = positions.ok ? positions.value : []
    const names = this.#symbols([...found, ...held].map(({ instrument }) => instrument))
    const leftMs = Math.max(1, Math.floor(endMs - performance.now()))
    const cancelled = await allOk(names.map((name) => this.cancelInstrument(name, leftMs)))
    if (!cancelled.ok) return cancelled
    const unread = lists.find((list) => !list.ok)
    return unread === undefined || unread.ok ? ok(found.length) : unread
  }

  /** The reply counts nothing, so the number is that of the requests. */
  async cancelInstrument(
    instrument: string,
    timeoutMs: number,
  ): Promise<Result<number, VenueFault>> {
    const request = { symbol: instrument }
    const replies = await allOk([
      this.#ask(this.#raw.fapiPrivateDeleteAllOpenOrders(request), cancelledReply, timeoutMs),
      this.#ask(this.#raw.fapiPrivateDeleteAlgoOpenOrders(request), cancelledReply, timeoutMs),
    ])
    return replies.ok ? ok(0) : replies
  }

  async cancelOrder(
    { orderId, instrument }: Pick<RestingOrder, 'orderId' | 'instrument'>,
    timeoutMs: number,
  ): Promise<Result<number, VenueFault>> {
    const algoId = orderId.startsWith(algoPrefix) ? orderId.slice(algoPrefix.length) : undefined
    const reply =
      algoId === undefined
        ? await this.#ask(
            this.#raw.fapiPrivateDeleteOrder({ symbol: instrument, orderId }),
            goneReply,
            timeoutMs,
          )
        : await this.#ask(
            this.#raw.fapiPrivateDeleteAlgoOrder({ algoId }),
            goneAlgoReply,
            timeoutMs,
          )
    return reply.ok ? ok(1) : reply
  }

  async readOpenOrders(
    read: OpenOrderRead,
    timeoutMs?: number,
  ): Promise<Result<readonly RestingOrder[], VenueFault>> {
    if (read === 'all') {
      const open = await this.#open({}, timeoutMs)
      if (open.ok) this.#seen = open.value.map(({ instrument }) => instrument)
      return open
    }
    const parts = await allOk([
      ...this.#symbols(this.#seen).map((name) => this.#open({ symbol: name }, timeoutMs)),
      this.#algos({}, timeoutMs),
    ])
    return parts.ok ? ok(parts.value.flat()) : parts
  }

  async readPositions(timeoutMs?: number): Promise<Result<readonly Position[], VenueFault>> {
    const call = this.#raw.fapiPrivateV3GetPositionRisk({})
    const reply = await this.#ask(call, positionsReply, timeoutMs)
    if (!reply.ok) return reply
    const held = reply.value.filter(({ positionAmt }) => positionAmt !== 0)
    this.#isDual = held.some(({ positionSide }) => positionSide !== 'BOTH')
    return ok(
      held.map(({ symbol: instrument, positionAmt, positionSide }) => {
        const size = positionSide === 'SHORT' ? -Math.abs(positionAmt) : positionAmt
        return { instrument, size, delta: size, perpetual: instrument.replace(/_\d{6}$/, '') }
      }),
    )
  }

  async readQuote(instrument: string): Promise<Result<Quote, VenueFault>> {
    const grid = this.#grids.get(instrument)
    if (grid === undefined || !(grid.tickSize > 0 && grid.amountStep > 0)) {
      return fail({ code: 'VENUE_NOT_PREPARED', detail: `no price grid of ${instrument} is known` })
    }
    const call = this.#raw.fapiPublicGetTickerBookTicker({ symbol: instrument })
    const quote = await this.#ask(call, quoteReply)
    if (!quote.ok) return quote
    const { bidPrice, askPrice } = quote.value
    return ok({
      bidPrice: bidPrice > 0 ? bidPrice : null,
      askPrice: askPrice > 0 ? askPrice : null,
      markPrice: null,
      tick: { tickSize: grid.tickSize, steps: [] },
      amountStep: grid.amountStep,
      amountUnit: 'coin',
      unitSize: 1,
    })
  }

  /** Where long and short are held apart, the side of the position says it; the flag is refused. */
  async sendReducing(order: ImmediateOrder): Promise<Result<number, VenueFault>> {
    const positionSide = order.side === 'sell' ? 'LONG' : 'SHORT'
    return this.#send(order, this.#isDual ? { positionSide } : { reduceOnly: 'true' })
  }

  async sendHedge(order: ImmediateOrder): Promise<Result<number, VenueFault>> {
    const positionSide = order.side === 'buy' ? 'LONG' : 'SHORT'
    return this.#send(order, this.#isDual ? { positionSide } : {})
  }

  /** `recvWindow` bounds how late the exchange may take the order up. */
  async #send(order: ImmediateOrder, terms: object): Promise<Result<number, VenueFault>> {
    const call = this.#raw.fapiPrivatePostOrder({
      ...terms,
      symbol: order.instrument,
      side: order.side === 'buy' ? 'BUY' : 'SELL',
      type: 'LIMIT',
      timeInForce: 'IOC',
      quantity: String(order.amount),
      price: String(order.price),
      newClientOrderId: order.label,
      newOrderRespType: 'RESULT',
      recvWindow: this.#options.timeoutMs,
    })
    const placed = await this.#ask(call, placedReply)
    return placed.ok ? ok(placed.value.executedQty) : placed
  }

  async #open(request: object, timeoutMs?: number) {
    const reply = await this.#ask(this.#raw.fapiPrivateGetOpenOrders(request), openReply, timeoutMs)
    if (!reply.ok) return reply
    return ok(
      reply.value.map(
        ({ orderId, symbol: instrument, reduceOnly }): RestingOrder => ({
          orderId,
          instrument,
          reduceOnly,
        }),
      ),
    )
  }

  async #algos(request: object, timeoutMs?: number) {
    const call = this.#raw.fapiPrivateGetOpenAlgoOrders(request)
    const reply = await this.#ask(call, algoReply, timeoutMs)
    if (!reply.ok) return reply
    return ok(
      reply.value.map(
        ({ algoId, symbol: instrument, reduceOnly }): RestingOrder => ({
          orderId: `${algoPrefix}${algoId}`,
          instrument,
          reduceOnly,
        }),
      ),
    )
  }

  #symbols(found: readonly string[]): string[] {
    return [...new Set([...this.#options.symbols, ...found])].slice(0, symbolsMax)
  }

  #ask<S extends z.ZodType>(
    call: Promise<unknown>,
    schema: S,
    timeoutMs = this.#options.timeoutMs,
  ) {
    return askWithin(call, schema, timeoutMs, binanceFaultOf)
  }
}
