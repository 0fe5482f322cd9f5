import {
  AuthenticationError,
  InsufficientFunds,
  OrderNotFound,
  deribit,
  pro as streaming,
} from 'ccxt'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { eventually } from '../../../../support/eventually.ts'
import { type PaperVenueProcess, spawnPaperVenue } from '../../../../support/paper-venue.ts'

const SYMBOL = 'BTC/USD:BTC'

let venue: PaperVenueProcess
let rest: InstanceType<typeof deribit>
let pro: InstanceType<typeof streaming.deribit>

beforeAll(async () => {
  venue = await spawnPaperVenue({ credits: { matching: { rate: 100, burst: 200 } } })
  const { clientId, clientSecret } = venue.keys.trading
  const options = {
    apiKey: clientId,
    secret: clientSecret,
    enableRateLimit: false,
    urls: { api: { rest: venue.httpUrl, ws: venue.wsUrl } },
  }
  rest = new deribit(options)
  pro = new streaming.deribit(options)
  await pro.loadHttpProxyAgent()
})

afterAll(async () => {
  await pro?.close()
  expect(await venue?.close()).toBe(0)
})

/** A price this part away from the best bid, on the tick grid. */
async function priceAt(part: number): Promise<number> {
  const { bid } = await rest.fetchTicker(SYMBOL)
  return Math.round((bid ?? 0) * part * 2) / 2
}

describe('unmodified ccxt against the paper venue', () => {
  test('reads markets, time, status, ticker, book and trades', async () => {
    const markets = await rest.loadMarkets()
    expect(markets[SYMBOL]).toMatchObject({ inverse: true, settle: 'BTC', contractSize: 10 })
    expect(Object.values(markets).filter((market) => market?.option).length).toBeGreaterThan(900)
    expect(Math.abs(((await rest.fetchTime()) ?? 0) - Date.now())).toBeLessThan(1_000)
    expect(await rest.fetchStatus()).toMatchObject({ status: 'ok' })
    const tickers = await rest.fetchTickers([SYMBOL])
    expect(tickers[SYMBOL]?.bid).toBeLessThan(tickers[SYMBOL]?.ask as number)
    const sinceMs = Date.now() - 60_000
    for (const trade of await rest.fetchTrades(SYMBOL, sinceMs)) {
      expect(trade.timestamp).toBeGreaterThanOrEqual(sinceMs)
    }
    const book = await rest.fetchOrderBook(SYMBOL)
    expect(book.bids[0]?.[0]).toBeLessThan(book.asks[0]?.[0] as number)
  })

  test('creates, finds, edits and cancels a resting order', async () => {
    const price = await priceAt(0.95)
    const created = await rest.createOrder(SYMBOL, 'limit', 'buy', 100, price, { label: 'mine' })
    expect(created).toMatchObject({ status: 'open', price, amount: 100, info: { label: 'mine' } })
    const open = await rest.fetchOpenOrders(SYMBOL)
    expect(open.map(({ id }) => id)).toEqual([created.id])
    const edited = await rest.editOrder(
      created.id as string,
      SYMBOL,
      'limit',
      'buy',
      200,
      price - 10,
    )
    expect(edited).toMatchObject({ amount: 200, price: price - 10, info: { replaced: true } })
    const cancelled = await rest.cancelOrder(created.id as string)
    expect(cancelled).toMatchObject({ status: 'canceled', info: { cancel_reason: 'user_request' } })
    expect(await rest.fetchOrder(created.id as string)).toMatchObject({ status: 'canceled' })
    expect(await rest.fetchOpenOrders(SYMBOL)).toEqual([])
  })

  test('trades, and shows the position, the trades and the balance', async () => {
    const order = await rest.createOrder(SYMBOL, 'limit', 'buy', 100, await priceAt(1.01), {
      timeInForce: 'IOC',
    })
    expect(order).toMatchObject({ status: 'closed', filled: 100 })
    const [position] = await rest.fetchPositions()
    expect(position).toMatchObject({ symbol: SYMBOL, side: 'long', contracts: 100 })
    const trades = await rest.fetchMyTrades(SYMBOL)
    const amounts = trades.map(({ amount }) => amount ?? 0)
    expect(amounts.reduce((sum, amount) => sum + amount, 0)).toBe(100)
    expect(
      trades.every(({ order: id, takerOrMaker }) => id === order.id && takerOrMaker === 'taker'),
    ).toBe(true)
    const perOrder = await rest.fetchOrderTrades(order.id as string)
    expect(perOrder).toHaveLength(trades.length)
    const balance = await rest.fetchBalance()
    expect(balance['BTC']?.total).toBeLessThan(10)
    const close = { instrument_name: 'BTC-PERPETUAL', type: 'market' }
    await rest.privateGetClosePosition(close)
    expect(await rest.fetchPositions()).toEqual([])
  })

  test('cancels everything in one call, plain and detailed', async () => {
    const price = await priceAt(0.95)
    for (let count = 0; count < 3; count += 1) {
      await rest.createOrder(SYMBOL, 'limit', 'buy', 10, price)
    }
    const [first] = await rest.cancelAllOrders()
    expect(first?.info).toMatchObject({ result: 3 })
    await rest.createOrder(SYMBOL, 'limit', 'buy', 10, price)
    const reply = await rest.privateGetCancelAll({ detailed: true })
    expect(reply.result).toMatchObject([{ order: { order_state: 'cancelled' } }])
    expect((await rest.privateGetGetOpenOrders({})).result).toEqual([])
  })

  test('maps refusals to its own errors', async () => {
    const price = await priceAt(0.95)
    await expect(rest.createOrder(SYMBOL, 'limit', 'buy', 90_000_000, price)).rejects.toThrow(
      InsufficientFunds,
    )
    await expect(rest.cancelOrder('1')).rejects.toThrow(OrderNotFound)
    const wrong = new deribit({
      apiKey: 'trading',
      secret: 'wrong',
      urls: { api: { rest: venue.httpUrl } },
    })
    await expect(wrong.privateGetGetOpenOrders({})).rejects.toThrow(AuthenticationError)
  })

  test('watches the book as it moves, the orders and the own trades', async () => {
    const first = await pro.watchOrderBook(SYMBOL)
    expect(first.bids[0]?.[0]).toBeLessThan(first.asks[0]?.[0] as number)
    const before = first.nonce
    const next = await pro.watchOrderBook(SYMBOL)
    expect(next.nonce).toBeGreaterThan(before as number)
    const orders = pro.watchOrders(SYMBOL)
    const trades = pro.watchMyTrades(SYMBOL)
    const state = async () => (await venue.control('GET', '/state')) as { sessions: Session[] }
    const hasBoth = ({ channels }: Session) =>
      channels.filter((channel) => channel.startsWith('user.')).length === 2
    await eventually('both channels', async () => (await state()).sessions.some(hasBoth))
    const order = await rest.createOrder(SYMBOL, 'limit', 'buy', 10, await priceAt(1.01))
    expect((await orders).map(({ id }) => id)).toContain(order.id)
    expect((await trades).map((trade) => trade.order)).toContain(order.id)
    const ticker = await pro.watchTicker(SYMBOL)
    expect(ticker.bid).toBeLessThan(ticker.ask as number)
  })
})

type Session = { readonly channels: readonly string[] }
