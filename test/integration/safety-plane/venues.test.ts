import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { systemClock } from '@bulkhead/shared/runtime/system-clock.ts'
import { openBinanceVenue } from '@bulkhead/safety-plane/exchange/binance.ts'
import { openHyperliquidVenue } from '@bulkhead/safety-plane/exchange/hyperliquid.ts'
import { openOkxVenue } from '@bulkhead/safety-plane/exchange/okx.ts'
import type { RestingOrder, SafetyVenue } from '@bulkhead/safety-plane/exchange/ports.ts'
import { sweep } from '@bulkhead/safety-plane/kill-sequence/orders.ts'
import {
  type Seen,
  type Shape,
  type ShapedExchange,
  type ShapedOrder,
  startShapedExchange,
} from './support/shaped-exchange.ts'
import { binanceShape, hyperliquidShape, okxShape } from './support/venue-shapes.ts'

const timeoutMs = 2_000
const shortMs = 150
const key = { clientId: 'safety', clientSecret: 'secret', timeoutMs }

type Case = {
  readonly name: string
  readonly shape: Shape
  readonly open: (httpUrl: string) => Promise<SafetyVenue>
  readonly btc: string
  readonly eth: string
  /** The request that reads what rests. */
  readonly reads: (seen: Seen) => boolean
  readonly cancels: (seen: Seen) => boolean
  /** Only what these need may be asked on a cancel. */
  readonly cancelPaths: readonly string[]
  readonly refusals: readonly (readonly [string, { status?: number; body: unknown }, string])[]
  readonly order: object
  /** The request that starts a countdown of a minute. */
  readonly countdown: object
}

const okxError = (code: string) => ({ body: { code, msg: 'no', data: [] } })
const binanceError = (status: number, code: number) => ({ status, body: { code, msg: 'no' } })

const cases: readonly Case[] = [
  {
    name: 'okx',
    shape: okxShape,
    open: (httpUrl) => openOkxVenue({ ...key, httpUrl, passphrase: 'phrase' }),
    btc: 'BTC-USDT-SWAP',
    eth: 'ETH-USDT-SWAP',
    reads: ({ path }) => path.endsWith('-pending'),
    cancels: ({ path }) => path.includes('/cancel-'),
    cancelPaths: ['cancel-algos', 'cancel-batch-orders', 'orders-algo-pending', 'orders-pending'],
    refusals: [
      ['maintenance', okxError('50001'), 'VENUE_SUSPENDED'],
      ['too many requests', okxError('50011'), 'VENUE_BUDGET_STARVED'],
      ['a wrong key', okxError('50111'), 'VENUE_UNAUTHORIZED'],
      ['any other error', okxError('51000'), 'VENUE_REFUSED'],
      ['a reply without its list', { body: { code: '0', msg: '' } }, 'VENUE_MALFORMED'],
    ],
    countdown: { timeOut: '60' },
    order: { side: 'sell', ordType: 'ioc', px: '49950.1', sz: '3', reduceOnly: true },
  },
  {
    name: 'binanceusdm',
    shape: binanceShape,
    open: (httpUrl) => openBinanceVenue({ ...key, httpUrl, symbols: ['BTCUSDT'] }),
    btc: 'BTCUSDT',
    eth: 'ETHUSDT',
    reads: ({ verb, path }) => verb === 'GET' && /open(Algo)?Orders$/.test(path),
    cancels: ({ verb }) => verb === 'DELETE',
    cancelPaths: [
      'algoOpenOrders',
      'allOpenOrders',
      'openAlgoOrders',
      'openOrders',
      'positionRisk',
    ],
    refusals: [
      ['maintenance', binanceError(503, -1_016), 'VENUE_SUSPENDED'],
      ['an outcome left open', binanceError(408, -1_007), 'VENUE_TIMED_OUT'],
      ['too many requests', binanceError(429, -1_003), 'VENUE_BUDGET_STARVED'],
      ['a wrong key', binanceError(401, -2_015), 'VENUE_UNAUTHORIZED'],
      ['any other error', binanceError(400, -4_118), 'VENUE_REFUSED'],
      ['an object in place of a list', { body: {} }, 'VENUE_MALFORMED'],
    ],
    countdown: { symbol: 'BTCUSDT', countdownTime: '60000' },
    order: {
      side: 'SELL',
      timeInForce: 'IOC',
      price: '49950.1',
      quantity: '3',
      reduceOnly: 'true',
    },
  },
  {
    name: 'hyperliquid',
    shape: hyperliquidShape,
    open: (httpUrl) =>
      openHyperliquidVenue({
        httpUrl,
        account: `0x${'ab'.repeat(20)}`,
        privateKey: `0x${'11'.repeat(32)}`,
        timeoutMs,
        clock: systemClock,
      }),
    btc: 'BTC',
    eth: 'ETH',
    reads: ({ params }) => String(params['type']).endsWith('penOrders'),
    cancels: ({ path }) => path === '/exchange',
    cancelPaths: ['exchange', 'info'],
    refusals: [
      ['too many requests', { status: 429, body: null }, 'VENUE_BUDGET_STARVED'],
      ['any other error', { body: { status: 'err', response: 'no' } }, 'VENUE_REFUSED'],
      ['an object in place of a list', { body: {} }, 'VENUE_MALFORMED'],
    ],
    countdown: { action: { type: 'scheduleCancel', time: expect.any(Number) } },
    order: {
      action: {
        type: 'order',
        orders: [{ a: 0, b: false, p: '49950.1', s: '3', r: true, t: { limit: { tif: 'Ioc' } } }],
        grouping: 'na',
      },
    },
  },
]

