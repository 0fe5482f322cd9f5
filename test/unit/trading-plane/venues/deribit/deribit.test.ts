import { describe, expect, test } from 'vitest'
import { backoffMs } from '@bulkhead/trading-plane/venues/deribit/backoff.core.ts'
import {
  classifyError,
  mayMeanInstrumentGone,
  type OutcomeClass,
  outcomeTable,
} from '@bulkhead/trading-plane/venues/deribit/errors.ts'
import {
  accountSummariesSchema,
  rateLimitSchema,
  bookSchema,
  changesSchema,
  instrumentsSchema,
  orderNewsSchema,
  placeResultSchema,
  positionsSchema,
  tradesSchema,
} from '@bulkhead/trading-plane/venues/deribit/parse.ts'
import {
  clockSample,
  observeServerTime,
  serverMsAt,
} from '@bulkhead/trading-plane/venues/deribit/server-clock.core.ts'

/** Every code of the exchange's published table that an order, a cancel or a read can meet. */
const published = `
10000 10001 10002 10003 10004 10005 10006 10007 10009 10010 10011 10012 10013 10014 10015 10016
10017 10018 10019 10020 10021 10022 10023 10024 10025 10026 10027 10028 10029 10030 10031 10032
10033 10034 10035 10036 10037 10038 10039 10040 10041 10043 10044 10045 10046 10047 10048 10049
10050 10066 10072 11008 11013 11021 11022 11029 11030 11031 11035 11036 11037 11038 11039 11041
11042 11043 11044 11045 11046 11047 11048 11049 11050 11051 11052 11053 11054 11055 11056 11094
11098 12003 13004 13006 13008 13009 13010 13011 13012 13016 13018 13019 13020 13021 13025 13028
13030 13031 13032 13040 13042 13043 13403 13503 13666 13777 13778 13888 13901 13902 13903
-32000 -32600 -32601 -32602 -32700`
  .trim()
  .split(/\s+/)
  .map(Number)

describe('the outcome table', () => {
  test('has every published code exactly once and no other', () => {
    expect(new Set(outcomeTable.keys())).toEqual(new Set(published))
    expect(outcomeTable.size).toBe(published.length)
  })

  test.each<[number, OutcomeClass]>([
    [13_888, 'DEFINITE_REJECT'],
    [10_028, 'DEFINITE_REJECT'],
    [11_054, 'DEFINITE_REJECT'],
    [13_666, 'DEFINITE_REJECT'],
    [10_047, 'RETRY_SAFE'],
    [10_066, 'RETRY_SAFE'],
    [11_094, 'AMBIGUOUS'],
    [13_028, 'AMBIGUOUS'],
    [10_001, 'AMBIGUOUS'],
    [99_999, 'AMBIGUOUS'],
    [0, 'AMBIGUOUS'],
  ])('classes %i as %s', (code, outcome) => {
    expect(classifyError(code)).toBe(outcome)
  })
})

test('only codes about an order or its instrument can be the end of an instrument', () => {
  expect(published.filter((code) => mayMeanInstrumentGone(code))).toEqual([
    10_004, 10_010, 10_012, 10_020, 13_020,
  ])
})

describe('the account', () => {
  const summary = { currency: 'BTC', equity: 2, maintenance_margin: 0.5, initial_margin: 1 }

  test('is margin and equity of every currency, whatever else is told', () => {
    const wire = { id: 1, summaries: [{ ...summary, balance: 3, limits: {} }] }
    expect(accountSummariesSchema.parse(wire)).toEqual([
      { currency: 'BTC', equity: 2, maintenanceMargin: 0.5, initialMargin: 1 },
    ])
  })

  test.each([
    { summaries: [] },
    {},
    { summaries: [{ ...summary, equity: null }] },
    { summaries: [{ ...summary, maintenance_margin: undefined }] },
    { summaries: [{ ...summary, maintenance_margin: -1 }] },
  ])('of which too little is told is not an account without margin: %o', (wire) => {
    expect(accountSummariesSchema.safeParse(wire).success).toBe(false)
  })
})

