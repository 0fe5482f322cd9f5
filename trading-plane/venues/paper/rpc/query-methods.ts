import { z } from 'zod'
import { fail, ok } from '@bulkhead/shared/kernel/result.ts'
import { rpcErrors } from '../errors.core.ts'
import type { Currency, Instrument } from '../instruments.core.ts'
import { orderView, type Order } from '../orders.core.ts'
import type { OwnFill } from '../trades.core.ts'
import { fillViews } from '../account-views.core.ts'
import {
  type Call,
  type Method,
  booleanParam,
  countParam,
  currencyParam,
  findInstrument,
  instrumentParam,
  integerParam,
  isRpcError,
  kindParam,
  labelParam,
  method,
  numberParam,
  orderIdParam,
  principalOf,
} from './method.ts'

/** Without `historical` the exchange shows finished orders for 30 minutes and trades for a day. */
const ORDER_RECALL_MS = 30 * 60_000
const TRADE_RECALL_MS = 86_400_000
const DEFAULT_COUNT = 20
const DEFAULT_TRADES = 10

const historyShape = {
  count: countParam.default(DEFAULT_COUNT),
  offset: integerParam.pipe(z.number().min(0)).default(0),
  historical: booleanParam.default(false),
  include_old: booleanParam.default(false),
  include_unfilled: booleanParam.default(false),
}
const tradesShape = {
  count: countParam.default(DEFAULT_TRADES),
  start_timestamp: integerParam.default(0),
  end_timestamp: integerParam.default(Number.MAX_SAFE_INTEGER),
  start_seq: numberParam.default(0),
  end_seq: numberParam.default(Number.MAX_SAFE_INTEGER),
  historical: booleanParam.default(false),
  sorting: z.enum(['asc', 'desc', 'default']).default('default'),
}
const currencyAndKind = { currency: currencyParam, kind: kindParam.default('any') }

type Picks = (instrument: Instrument) => boolean

/** Orders and trades of the caller's account, open and finished. */
export const queryMethods: Readonly<Record<string, Method>> = {
  'private/get_open_orders': method(
    { access: 'private' },
    { kind: kindParam.default('any') },
    (call, { kind }) =>
      ok(openOrders(call, ({ instrument }) => kind === 'any' || kind === instrument.kind)),
  ),
  'private/get_open_orders_by_currency': method({ access: 'private' }, currencyAndKind, (call, p) =>
    ok(openOrders(call, ({ instrument }) => byCurrency(p)(instrument))),
  ),
  'private/get_open_orders_by_instrument': method(
    { access: 'private' },
    { instrument_name: instrumentParam },
    (call, params) => {
      const instrument = findInstrument(call, params.instrument_name)
      if (isRpcError(instrument)) return fail(instrument)
      return ok(openOrders(call, (order) => order.instrument === instrument))
    },
  ),
  'private/get_open_orders_by_label': method(
    { access: 'private' },
    { currency: currencyParam, label: labelParam.default('') },
    (call, { currency, label }) =>
      ok(
        openOrders(
          call,
          (order) => order.instrument.currency === currency && order.label === label,
        ),
      ),
  ),

  'private/get_order_state': method(
    { access: 'private' },
    { order_id: orderIdParam },
    (call, params) => {
      const order = call.venue.exchange.orders.get(params.order_id)
      if (order === undefined) return fail(rpcErrors.ORDER_NOT_FOUND)
      if (order.account !== principalOf(call).account) return fail(rpcErrors.NOT_OWNER_OF_ORDER)
      return ok(orderView(order))
    },
  ),
  'private/get_order_state_by_label': method(
    { access: 'private' },
    { currency: currencyParam, label: labelParam },
    (call, { currency, label }) => {
      const { orders } = call.venue.exchange
      const { account } = principalOf(call)
      const recent = orders
        .closed(account)
        .filter((order) => call.nowMs - order.updateMs < ORDER_RECALL_MS)
      const found = [...orders.open(account), ...recent]
        .filter((order) => order.instrument.currency === currency && order.label === label)
        .toSorted((left, right) => right.creationMs - left.creationMs)
      return ok(found.map(orderView))
    },
  ),
  'private/get_order_history_by_currency': method(
    { access: 'private' },
    { ...currencyAndKind, ...historyShape },
    (call, params) => ok(history(call, byCurrency(params), params)),
  ),
  'private/get_order_history_by_instrument': method(
    { access: 'private' },
    { instrument_name: instrumentParam, ...historyShape },
    (call, params) => {
      const instrument = findInstrument(call, params.instrument_name)
      if (isRpcError(instrument)) return fail(instrument)
      return ok(history(call, (other) => other === instrument, params))
    },
  ),

  'private/get_user_trades_by_order': method(
    { access: 'private' },
    { order_id: orderIdParam, historical: booleanParam.optional() },
    (call, params) => {
      const { exchange } = call.venue
      const fills = exchange.orders.fills(principalOf(call).account)
      return ok(fillViews(fills.filter(({ order }) => order.orderId === params.order_id)))
    },
  ),
  ...userTrades('by_currency', ''),
  ...userTrades('by_currency', '_and_time'),
  ...userTrades('by_instrument', ''),
  ...userTrades('by_instrument', '_and_time'),
}

