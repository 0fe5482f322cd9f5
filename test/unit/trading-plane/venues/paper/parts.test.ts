import { describe, expect, test } from 'vitest'
import { createAccount, feeCoin } from '@bulkhead/trading-plane/venues/paper/account.core.ts'
import { BookFeed } from '@bulkhead/trading-plane/venues/paper/book-feed.core.ts'
import {
  isPrivate,
  needsAuth,
  parseChannel,
} from '@bulkhead/trading-plane/venues/paper/channels.core.ts'
import { paperVenueConfigSchema } from '@bulkhead/trading-plane/venues/paper/config.ts'
import { fullPool, spendCredit } from '@bulkhead/trading-plane/venues/paper/credits.core.ts'
import { FaultBook, matches } from '@bulkhead/trading-plane/venues/paper/faults.core.ts'
import {
  WEEK_MS,
  amountOf,
  dateCodeMs,
  lotsOf,
  priceOf,
  shiftName,
  ticksOf,
  weeksToShift,
} from '@bulkhead/trading-plane/venues/paper/instruments.core.ts'
import { loadMarketData } from '@bulkhead/trading-plane/venues/paper/market/data-files.ts'
import { Book } from '@bulkhead/trading-plane/venues/paper/matching.core.ts'
import { Replay } from '@bulkhead/trading-plane/venues/paper/market/replay.core.ts'
import { inverseProfit, valueOption } from '@bulkhead/trading-plane/venues/paper/pricing.core.ts'
import { OPTION, instrumentOf, paperExchange } from '../../../../support/paper-exchange.ts'

describe('moving captured instruments forward', () => {
  test.each([
    ['ETH-6APR21-2400-P', 1, 'ETH-13APR21-2400-P'],
    ['BTC-25MAR22-400000-C', 2, 'BTC-8APR22-400000-C'],
    ['SYN.BTC-31DEC21', 1, 'SYN.BTC-7JAN22'],
    ['BTC-25FEB28', 1, 'BTC-3MAR28'],
    ['BTC-24FEB28', 1, 'BTC-2MAR28'],
    ['index_price', 5, 'index_price'],
    ['BTC-PERPETUAL', 5, 'BTC-PERPETUAL'],
  ])('%s by %i weeks is %s', (name, weeks, expected) => {
    expect(shiftName(name, weeks)).toBe(expected)
  })

  test('agrees with the calendar on every day of five years, a leap day included', () => {
    for (let day = 0; day < 5 * 365; day += 1) {
      const date = new Date(Date.UTC(2026, 0, 1 + day))
      const month = date.toLocaleString('en-US', { month: 'short', timeZone: 'UTC' })
      const code = `${date.getUTCDate()}${month.toUpperCase()}${date.getUTCFullYear() % 100}`
      expect(dateCodeMs(code)).toBe(date.getTime())
      expect(shiftName(`X-${code}`, 0)).toBe(`X-${code}`)
    }
  })

  test('lands one to two weeks ahead, whenever the venue starts', () => {
    for (const nowMs of [5, 5 + WEEK_MS, 3 * WEEK_MS - 1, 700 * WEEK_MS + 12_345]) {
      const aheadMs = 5 + weeksToShift(5, nowMs) * WEEK_MS - nowMs
      expect(aheadMs).toBeGreaterThanOrEqual(WEEK_MS)
      expect(aheadMs).toBeLessThan(2 * WEEK_MS)
    }
  })

  test('loads every captured option once, alive for a week, and all recorded frames', () => {
    const nowMs = Date.now()
    const { instruments, frames } = loadMarketData(nowMs)
    const names = new Set(instruments.map(({ name }) => name))
    expect(names.size).toBe(instruments.length)
    expect(instruments.filter(({ kind }) => kind === 'option')).toHaveLength(912)
    expect(instruments.filter(({ kind }) => kind === 'future')).toHaveLength(4)
    for (const { expirationMs } of instruments)
      expect(expirationMs).toBeGreaterThan(nowMs + WEEK_MS)
    expect(frames).toHaveLength(460)
    expect(frames.filter((frame) => frame.kind === 'book' && frame.isSnapshot)).toHaveLength(10)
  })
})

describe('grids', () => {
  const exchange = paperExchange()
  const perpetual = instrumentOf(exchange)
  const ether = instrumentOf(exchange, 'ETH-PERPETUAL')
  const option = instrumentOf(exchange, OPTION)

  test('turn prices into ticks and back without noise', () => {
    for (const [instrument, price, ticks] of [
      [perpetual, 50_000.5, 100_001],
      [ether, 2_102.55, 42_051],
      [option, 0.0705, 141],
    ] as const) {
      expect(ticksOf(instrument, price)).toBe(ticks)
      expect(priceOf(instrument, ticks)).toBe(price)
    }
    expect(ticksOf(perpetual, 50_000.25)).toBeUndefined()
    expect(ticksOf(perpetual, Number.NaN)).toBeUndefined()
  })

  test('turn amounts into lots and back without noise', () => {
    expect(lotsOf(option, 0.3)).toBe(3)
    expect(amountOf(option, 3)).toBe(0.3)
    expect(lotsOf(perpetual, 25)).toBeUndefined()
  })
})

