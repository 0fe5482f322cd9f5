import type { z } from 'zod'
import { fail, ok, type Result } from '@bulkhead/shared/kernel/result.ts'
import { batchesOf } from './batches.core.ts'
import { allOk, askWithin, type Call, createClient, type ExchangeModule } from './client.ts'
import { okxRights, type KeyScope } from './key-rights.core.ts'
import {
  accountReply,
  bookReply,
  cancelledReply,
  countdownReply,
  instrumentsReply,
  orderReply,
  pendingReply,
  placedReply,
  positionsReply,
  timeReply,
} from './okx-replies.ts'
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

export type OkxVenueOptions = {
  readonly httpUrl: string | null
  readonly clientId: string
  readonly clientSecret: string
  readonly passphrase: string
  readonly timeoutMs: number
}

type RawOkx = {
  readonly publicGetPublicTime: Call
  readonly publicGetMarketBooks: Call
  readonly publicGetPublicInstruments: Call
  readonly privateGetTradeOrdersPending: Call
  readonly privateGetTradeOrdersAlgoPending: Call
  readonly privateGetTradeOrder: Call
  readonly privateGetAccountPositions: Call
  readonly privateGetAccountConfig: Call
  readonly privatePostTradeCancelBatchOrders: Call
  readonly privatePostTradeCancelAlgos: Call
  readonly privatePostTradeOrder: Call
  readonly privatePostTradeCancelAllAfter: Call
}

/** Orders per request (docs: batch 20, algo orders 10). */
const batchMax = 20
const algoBatchMax = 10
const kinds = ['SWAP', 'FUTURES', 'OPTION', 'MARGIN', 'SPOT'] as const
/** Orders that wait for a trigger are in no list of open orders and open positions all the same. */
const algoTypes = ['conditional', 'oco', 'trigger', 'move_order_stop'] as const
const algoPrefix = 'algo:'

export async function openOkxVenue(options: OkxVenueOptions): Promise<SafetyVenue> {
  const module: unknown = await import(new URL('./src/okx.js', import.meta.resolve('ccxt')).href)
  const { clientId: apiKey, clientSecret: secret, passphrase: password } = options
  return new OkxVenue(
    createClient(module as ExchangeModule<RawOkx>, { apiKey, secret, password }, options),
    options,
  )
}

type Mode = { readonly tdMode: string; readonly isDual: boolean }

/**
 * OKX by raw calls. It has no call that cancels everything, so orders are read and cancelled in
 * batches; every item of a batch has an outcome of its own.
 */
class OkxVenue implements SafetyVenue {
  readonly endpoints = { all: 'orders-pending', by_part: 'orders-pending and algo by type' }
  readonly #raw: RawOkx
  readonly #timeoutMs: number
  /** Margin and position mode of what was last seen held. */
  #modes = new Map<string, Mode>()

  constructor(raw: RawOkx, { timeoutMs }: OkxVenueOptions) {
    this.#raw = raw
    this.#timeoutMs = timeoutMs
  }

  async keepWarm(): Promise<void> {
    await this.#ask(this.#raw.publicGetPublicTime({}), timeReply)
  }

  async readKeyScope(): Promise<Result<KeyScope, VenueFault>> {
    const reply = await this.#ask(this.#raw.privateGetAccountConfig({}), accountReply)
    if (!reply.ok) return reply
    const [{ perm }] = reply.value.data
    return ok({ rights: okxRights(perm), shown: perm })
  }

  /** The exchange counts in seconds, 10 to 120. */
  async armCancelAllAfter(timeoutMs: number): Promise<Result<SwitchAnswer, VenueFault>> {
    const timeOut = String(Math.floor(timeoutMs / 1_000))
    const call = this.#raw.privatePostTradeCancelAllAfter({ timeOut })
    const reply = await this.#ask(call, countdownReply)
    if (!reply.ok) return reply
    return ok(reply.value.data[0].triggerTime > 0 ? 'armed' : 'absent')
  }

  readCancelOnDisconnect(): Promise<Result<SwitchAnswer, VenueFault>> {
    return Promise.resolve(ok('absent'))
  }

  async cancelAll(timeoutMs: number): Promise<Result<number, VenueFault>> {
    return this.#cancelWhere({}, timeoutMs)
  }

  async cancelInstrument(
    instrument: string,
    timeoutMs: number,
  ): Promise<Result<number, VenueFault>> {
    return this.#cancelWhere({ instId: instrument }, timeoutMs)
  }

