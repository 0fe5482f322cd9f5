import { z } from 'zod'
import { fail, ok } from '@bulkhead/shared/kernel/result.ts'
import type { Account } from '../account.core.ts'
import { positionOf } from '../account.core.ts'
import { rpcErrors } from '../errors.core.ts'
import { type Currency, type Instrument, currencies } from '../instruments.core.ts'
import { orderView, type Order } from '../orders.core.ts'
import type { OwnFill } from '../trades.core.ts'
import { fillViews, portfolioView, positionView } from '../views.core.ts'
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

  'private/get_position': method(
    { access: 'private' },
    { instrument_name: instrumentParam },
    (call, params) => {
      const instrument = findInstrument(call, params.instrument_name)
      if (isRpcError(instrument)) return fail(instrument)
      const { account } = principalOf(call)
      return ok(positionView(call.venue, account, positionOf(account, instrument)))
    },
  ),
  'private/get_positions': method(
    { access: 'private' },
    {
      currency: z.union([currencyParam, z.enum(['any', 'USDC', 'USDT', 'EURR'])]).default('any'),
      kind: kindParam.default('any'),
    },
    (call, { currency, kind }) => {
      const { account } = principalOf(call)
      const held = [...account.positions.values()].filter(
        ({ instrument, lots }) =>
          lots !== 0 &&
          (currency === 'any' || instrument.currency === currency) &&
          (kind === 'any' || instrument.kind === kind),
      )
      return ok(held.map((position) => positionView(call.venue, account, position)))
    },
  ),

  'private/get_account_summary': method(
    { access: 'private' },
    { currency: currencyParam, extended: booleanParam.default(false) },
    (call, { currency, extended }) => {
      const { account } = principalOf(call)
      return ok({
        ...portfolioView(call.venue, account, currency),
        deposit_address: '',
        fees: [],
        limits: limitsView(call),
        ...(extended ? identityView(account) : {}),
      })
    },
  ),
  'private/get_account_summaries': method(
    { access: 'private' },
    { extended: booleanParam.default(false) },
    (call) => {
      const { account } = principalOf(call)
      const summaries = currencies.map((currency) => ({
        ...portfolioView(call.venue, account, currency),
        limits: limitsView(call),
      }))
      return ok({ ...identityView(account), summaries })
    },
  ),
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

function limitsView({ venue }: Call) {
  const { matching, nonMatching, cancelAll } = venue.config.credits
  return {
    matching_engine: {
      trading: { total: matching },
      spot: matching,
      cancel_all: cancelAll ?? matching,
      maximum_quotes: { rate: 500, burst: 500 },
      maximum_mass_quotes: { rate: 10, burst: 10 },
      guaranteed_mass_quotes: { rate: 2, burst: 2 },
      block_rfq_maker: { rate: 10, burst: 20 },
    },
    limits_per_currency: false,
    non_matching_engine: nonMatching,
  }
}

function identityView(account: Account) {
  return {
    id: account.userId,
    email: `${account.name}@paper.invalid`,
    system_name: account.name,
    username: account.name,
    type: 'subaccount',
    creation_timestamp: 0,
    referrer_id: null,
    login_enabled: false,
    security_keys_enabled: false,
    mmp_enabled: false,
    interuser_transfers_enabled: false,
    self_trading_reject_mode: 'cancel_maker',
    self_trading_extended_to_subaccounts: false,
  }
}
