import { z } from 'zod'
import type { Clock } from '@bulkhead/shared/kernel/clock.ts'
import { fail, ok, type Result } from '@bulkhead/shared/kernel/result.ts'
import { batchesOf } from './batches.core.ts'
import { allOk, askWithin, type Call, createClient, type ExchangeModule } from './client.ts'
import { hyperliquidRights, type KeyScope } from './key-rights.core.ts'
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

export type HyperliquidVenueOptions = {
  readonly httpUrl: string | null
  /** Address of the account that is traded. */
  readonly account: string
  /** Private key of an agent wallet, which can trade and cannot withdraw. */
  readonly privateKey: string
  readonly timeoutMs: number
  readonly clock: Clock
}

type RawHyperliquid = {
  readonly publicPostInfo: Call
  readonly privatePostExchange: Call
  signL1Action(action: object, nonce: number): unknown
  incrementingNonce(): number
  ethGetAddressFromPrivateKey(key: string): string
}

const amount = z.string().regex(/^-?\d/).transform(Number).pipe(z.number())
const restingReply = z
  .array(
    z.object({
      coin: z.string().min(1).max(64),
      oid: z.int(),
      reduceOnly: z.boolean().optional(),
    }),
  )
  .max(10_000)
const metaReply = z.object({
  universe: z.array(z.object({ name: z.string(), szDecimals: z.int().min(0).max(6) })).max(10_000),
})
const holdingsReply = z.object({
  assetPositions: z.array(z.object({ position: z.object({ coin: z.string(), szi: amount }) })),
})
const level = z.object({ px: amount, sz: amount })
const bookReply = z.object({ levels: z.tuple([z.array(level), z.array(level)]) })
const cancelledReply = z.object({
  status: z.literal('ok'),
  response: z.object({ data: z.object({ statuses: z.array(z.unknown()) }) }),
})
const doneReply = z.object({ status: z.literal('ok') })
const placedReply = z.object({
  status: z.literal('ok'),
  response: z.object({
    data: z.object({
      statuses: z.tuple([z.object({ filled: z.object({ totalSz: amount }).optional() })]),
    }),
  }),
})

/** Orders of one cancel action. */
const batchMax = 50

export async function openHyperliquidVenue(options: HyperliquidVenueOptions): Promise<SafetyVenue> {
  const url = new URL('./src/hyperliquid.js', import.meta.resolve('ccxt')).href
  const module: unknown = await import(url)
  const keys = { walletAddress: options.account, privateKey: options.privateKey }
  return new HyperliquidVenue(
    createClient(module as ExchangeModule<RawHyperliquid>, keys, options),
    options,
  )
}

type Asset = { readonly index: number; readonly sizeDecimals: number }

/**
 * Hyperliquid by raw calls: ccxt's unified ones ask for markets, and approve a fee for its makers
 * before they cancel. There is no call that cancels everything; orders are read and cancelled by
 * their number and that of their asset, which must have been loaded before.
 */
class HyperliquidVenue implements SafetyVenue {
  readonly endpoints = { all: 'frontendOpenOrders', by_part: 'openOrders' }
  readonly #raw: RawHyperliquid
  readonly #options: HyperliquidVenueOptions
  #assets: ReadonlyMap<string, Asset> = new Map()
  /** Only one of the two lists says what is reduce-only. */
  #reduceOnly: ReadonlySet<number> = new Set()

  constructor(raw: RawHyperliquid, options: HyperliquidVenueOptions) {
    this.#raw = raw
    this.#options = options
  }

