import { z } from 'zod'
import { fail, ok } from '@bulkhead/shared/kernel/result.ts'
import { currencies } from '../instruments.core.ts'
import { printView } from '../trades.core.ts'
import { bookSummaryView, instrumentView, orderBookView, tickerView } from '../market-views.core.ts'
import {
  type Method,
  booleanParam,
  countParam,
  currencyParam,
  findInstrument,
  instrumentParam,
  integerParam,
  isRpcError,
  kindParam,
  method,
} from './method.ts'

const DEFAULT_DEPTH = 5
const DEFAULT_COUNT = 10

/** Currency names as the exchange lists them; the venue settles in the first two only. */
const currencyNames = { BTC: 'Bitcoin', ETH: 'Ethereum' } as const

/** What anybody may ask about instruments, prices and trades. */
export const marketMethods: Readonly<Record<string, Method>> = {
  'public/get_currencies': method({ access: 'public' }, {}, () =>
    ok(
      currencies.map((currency) => ({
        coin_type: currency,
        currency,
        currency_long: currencyNames[currency],
        fee_precision: 4,
        min_confirmations: 1,
        min_withdrawal_fee: 0.0001,
        withdrawal_fee: 0.0001,
        withdrawal_priorities: [],
        in_cross_collateral_pool: false,
      })),
    ),
  ),

  'public/get_instruments': method(
    { access: 'public' },
    {
      currency: z.union([currencyParam, z.enum(['any', 'USDC', 'USDT', 'EURR'])]).default('any'),
      kind: kindParam.default('any'),
      expired: booleanParam.default(false),
    },
    ({ venue, nowMs }, { currency, kind, expired }) => {
      const instruments = [...venue.exchange.instruments.values()].filter(
        (instrument) =>
          (currency === 'any' || instrument.currency === currency) &&
          (kind === 'any' || instrument.kind === kind) &&
          nowMs >= instrument.expirationMs === expired,
      )
      return ok(instruments.map((instrument) => instrumentView(venue, instrument, nowMs)))
    },
  ),

  'public/get_instrument': method(
    { access: 'public' },
    { instrument_name: instrumentParam },
    (call, params) => {
      const instrument = findInstrument(call, params.instrument_name)
      if (isRpcError(instrument)) return fail(instrument)
      return ok(instrumentView(call.venue, instrument, call.nowMs))
    },
  ),

  'public/ticker': method(
    { access: 'public' },
    { instrument_name: instrumentParam },
    (call, params) => {
      const instrument = findInstrument(call, params.instrument_name)
      if (isRpcError(instrument)) return fail(instrument)
      return ok(tickerView(call.venue, instrument, call.nowMs))
    },
  ),

  'public/get_order_book': method(
    { access: 'public' },
    {
      instrument_name: instrumentParam,
      depth: integerParam.pipe(z.number().min(1).max(10_000)).default(DEFAULT_DEPTH),
    },
    (call, params) => {
      const instrument = findInstrument(call, params.instrument_name)
      if (isRpcError(instrument)) return fail(instrument)
      const changeId = call.venue.publisher.changeId(instrument)
      const at = { depth: params.depth, changeId, nowMs: call.nowMs }
      return ok(orderBookView(call.venue, instrument, at))
    },
  ),

  'public/get_book_summary_by_instrument': method(
    { access: 'public' },
    { instrument_name: instrumentParam },
    (call, params) => {
      const instrument = findInstrument(call, params.instrument_name)
      if (isRpcError(instrument)) return fail(instrument)
      return ok([bookSummaryView(call.venue, instrument, call.nowMs)])
    },
  ),
  'public/get_book_summary_by_currency': method(
    { access: 'public' },
    { currency: currencyParam, kind: kindParam.default('any') },
    ({ venue, nowMs }, { currency, kind }) => {
      const instruments = [...venue.exchange.instruments.values()].filter(
        (instrument) =>
          instrument.currency === currency && (kind === 'any' || instrument.kind === kind),
      )
      return ok(instruments.map((instrument) => bookSummaryView(venue, instrument, nowMs)))
    },
  ),

  'public/get_last_trades_by_instrument': lastTradesMethod(),
  'public/get_last_trades_by_instrument_and_time': lastTradesMethod(),

  'public/get_index_price': method(
    { access: 'public' },
    { index_name: z.enum(['btc_usd', 'eth_usd']) },
    ({ venue }, params) => {
      const price = venue.market.indexPrice(params.index_name === 'btc_usd' ? 'BTC' : 'ETH')
      return ok({ index_price: price, estimated_delivery_price: price })
    },
  ),
}

function lastTradesMethod(): Method {
  const shape = {
    instrument_name: instrumentParam,
    count: countParam.default(DEFAULT_COUNT),
    start_seq: integerParam.default(0),
    end_seq: integerParam.default(Number.MAX_SAFE_INTEGER),
    start_timestamp: integerParam.default(0),
    end_timestamp: integerParam.default(Number.MAX_SAFE_INTEGER),
    sorting: z.enum(['asc', 'desc', 'default']).default('default'),
  }
  return method({ access: 'public' }, shape, (call, params) => {
    const instrument = findInstrument(call, params.instrument_name)
    if (isRpcError(instrument)) return fail(instrument)
    const prints = call.venue.exchange.tape
      .of(instrument)
      .filter(
        ({ tradeSeq, timestampMs }) =>
          tradeSeq >= params.start_seq &&
          tradeSeq <= params.end_seq &&
          timestampMs >= params.start_timestamp &&
          timestampMs <= params.end_timestamp,
      )
    const isFromOldest = params.sorting === 'asc'
    const chosen = isFromOldest ? prints.slice(0, params.count) : prints.slice(-params.count)
    const views = chosen.map(printView)
    const trades = params.sorting === 'desc' ? views.toReversed() : views
    return ok({ trades, has_more: prints.length > params.count })
  })
}