let nextId = 100
const orderOf = (symbol: string, parts: Partial<ShapedOrder> = {}): ShapedOrder => {
  nextId += 1
  return { id: String(nextId), symbol, reduceOnly: false, isAlgo: false, ...parts }
}

describe.each(cases)('the safety venue of $name', (given) => {
  let exchange: ShapedExchange
  let venue: SafetyVenue

  beforeAll(async () => {
    exchange = await startShapedExchange(given.shape)
    venue = await given.open(exchange.httpUrl)
    await venue.keepWarm()
  })
  afterAll(() => exchange.close())
  beforeEach(() => exchange.reset())

  const rest = (...orders: ShapedOrder[]) => {
    exchange.state.orders.push(...orders)
    return orders.map(({ id }) => id)
  }
  const left = () => exchange.state.orders.map(({ id }) => id)
  const sweepLimits = { massCancelTimeoutMs: 1_500, sweepAttemptsMax: 4, sweepPauseMs: 5 }
  const swept = () => sweep(venue, 'L1', sweepLimits, systemClock)

  test('sees every order in both ways of asking, and what it may do', async () => {
    rest(orderOf(given.btc), orderOf(given.eth, { reduceOnly: true }))
    const all = await venue.readOpenOrders('all')
    const byPart = await venue.readOpenOrders('by_part')
    if (!all.ok || !byPart.ok) throw new Error('the orders could not be read')
    const sorted = (orders: readonly RestingOrder[]) =>
      [...orders].sort((one, other) => one.orderId.localeCompare(other.orderId))
    expect(sorted(all.value)).toHaveLength(2)
    expect(sorted(byPart.value)).toEqual(sorted(all.value))
    expect(sorted(all.value).map(({ reduceOnly }) => reduceOnly)).toEqual([false, true])
    expect(venue.endpoints.all).not.toBe(venue.endpoints.by_part)
  })

  test('cancels one order, one instrument, and all with those that wait for a trigger', async () => {
    const [one] = rest(orderOf(given.btc), orderOf(given.btc), orderOf(given.eth))
    rest(orderOf(given.btc, { isAlgo: true }))
    const order = { orderId: one!, instrument: given.btc }
    expect(await venue.cancelOrder(order, timeoutMs)).toMatchObject({ ok: true })
    expect(left()).not.toContain(one)
    expect(await venue.cancelInstrument(given.eth, timeoutMs)).toMatchObject({ ok: true })
    expect(exchange.state.orders.some(({ symbol }) => symbol === given.eth)).toBe(false)
    expect(await venue.cancelAll(timeoutMs)).toMatchObject({ ok: true })
    expect(left()).toEqual([])
  })

  test('cancels a flood of orders, and asks for nothing that a cancel does not need', async () => {
    rest(...Array.from({ length: 130 }, () => orderOf(given.btc)))
    exchange.seen.length = 0
    expect(await venue.cancelAll(timeoutMs)).toMatchObject({ ok: true, value: 130 })
    expect(left()).toEqual([])
    const names = new Set(exchange.seen.map(({ path }) => path.split('/').at(-1)!))
    for (const name of names) expect(given.cancelPaths).toContain(name)
  })

  test('an order that the exchange will not cancel is told, and the others go', async () => {
    const [stubborn] = rest(orderOf(given.btc), orderOf(given.btc), orderOf(given.eth))
    exchange.state.stubborn.add(stubborn!)
    expect(await venue.cancelAll(timeoutMs)).toMatchObject({
      ok: false,
      failure: { code: 'VENUE_REFUSED' },
    })
    expect(left()).toEqual([stubborn])
    expect(await swept()).toMatchObject({ outcome: 'unconfirmed' })
  })

  test('an order that survives its cancel is seen, and no sweep takes it for gone', async () => {
    const [survivor] = rest(orderOf(given.btc), orderOf(given.btc))
    exchange.state.survivors.add(survivor!)
    expect(await venue.cancelAll(timeoutMs)).toMatchObject({ ok: true })
    expect(await swept()).toMatchObject({ outcome: 'unconfirmed' })
    exchange.state.survivors.clear()
    expect(await swept()).toMatchObject({ outcome: 'confirmed' })
  })

  test('an order that races in while others are cancelled is swept', async () => {
    rest(orderOf(given.btc))
    exchange.state.racing.push(orderOf(given.btc))
    expect(await swept()).toMatchObject({
      outcome: 'confirmed',
      details: { attempts: '2', read_1: '0', read_2: '0' },
    })
    expect(left()).toEqual([])
  })

  test.each(['html', 'half', 'nothing', 'cut'] as const)(
    'open orders answered with %s are no empty list',
    async (reply) => {
      exchange.spoil = (seen) => (given.reads(seen) ? reply : undefined)
      for (const read of ['all', 'by_part'] as const) {
        expect((await venue.readOpenOrders(read, shortMs)).ok).toBe(false)
      }
    },
  )

  test.each(['html', 'half', 'cut'] as const)(
    'positions answered with %s are not flat',
    async (reply) => {
      exchange.spoil = () => reply
      expect((await venue.readPositions()).ok).toBe(false)
    },
  )

  test.each(given.refusals)('%s has an outcome of its own', async (_what, reply, code) => {
    exchange.spoil = (seen) => (given.reads(seen) ? reply : undefined)
    expect(await venue.readOpenOrders('all')).toMatchObject({ ok: false, failure: { code } })
  })

  test('a cancel that is not answered ends within its limit', async () => {
    rest(orderOf(given.btc))
    exchange.spoil = (seen) => (given.cancels(seen) ? 'nothing' : undefined)
    const startedMs = performance.now()
    const code = 'VENUE_TIMED_OUT'
    expect(await venue.cancelAll(400)).toMatchObject({ ok: false, failure: { code } })
    expect(performance.now() - startedMs).toBeLessThan(5_000)
  })

  test('reads a position and takes it off with an order that never rests', async () => {
    exchange.state.positions.push({ symbol: given.btc, size: 3 })
    const positions = await venue.readPositions()
    expect(positions).toMatchObject({
      ok: true,
      value: [{ instrument: given.btc, size: 3, perpetual: given.btc }],
    })
    expect(positions.ok && positions.value[0]!.delta).toBeGreaterThan(0)
    const quote = await venue.readQuote(given.btc)
    expect(quote).toMatchObject({ ok: true, value: { bidPrice: 50_000, askPrice: 50_010 } })
    const sent = await venue.sendReducing({
      instrument: given.btc,
      side: 'sell',
      amount: 3,
      price: 49_950.1,
      label: 'kill-test-1',
    })
    expect(sent).toEqual({ ok: true, value: 3 })
    expect(exchange.state.placed).toMatchObject([given.order])
  })

  test('starts the countdown of the exchange, and has nothing that ends it', async () => {
    expect(await venue.armCancelAllAfter(60_000)).toEqual({ ok: true, value: 'armed' })
    expect(exchange.state.placed).toMatchObject([given.countdown])
    expect(await venue.readCancelOnDisconnect()).toEqual({ ok: true, value: 'absent' })
  })

  test('says what the key may do', async () => {
    expect(await venue.readKeyScope()).toMatchObject({
      ok: true,
      value: { rights: ['read', 'trade'] },
    })
  })

  test('an exchange that is down is told, and is neither empty nor flat', async () => {
    const gone = await startShapedExchange(given.shape)
    const lost = await given.open(gone.httpUrl)
    await gone.close()
    const code = 'VENUE_UNREACHABLE'
    expect(await lost.cancelAll(timeoutMs)).toMatchObject({ ok: false, failure: { code } })
    expect(await lost.readPositions()).toMatchObject({ ok: false, failure: { code } })
    for (const read of ['all', 'by_part'] as const) {
      expect(await lost.readOpenOrders(read)).toMatchObject({ ok: false, failure: { code } })
    }
  })
})