describe('money', () => {
  test('gives an inverse long less for the same rise than it takes for the fall', () => {
    expect(inverseProfit(1_000, 50_000, 50_000)).toBe(0)
    expect(inverseProfit(1_000, 50_000, 100_000)).toBeCloseTo(0.01, 12)
    expect(inverseProfit(-1_000, 50_000, 100_000)).toBeCloseTo(-0.01, 12)
    expect(inverseProfit(1_000, 50_000, 25_000)).toBeCloseTo(-0.02, 12)
  })

  test('values options with put-call parity and sane limits', () => {
    const terms = { forwardUsd: 60_000, strikeUsd: 50_000, years: 0.25, volatility: 0.7 }
    const call = valueOption({ ...terms, optionType: 'call' })
    const put = valueOption({ ...terms, optionType: 'put' })
    expect(call.priceCoin - put.priceCoin).toBeCloseTo(1 - 50_000 / 60_000, 6)
    expect(call.delta - put.delta).toBeCloseTo(1, 6)
    expect(call.gamma).toBeGreaterThan(0)
    const expired = valueOption({ ...terms, optionType: 'call', years: 0 })
    expect(expired).toMatchObject({ priceCoin: 1 / 6, delta: 1, gamma: 0 })
  })

  test('caps an option fee at an eighth of its price', () => {
    const exchange = paperExchange()
    const option = instrumentOf(exchange, OPTION)
    const { fees } = exchange.rules
    const part = { instrument: option, direction: 'buy', lots: 10 } as const
    expect(feeCoin(fees, { ...part, price: 0.05 }, 'T')).toBeCloseTo(0.0003, 10)
    expect(feeCoin(fees, { ...part, price: 0.0005 }, 'T')).toBeCloseTo(0.0005 / 8, 8)
  })

  test('opens an account with its deposits and nothing else', () => {
    const account = createAccount('ann', 1, { BTC: 2, ETH: 3 })
    expect(account.wallets.BTC).toEqual({ cashCoin: 2, realizedCoin: 0, feesCoin: 0 })
    expect(account.positions.size).toBe(0)
  })
})

describe('credits', () => {
  test('spend down to nothing and refill at their rate up to the burst', () => {
    const limit = { rate: 5, burst: 3 }
    const pool = fullPool(limit, 1_000)
    const spent = [1_000, 1_000, 1_000, 1_000].map((tickMs) => spendCredit(pool, limit, tickMs))
    expect(spent).toEqual([true, true, true, false])
    expect(spendCredit(pool, limit, 1_199)).toBe(false)
    expect(spendCredit(pool, limit, 1_200)).toBe(true)
    for (let count = 0; count < 3; count += 1) expect(spendCredit(pool, limit, 99_000)).toBe(true)
    expect(spendCredit(pool, limit, 99_000)).toBe(false)
  })
})

describe('channel names', () => {
  const { instruments } = paperExchange()

  test.each([
    ['book.BTC-PERPETUAL.raw', { family: 'book', pace: 'raw' }],
    ['book.BTC-PERPETUAL.none.10.100ms', { family: 'grouped', groupTicks: 1, depth: 10 }],
    ['book.BTC-PERPETUAL.5.20.100ms', { family: 'grouped', groupTicks: 10, depth: 20 }],
    ['ticker.ETH-PERPETUAL.100ms', { family: 'ticker', pace: '100ms' }],
    ['quote.ETH-PERPETUAL', { family: 'quote' }],
    ['trades.BTC-PERPETUAL.raw', { family: 'trades', pace: 'raw' }],
    ['trades.future.BTC.100ms', { family: 'trades', filter: { kind: 'future', currency: 'BTC' } }],
    ['user.orders.any.any.raw', { family: 'user-orders', filter: { kind: undefined } }],
    ['user.orders.BTC-PERPETUAL.raw', { filter: { instrumentName: 'BTC-PERPETUAL' } }],
    ['user.changes.option.eth.100ms', { family: 'user-changes', filter: { currency: 'ETH' } }],
    ['user.portfolio.any', { family: 'user-portfolio', currency: undefined }],
    ['deribit_price_index.btc_usd', { family: 'index', currency: 'BTC' }],
    ['platform_state', { family: 'platform' }],
  ])('reads %s', (name, expected) => {
    expect(parseChannel(name, instruments)).toMatchObject(expected)
  })

  test.each([
    'book.BTC-NOPE.raw',
    'book.BTC-PERPETUAL.1s',
    'book.BTC-PERPETUAL.none.7.100ms',
    'book.BTC-PERPETUAL.0.3.10.100ms',
    'user.orders.any.doge.raw',
    'user.secrets.any',
    'trades.BTC-PERPETUAL',
    'platform_state.x',
    '',
    'book',
  ])('knows no %s', (name) => {
    expect(parseChannel(name, instruments)).toBeUndefined()
  })

  test('asks for a key for private channels and raw feeds only', () => {
    const of = (name: string) => {
      const spec = parseChannel(name, instruments)
      return spec === undefined ? undefined : [isPrivate(spec), needsAuth(spec)]
    }
    expect(of('user.portfolio.btc')).toEqual([true, true])
    expect(of('ticker.BTC-PERPETUAL.raw')).toEqual([false, true])
    expect(of('ticker.BTC-PERPETUAL.100ms')).toEqual([false, false])
  })
})