/** Order entry as the exchange answered it (captured), with the fields that we do not read. */
const capturedOrder = {
  creation_timestamp: 1_767_978_363_493,
  label: 'O-19700101-000000-001-001-1',
  price: 2973.55,
  user_id: 96_103,
  amount: 0.001,
  direction: 'buy',
  time_in_force: 'good_til_cancelled',
  instrument_name: 'ETH_USDC-PERPETUAL',
  order_id: 'USDC-104819327443',
  filled_amount: 0.0,
  post_only: true,
  reduce_only: false,
  mmp: false,
  order_state: 'open',
  order_type: 'limit',
}

describe('messages of the exchange', () => {
  test('an order that was just placed', () => {
    const parsed = placeResultSchema.parse({ order: capturedOrder, trades: [] })
    expect(parsed.order).toEqual({
      venueOrderId: 'USDC-104819327443',
      label: 'O-19700101-000000-001-001-1',
      instrument: 'ETH_USDC-PERPETUAL',
      side: 'buy',
      price: 2973.55,
      amount: 0.001,
      filledAmount: 0,
      reduceOnly: false,
      state: 'open',
      createdMs: 1_767_978_363_493,
      cancelReason: '',
    })
  })

  test('news of one order or of a list, with or without a price of its own', () => {
    const market = { ...capturedOrder, price: 'market_price' }
    expect(orderNewsSchema.parse(market)).toMatchObject([{ price: null }])
    expect(orderNewsSchema.parse([capturedOrder, market])).toHaveLength(2)
    expect(orderNewsSchema.safeParse({ order: capturedOrder }).success).toBe(false)
  })

  test.each([
    { order_state: 'archived' },
    { direction: 'bye' },
    { amount: -1 },
    { amount: null },
    { order_id: 7 },
  ])('an order with %o is not understood', (change) => {
    expect(orderNewsSchema.safeParse({ ...capturedOrder, ...change }).success).toBe(false)
  })

  test('positions are signed by their direction', () => {
    const at = (direction: string, size: number) => ({ instrument_name: 'X-1', direction, size })
    const parsed = positionsSchema.parse([
      at('buy', 10),
      at('sell', -10),
      at('sell', 10),
      at('zero', 0),
    ])
    expect(parsed.map(({ size }) => size)).toEqual([10, -10, -10, 0])
  })

  test('changes may lack any of their parts', () => {
    expect(changesSchema.parse({})).toEqual({ orders: [], trades: [], positions: [] })
  })

  test('trades with numbers in exponent form', () => {
    const text = `[{"trade_id":"ETH-1","order_id":"2","instrument_name":"ETH-PERPETUAL",
      "direction":"sell","amount":3.2e4,"price":2.1e3,"fee":-4.0e-7,"timestamp":1}]`
    expect(tradesSchema.parse(JSON.parse(text))).toMatchObject([
      { amount: 32_000, price: 2_100, fee: -0.000_000_4, label: '' },
    ])
  })

  const future = {
    kind: 'future',
    instrument_name: 'BTC-PERPETUAL',
    instrument_type: 'reversed',
    settlement_period: 'perpetual',
    expiration_timestamp: 32_503_708_800_000,
    tick_size: 0.5,
    contract_size: 10.0,
    min_trade_amount: 10.0,
    settlement_currency: 'BTC',
    base_currency: 'BTC',
    quote_currency: 'USD',
    tick_size_steps: [],
  }

  test.each([
    [{}, { kind: 'perpetual', amountStep: '10', minAmount: '10', tickSize: '0.5' }],
    [{ settlement_period: 'month' }, { kind: 'inverse_future' }],
    [
      { instrument_type: 'linear', quote_currency: 'USDC', settlement_currency: 'USDC' },
      { kind: 'linear_future', currency: 'USDC' },
    ],
    [
      { kind: 'option', contract_size: 1, min_trade_amount: 0.1, quote_currency: 'BTC' },
      { kind: 'option', amountStep: '0.1', minAmount: '0.1' },
    ],
    [{ tick_size: undefined }, { tickSize: null }],
    [{ tick_size: 0 }, { tickSize: null }],
    [{ contract_size: undefined }, { amountStep: null }],
    [{ tick_size: 0.000_000_1 }, { tickSize: '1e-7' }],
    [{ settlement_currency: undefined }, { currency: 'BTC' }],
  ])('an instrument with %o', (change, expected) => {
    expect(instrumentsSchema.parse([{ ...future, ...change }])).toMatchObject([expected])
  })

  test('a book of today and one of 2019 that has no type', () => {
    const old = {
      timestamp: 1_564_617_600_273,
      instrument_name: 'ETH-PERPETUAL',
      change_id: 1_776_289_261,
      bids: [['new', 217.8, 1895]],
      asks: [],
    }
    expect(bookSchema.parse(old)).toMatchObject({ isSnapshot: true, previousChangeId: null })
    const change = { ...old, prev_change_id: 5, bids: [['delete', 217.8, 0]] }
    expect(bookSchema.parse(change)).toMatchObject({ isSnapshot: false, bids: [[217.8, 0]] })
    const typed = { ...old, type: 'snapshot', prev_change_id: 20 }
    expect(bookSchema.parse(typed)).toMatchObject({ isSnapshot: true, previousChangeId: 20 })
    expect(bookSchema.safeParse({ ...old, bids: [['moved', 1, 1]] }).success).toBe(false)
  })
})