function byCurrency(params: { readonly currency: Currency; readonly kind: string }): Picks {
  return (instrument) =>
    instrument.currency === params.currency &&
    (params.kind === 'any' || params.kind === instrument.kind)
}

function openOrders(call: Call, picks: (order: Order) => boolean) {
  const open = call.venue.exchange.orders.open(principalOf(call).account)
  return open.filter(picks).map(orderView)
}

function history(
  call: Call,
  picks: Picks,
  params: {
    count: number
    offset: number
    historical: boolean
    include_old: boolean
    include_unfilled: boolean
  },
) {
  const { orders } = call.venue.exchange
  const isRecalled = params.historical || params.include_old
  const closed = orders
    .closed(principalOf(call).account)
    .filter(
      (order) =>
        picks(order.instrument) &&
        (params.include_unfilled || order.filledLots > 0) &&
        (isRecalled || call.nowMs - order.updateMs < ORDER_RECALL_MS),
    )
    .toReversed()
  return closed.slice(params.offset, params.offset + params.count).map(orderView)
}

function userTrades(by: 'by_currency' | 'by_instrument', suffix: string) {
  const name = `private/get_user_trades_${by}${suffix}`
  if (by === 'by_currency') {
    const shape = { ...currencyAndKind, ...tradesShape }
    return {
      [name]: method({ access: 'private' }, shape, (call, params) =>
        ok(tradesReply(call, byCurrency(params), params)),
      ),
    }
  }
  const shape = { instrument_name: instrumentParam, ...tradesShape }
  return {
    [name]: method({ access: 'private' }, shape, (call, params) => {
      const instrument = findInstrument(call, params.instrument_name)
      if (isRpcError(instrument)) return fail(instrument)
      return ok(tradesReply(call, (other) => other === instrument, params))
    }),
  }
}

function tradesReply(
  call: Call,
  picks: Picks,
  params: {
    count: number
    start_timestamp: number
    end_timestamp: number
    start_seq: number
    end_seq: number
    historical: boolean
    sorting: 'asc' | 'desc' | 'default'
  },
) {
  const isWanted = ({ print }: OwnFill) =>
    picks(print.instrument) &&
    print.timestampMs >= params.start_timestamp &&
    print.timestampMs <= params.end_timestamp &&
    print.tradeSeq >= params.start_seq &&
    print.tradeSeq <= params.end_seq &&
    (params.historical || call.nowMs - print.timestampMs < TRADE_RECALL_MS)
  const fills = call.venue.exchange.orders.fills(principalOf(call).account).filter(isWanted)
  const chosen =
    params.sorting === 'asc'
      ? fills.slice(0, params.count)
      : fills.toReversed().slice(0, params.count)
  return { trades: fillViews(chosen), has_more: fills.length > params.count }
}