describe('the book feed', () => {
  test('says nothing about levels that were touched but stand as they were sent', () => {
    const instrument = instrumentOf(paperExchange())
    const book = new Book(() => undefined)
    book.rest({ id: 'a', direction: 'buy', priceTicks: 100, owner: 'x', lots: 3 })
    const feed = new BookFeed(instrument, book, 1)
    feed.touch([
      { direction: 'buy', priceTicks: 100 },
      { direction: 'sell', priceTicks: 101 },
    ])
    expect(feed.change(book, 2, 0)).toBeUndefined()
    expect(feed.snapshot(0)).toMatchObject({ change_id: 1, bids: [['new', 50, 30]], asks: [] })
  })
})

describe('planted faults', () => {
  const fault = (parts: object) => ({
    kind: 'drop' as const,
    method: undefined,
    channel: undefined,
    clientId: undefined,
    delayMs: 0,
    code: undefined,
    times: undefined,
    ...parts,
  })

  test.each([
    ['private/*', 'private/buy', true],
    ['private/*', 'public/test', false],
    ['*', 'anything', true],
    ['book.*.raw', 'book.BTC-PERPETUAL.raw', true],
    ['book.*.raw', 'book.raw', false],
    ['a*a', 'a', false],
    ['*b*c', 'abbbc', true],
    ['private/buy', 'private/buy_all', false],
  ])('pattern %s on %s is %s', (pattern, text, expected) => {
    expect(matches(pattern, text)).toBe(expected)
  })

  test('are used up by their count, oldest first', () => {
    const book = new FaultBook()
    book.plant(fault({ method: 'private/buy', times: 2 }))
    const subject = { method: 'private/buy', clientId: 'a' }
    const taken = [1, 2, 3].map(() => book.take(['drop'], subject) !== undefined)
    expect(taken).toEqual([true, true, false])
    expect(book.size).toBe(0)
  })

  test('do not touch other kinds, methods, keys, or the other side of the wire', () => {
    const book = new FaultBook()
    book.plant(fault({ method: 'private/buy', clientId: 'a' }))
    expect(book.take(['delay'], { method: 'private/buy', clientId: 'a' })).toBeUndefined()
    expect(book.take(['drop'], { method: 'private/sell', clientId: 'a' })).toBeUndefined()
    expect(book.take(['drop'], { method: 'private/buy', clientId: 'b' })).toBeUndefined()
    expect(book.take(['drop'], { channel: 'private/buy', clientId: 'a' })).toBeUndefined()
    expect(book.take(['drop'], { method: 'private/buy', clientId: 'a' })).toBeDefined()
  })
})

describe('the replay', () => {
  const frame = (offsetMs: number) =>
    ({
      kind: 'book',
      offsetMs,
      instrumentName: `${offsetMs}`,
      isSnapshot: false,
      levels: [],
    }) as const

  test('hands out frames in order when they are due, and begins again a second after the last', () => {
    const replay = new Replay([frame(0), frame(150), frame(300)])
    const heard = Array.from({ length: 15 }, () =>
      replay.advance(100).map(({ offsetMs }) => offsetMs),
    )
    expect(heard.flat()).toEqual([0, 150, 300, 0, 150])
    expect(heard[0]).toEqual([0])
    expect(heard[1]).toEqual([150])
    expect(heard[12]).toEqual([0])
  })
})

describe('configuration', () => {
  const key = { clientId: 'a', clientSecretFile: '/x' }

  test('fills in the documented limits of the exchange', () => {
    const config = paperVenueConfigSchema.parse({ accounts: [{ name: 'desk', keys: [key] }] })
    expect(config.credits.matching).toEqual({ rate: 5, burst: 20 })
    expect(config.limits).toMatchObject({ connectionsMax: 32, frameBytesMax: 32_768 })
    expect(config.heartbeatSecondsMin).toBe(10)
  })

  test.each([
    ['two keys of one name', { accounts: [{ name: 'desk', keys: [key, key] }] }],
    ['no account', { accounts: [] }],
    ['a public address', { host: '0.0.0.0', accounts: [{ name: 'desk', keys: [key] }] }],
    ['an unknown key', { ports: 1, accounts: [{ name: 'desk', keys: [key] }] }],
    [
      'a maintenance margin above the initial one',
      { margin: { futureMaintenance: 0.5 }, accounts: [{ name: 'desk', keys: [key] }] },
    ],
  ])('refuses %s', (_title, raw) => {
    expect(paperVenueConfigSchema.safeParse(raw).success).toBe(false)
  })
})