test('the venue clock follows the sample with the shortest way, for a minute', () => {
  const first = observeServerTime(null, 0, 100, 5_050)
  expect(serverMsAt(first, 100)).toBe(5_100)
  const worse = observeServerTime(first, 1_000, 1_500, 9_999)
  expect(worse).toBe(first)
  const better = observeServerTime(first, 2_000, 2_010, 7_005)
  expect(serverMsAt(better, 2_010)).toBe(7_010)
  const late = observeServerTime(better, 63_000, 63_200, 70_000)
  expect(serverMsAt(late, 63_200)).toBe(70_100)
  expect(serverMsAt(null, 1)).toBeNull()
})

test('a single look at the venue clock ignores what was seen before', () => {
  expect(clockSample(1_000, 1_500, 9_000)).toEqual({
    offsetMs: 9_000 - 1_250,
    roundTripMs: 500,
    observedTickMs: 1_500,
  })
})

test('pauses between connections double up to their bound', () => {
  const bounds = { firstMs: 100, mostMs: 1_000 }
  const waits = [0, 1, 2, 3, 4, 5, 1_000].map((attempt) => backoffMs(attempt, bounds))
  expect(waits).toEqual([100, 100, 200, 400, 800, 1_000, 1_000])
})

describe('what the account may send', () => {
  const five = { rate: 5, burst: 20 }
  const ten = { rate: 10, burst: 30 }
  const wire = (limits: unknown) => rateLimitSchema.safeParse({ currency: 'BTC', limits }).data

  test.each([
    ['by groups', { trading: { total: five }, spot: ten }],
    ['as one pool', five],
    ['by currency, of which the least counts', { btc: { trading: { total: ten } }, eth: five }],
  ])('is told %s', (_how, matching) => {
    expect(wire({ matching_engine: matching })).toEqual({ ...five, questionsRate: null })
    const other = { rate: 20, burst: 100 }
    const told = wire({ matching_engine: matching, non_matching_engine: other })
    expect(told).toEqual({ ...five, questionsRate: 20 })
  })

  test.each([
    [undefined],
    [{}],
    [{ matching_engine: {} }],
    [{ matching_engine: { rate: 0, burst: 20 } }],
    [{ matching_engine: { rate: 5 } }],
    [{ matching_engine: 'many' }],
  ])('is not known from %j', (limits) => {
    expect(wire(limits)).toBeUndefined()
  })
})