  async cancelOrder(
    order: Pick<RestingOrder, 'orderId' | 'instrument'>,
    timeoutMs: number,
  ): Promise<Result<number, VenueFault>> {
    return this.#cancel([order], timeoutMs)
  }

  async readOpenOrders(
    read: OpenOrderRead,
    timeoutMs?: number,
  ): Promise<Result<readonly RestingOrder[], VenueFault>> {
    if (read === 'all') return this.#pending({}, timeoutMs)
    const parts = await allOk([
      ...kinds.map((instType) => this.#pending({ instType }, timeoutMs)),
      this.#algos({}, timeoutMs),
    ])
    return parts.ok ? ok(parts.value.flat()) : parts
  }

  async readPositions(): Promise<Result<readonly Position[], VenueFault>> {
    const reply = await this.#ask(this.#raw.privateGetAccountPositions({}), positionsReply)
    if (!reply.ok) return reply
    const held = reply.value.data.filter(({ pos }) => pos !== 0)
    this.#modes = new Map(
      held.map(({ instId, mgnMode, posSide }) => [
        instId,
        { tdMode: mgnMode, isDual: posSide !== 'net' },
      ]),
    )
    return ok(held.map(positionOf))
  }

  async readQuote(instrument: string): Promise<Result<Quote, VenueFault>> {
    const instId = instrument
    const [book, details] = await Promise.all([
      this.#ask(this.#raw.publicGetMarketBooks({ instId, sz: '1' }), bookReply),
      this.#ask(
        this.#raw.publicGetPublicInstruments({ instId, instType: kindOf(instId) }),
        instrumentsReply,
      ),
    ])
    if (!book.ok) return book
    if (!details.ok) return details
    const [{ bids, asks }] = book.value.data
    const [{ tickSz, lotSz, ctVal, ctType }] = details.value.data
    return ok({
      bidPrice: bids[0]?.[0] ?? null,
      askPrice: asks[0]?.[0] ?? null,
      markPrice: null,
      tick: { tickSize: tickSz, steps: [] },
      amountStep: lotSz,
      amountUnit: ctType === 'inverse' ? 'usd' : 'coin',
      unitSize: ctVal === '' ? 1 : ctVal,
    })
  }

  async sendReducing(order: ImmediateOrder): Promise<Result<number, VenueFault>> {
    const posSide = order.side === 'sell' ? 'long' : 'short'
    const isDual = this.#modes.get(order.instrument)?.isDual === true
    return this.#send(order, isDual ? { posSide } : { reduceOnly: true })
  }

  async sendHedge(order: ImmediateOrder): Promise<Result<number, VenueFault>> {
    const isDual = [...this.#modes.values()].some((mode) => mode.isDual)
    return this.#send(order, isDual ? { posSide: order.side === 'buy' ? 'long' : 'short' } : {})
  }

  /** The reply to an order names it and nothing else, so what was filled is asked for. */
  async #send(order: ImmediateOrder, terms: object): Promise<Result<number, VenueFault>> {
    const { instrument: instId, side, amount, price } = order
    const tdMode = this.#modes.get(instId)?.tdMode ?? 'cross'
    const placed = await this.#ask(
      this.#raw.privatePostTradeOrder({
        ...terms,
        instId,
        tdMode,
        side,
        ordType: 'ioc',
        px: String(price),
        sz: String(amount),
      }),
      placedReply,
    )
    if (!placed.ok) return placed
    const [{ ordId }] = placed.value.data
    const seen = await this.#ask(this.#raw.privateGetTradeOrder({ instId, ordId }), orderReply)
    return seen.ok ? ok(seen.value.data[0].accFillSz) : seen
  }

  async #pending(
    filter: object,
    timeoutMs?: number,
  ): Promise<Result<readonly RestingOrder[], VenueFault>> {
    const call = this.#raw.privateGetTradeOrdersPending(filter)
    const reply = await this.#ask(call, pendingReply, timeoutMs)
    if (!reply.ok) return reply
    return ok(
      reply.value.data.map(({ ordId, instId, reduceOnly }) => ({
        orderId: ordId,
        instrument: instId,
        reduceOnly: reduceOnly === 'true',
      })),
    )
  }

  async #algos(
    filter: object,
    timeoutMs?: number,
  ): Promise<Result<readonly RestingOrder[], VenueFault>> {
    const replies = await allOk(
      algoTypes.map((ordType) => {
        const call = this.#raw.privateGetTradeOrdersAlgoPending({ ...filter, ordType })
        return this.#ask(call, pendingReply, timeoutMs)
      }),
    )
    if (!replies.ok) return replies
    const rows = replies.value.flatMap(({ data }) => data)
    return ok(
      rows.map(({ algoId, instId, reduceOnly }) => ({
        orderId: `${algoPrefix}${algoId}`,
        instrument: instId,
        reduceOnly: reduceOnly === 'true',
      })),
    )
  }

  /** What can be read is cancelled even when the other list cannot; the failure is told. */
  async #cancelWhere(filter: object, timeoutMs: number): Promise<Result<number, VenueFault>> {
    const endMs = performance.now() + timeoutMs
    const lists = await Promise.all([
      this.#pending(filter, timeoutMs),
      this.#algos(filter, timeoutMs),
    ])
    const found = lists.flatMap((list) => (list.ok ? list.value : []))
    const leftMs = Math.max(1, Math.floor(endMs - performance.now()))
    const cancelled = await this.#cancel(found, leftMs)
    const unread = lists.find((list) => !list.ok)
    return unread === undefined || unread.ok ? cancelled : unread
  }

  async #cancel(
    orders: readonly Pick<RestingOrder, 'orderId' | 'instrument'>[],
    timeoutMs: number,
  ): Promise<Result<number, VenueFault>> {
    const isAlgo = ({ orderId }: (typeof orders)[number]) => orderId.startsWith(algoPrefix)
    const plain = orders.filter((order) => !isAlgo(order))
    const algo = orders.filter(isAlgo)
    const replies = await allOk([
      ...batchesOf(plain, batchMax).map((batch) =>
        this.#cancelBatch(
          this.#raw.privatePostTradeCancelBatchOrders(
            batch.map(({ orderId, instrument }) => ({ ordId: orderId, instId: instrument })),
          ),
          batch.length,
          timeoutMs,
        ),
      ),
      ...batchesOf(algo, algoBatchMax).map((batch) =>
        this.#cancelBatch(
          this.#raw.privatePostTradeCancelAlgos(
            batch.map(({ orderId, instrument }) => ({
              algoId: orderId.slice(algoPrefix.length),
              instId: instrument,
            })),
          ),
          batch.length,
          timeoutMs,
        ),
      ),
    ])
    return replies.ok ? ok(replies.value.reduce((sum, count) => sum + count, 0)) : replies
  }

  /** Code 2 means that a part of the batch went wrong, and is no error to ccxt. */
  async #cancelBatch(
    call: Promise<unknown>,
    asked: number,
    timeoutMs: number,
  ): Promise<Result<number, VenueFault>> {
    const reply = await this.#ask(call, cancelledReply, timeoutMs)
    if (!reply.ok) return reply
    const done = reply.value.data.filter(({ sCode }) => sCode === '0').length
    if (done === asked) return ok(done)
    return fail({ code: 'VENUE_REFUSED', detail: `${done} of ${asked} orders cancelled` })
  }

  #ask<S extends z.ZodType>(call: Promise<unknown>, schema: S, timeoutMs = this.#timeoutMs) {
    return askWithin(call, schema, timeoutMs)
  }
}

type HeldRow = z.infer<typeof positionsReply>['data'][number]

function positionOf(row: HeldRow): Position {
  const { instId, pos, posSide, notionalUsd, markPx, deltaBS } = row
  const size = posSide === 'short' ? -Math.abs(pos) : pos
  const isOption = kindOf(instId) === 'OPTION'
  const coins = notionalUsd !== null && markPx !== null ? Math.abs(notionalUsd) / markPx : null
  const delta = isOption ? deltaBS : coins === null ? null : Math.sign(size) * coins
  const [base, quote] = instId.split('-')
  return { instrument: instId, size, delta, perpetual: `${base}-${quote}-SWAP` }
}

/** `BTC-USDT` spot, `BTC-USDT-SWAP`, `BTC-USD-260327` future, `BTC-USD-260327-60000-C` option. */
function kindOf(instId: string): (typeof kinds)[number] {
  const parts = instId.split('-')
  if (parts.length === 2) return 'SPOT'
  if (parts.length > 3) return 'OPTION'
  return parts[2] === 'SWAP' ? 'SWAP' : 'FUTURES'
}