  async keepWarm(): Promise<void> {
    const meta = await this.#info({ type: 'meta' }, metaReply)
    if (!meta.ok) return
    const { universe } = meta.value
    this.#assets = new Map(
      universe.map(({ name, szDecimals }, index) => [name, { index, sizeDecimals: szDecimals }]),
    )
  }

  /** Known without asking: the key either is the account's own or it is an agent's. */
  readKeyScope(): Promise<Result<KeyScope, VenueFault>> {
    const { account, privateKey } = this.#options
    const signer = this.#raw.ethGetAddressFromPrivateKey(privateKey)
    const shown = signer.toLowerCase() === account.toLowerCase() ? 'account key' : 'agent key'
    return Promise.resolve(ok({ rights: hyperliquidRights(signer, account), shown }))
  }

  /** The exchange takes the moment itself, at least five seconds ahead by its own clock. */
  async armCancelAllAfter(timeoutMs: number): Promise<Result<SwitchAnswer, VenueFault>> {
    const time = Math.round(this.#options.clock.wallMs()) + timeoutMs
    const reply = await this.#act({ type: 'scheduleCancel', time }, doneReply)
    return reply.ok ? ok('armed') : reply
  }

  readCancelOnDisconnect(): Promise<Result<SwitchAnswer, VenueFault>> {
    return Promise.resolve(ok('absent'))
  }

  async cancelAll(timeoutMs: number): Promise<Result<number, VenueFault>> {
    return this.#cancelWhere(() => true, timeoutMs)
  }

  async cancelInstrument(
    instrument: string,
    timeoutMs: number,
  ): Promise<Result<number, VenueFault>> {
    return this.#cancelWhere((order) => order.instrument === instrument, timeoutMs)
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
    const { account: user } = this.#options
    const isFirst = read === 'all'
    const request = { type: isFirst ? 'frontendOpenOrders' : 'openOrders', user }
    const reply = await this.#info(request, restingReply, timeoutMs)
    if (!reply.ok) return reply
    if (isFirst) {
      this.#reduceOnly = new Set(
        reply.value.filter(({ reduceOnly }) => reduceOnly === true).map(({ oid }) => oid),
      )
    }
    return ok(
      reply.value.map(({ coin, oid, reduceOnly }) => ({
        orderId: String(oid),
        instrument: coin,
        reduceOnly: reduceOnly ?? this.#reduceOnly.has(oid),
      })),
    )
  }

  async readPositions(): Promise<Result<readonly Position[], VenueFault>> {
    const request = { type: 'clearinghouseState', user: this.#options.account }
    const reply = await this.#info(request, holdingsReply)
    if (!reply.ok) return reply
    const held = reply.value.assetPositions.filter(({ position }) => position.szi !== 0)
    return ok(
      held.map(({ position: { coin, szi } }) => ({
        instrument: coin,
        size: szi,
        delta: szi,
        perpetual: coin,
      })),
    )
  }

  async readQuote(instrument: string): Promise<Result<Quote, VenueFault>> {
    const asset = this.#assets.get(instrument)
    if (asset === undefined) return notPrepared(instrument)
    const book = await this.#info({ type: 'l2Book', coin: instrument }, bookReply)
    if (!book.ok) return book
    const [bids, asks] = book.value.levels
    const best = bids[0]?.px ?? asks[0]?.px ?? 1
    return ok({
      bidPrice: bids[0]?.px ?? null,
      askPrice: asks[0]?.px ?? null,
      markPrice: null,
      tick: { tickSize: tickSizeAt(best, asset.sizeDecimals), steps: [] },
      amountStep: Number(`1e-${asset.sizeDecimals}`),
      amountUnit: 'coin',
      unitSize: 1,
    })
  }

  async sendReducing(order: ImmediateOrder): Promise<Result<number, VenueFault>> {
    return this.#send(order, true)
  }

  /** The exchange cannot refuse a late order; an immediate one is at least never left resting. */
  async sendHedge(order: ImmediateOrder): Promise<Result<number, VenueFault>> {
    return this.#send(order, false)
  }

  async #send(order: ImmediateOrder, isReducing: boolean): Promise<Result<number, VenueFault>> {
    const asset = this.#assets.get(order.instrument)
    if (asset === undefined) return notPrepared(order.instrument)
    const line = {
      a: asset.index,
      b: order.side === 'buy',
      p: String(order.price),
      s: String(order.amount),
      r: isReducing,
      t: { limit: { tif: 'Ioc' } },
    }
    const placed = await this.#act({ type: 'order', orders: [line], grouping: 'na' }, placedReply)
    return placed.ok ? ok(placed.value.response.data.statuses[0].filled?.totalSz ?? 0) : placed
  }

  async #cancelWhere(
    picks: (order: RestingOrder) => boolean,
    timeoutMs: number,
  ): Promise<Result<number, VenueFault>> {
    const endMs = performance.now() + timeoutMs
    const open = await this.readOpenOrders('all', timeoutMs)
    if (!open.ok) return open
    const leftMs = Math.max(1, Math.floor(endMs - performance.now()))
    return this.#cancel(open.value.filter(picks), leftMs)
  }

  /** An order of an asset that is not known is told, and keeps no other order alive. */
  async #cancel(
    orders: readonly Pick<RestingOrder, 'orderId' | 'instrument'>[],
    timeoutMs: number,
  ): Promise<Result<number, VenueFault>> {
    const lines = orders.flatMap(({ orderId, instrument }) => {
      const asset = this.#assets.get(instrument)
      return asset === undefined ? [] : [{ a: asset.index, o: Number(orderId) }]
    })
    const replies = await allOk(
      batchesOf(lines, batchMax).map((cancels) =>
        this.#act({ type: 'cancel', cancels }, cancelledReply, timeoutMs),
      ),
    )
    if (!replies.ok) return replies
    const unknown = orders.find(({ instrument }) => !this.#assets.has(instrument))
    if (unknown !== undefined) return notPrepared(unknown.instrument)
    const statuses = replies.value.flatMap(({ response }) => response.data.statuses)
    const done = statuses.filter((status) => status === 'success').length
    if (done === Math.min(lines.length, statuses.length) && done > 0) return ok(done)
    if (lines.length === 0) return ok(0)
    return fail({ code: 'VENUE_REFUSED', detail: `${done} of ${lines.length} orders cancelled` })
  }

  #act<S extends z.ZodType>(action: object, schema: S, timeoutMs = this.#options.timeoutMs) {
    const nonce = this.#raw.incrementingNonce()
    const signature = this.#raw.signL1Action(action, nonce)
    return askWithin(this.#raw.privatePostExchange({ action, nonce, signature }), schema, timeoutMs)
  }

  #info<S extends z.ZodType>(request: object, schema: S, timeoutMs = this.#options.timeoutMs) {
    return askWithin(this.#raw.publicPostInfo(request), schema, timeoutMs)
  }
}

function notPrepared(instrument: string): Result<never, VenueFault> {
  return fail({ code: 'VENUE_NOT_PREPARED', detail: `${instrument} is not among the known assets` })
}

/** Prices have five significant digits and six decimals less those of the size; whole ones pass. */
function tickSizeAt(price: number, sizeDecimals: number): number {
  const significant = Math.min(0, Math.floor(Math.log10(price)) - 4)
  return Number(`1e${Math.max(significant, sizeDecimals - 6)}`)
}
