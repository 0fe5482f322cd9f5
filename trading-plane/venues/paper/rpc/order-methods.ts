import { z } from 'zod'
import { fail, ok, type Result } from '@bulkhead/shared/kernel/result.ts'
import { invalidParams, rpcErrors, type RpcError } from '../errors.core.ts'
import type { Placed } from '../exchange.core.ts'
import { amountOf } from '../instruments.core.ts'
import type { Direction } from '../matching.core.ts'
import type { PlaceRequest } from '../order-checks.core.ts'
import { orderView, type Order } from '../orders.core.ts'
import { fillViews } from '../account-views.core.ts'
import {
  type Call,
  type Method,
  booleanParam,
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

const placeShape = {
  instrument_name: instrumentParam,
  amount: numberParam.optional(),
  contracts: numberParam.optional(),
  type: z.enum(['limit', 'market']).default('limit'),
  price: numberParam.optional(),
  label: labelParam.default(''),
  time_in_force: z
    .enum(['good_til_cancelled', 'immediate_or_cancel', 'fill_or_kill'])
    .default('good_til_cancelled'),
  post_only: booleanParam.default(false),
  reject_post_only: booleanParam.default(false),
  reduce_only: booleanParam.default(false),
  valid_until: integerParam.optional(),
  // An order that means something else with these must not be taken for a plain one.
  advanced: z.never().optional(),
  trigger: z.never().optional(),
  trigger_price: z.never().optional(),
  linked_order_type: z.never().optional(),
}
const orderTypeParam = z.enum(['all', 'limit', 'trigger_all', 'stop', 'take']).default('all')
const cancelShape = { detailed: booleanParam.default(false), type: orderTypeParam }

/** Placing, changing and cancelling orders: what spends matching credits. */
export const orderMethods: Readonly<Record<string, Method>> = {
  'private/buy': placeMethod('buy'),
  'private/sell': placeMethod('sell'),

  'private/edit': method(
    { access: 'trade', credit: 'matching' },
    {
      order_id: orderIdParam,
      amount: numberParam.optional(),
      contracts: numberParam.optional(),
      price: numberParam.optional(),
      post_only: booleanParam.optional(),
      reject_post_only: booleanParam.optional(),
      valid_until: integerParam.optional(),
    },
    (call, params) => {
      const { account } = principalOf(call)
      const order = call.venue.exchange.orders.get(params.order_id)
      const contractSize = order?.instrument.contractSize ?? 1
      const request = {
        orderId: params.order_id,
        amount:
          params.amount ??
          (params.contracts === undefined ? undefined : params.contracts * contractSize),
        price: params.price,
        postOnly: params.post_only,
        rejectPostOnly: params.reject_post_only,
        validUntilMs: params.valid_until,
      }
      return placedReply(call.venue.exchange.edit(account, request, call.nowMs))
    },
  ),

  'private/cancel': method(
    { access: 'trade', credit: 'matching' },
    { order_id: orderIdParam },
    (call, params) => {
      const { account } = principalOf(call)
      const cancelled = call.venue.exchange.cancel(account, params.order_id, call.nowMs)
      return cancelled.ok ? ok(orderView(cancelled.value)) : cancelled
    },
  ),

  'private/cancel_all': method(
    { access: 'trade', credit: 'cancelAll' },
    cancelShape,
    (call, params) => cancelMany(call, params, () => true),
  ),
  // An extension: the exchange itself has no such countdown (README).
  'private/set_cancel_all_after': method(
    { access: 'trade' },
    { timeout: integerParam.pipe(z.union([z.literal(0), z.number().min(500).max(600_000)])) },
    (call, { timeout }) => {
      const { account } = principalOf(call)
      return ok(call.venue.countdowns.set(account, timeout, call.nowMs))
    },
  ),
  'private/get_cancel_all_after': method({ access: 'private' }, {}, (call) =>
    ok(call.venue.countdowns.view(principalOf(call).account)),
  ),
  'private/cancel_all_by_currency': method(
    { access: 'trade', credit: 'cancelAll' },
    { ...cancelShape, currency: currencyParam, kind: kindParam.default('any') },
    (call, params) =>
      cancelMany(
        call,
        params,
        ({ instrument }) =>
          instrument.currency === params.currency &&
          (params.kind === 'any' || params.kind === instrument.kind),
      ),
  ),
  'private/cancel_all_by_instrument': method(
    { access: 'trade', credit: 'cancelAll' },
    { ...cancelShape, instrument_name: instrumentParam, include_combos: booleanParam.optional() },
    (call, params) => {
      const instrument = findInstrument(call, params.instrument_name)
      if (isRpcError(instrument)) return fail(instrument)
      return cancelMany(call, params, (order) => order.instrument === instrument)
    },
  ),
  'private/cancel_by_label': method(
    { access: 'trade', credit: 'cancelAll' },
    {
      label: labelParam,
      currency: currencyParam.optional(),
      detailed: booleanParam.default(false),
    },
    (call, { label, currency, detailed }) =>
      cancelMany(
        call,
        { detailed, type: 'all' },
        (order) =>
          order.label === label &&
          (currency === undefined || order.instrument.currency === currency),
      ),
  ),

  'private/close_position': method(
    { access: 'trade', credit: 'matching' },
    {
      instrument_name: instrumentParam,
      type: z.enum(['limit', 'market']),
      price: numberParam.optional(),
    },
    (call, params) => {
      const { account, clientId } = principalOf(call)
      const instrument = findInstrument(call, params.instrument_name)
      if (isRpcError(instrument)) return fail(instrument)
      const lots = account.positions.get(instrument.name)?.lots ?? 0
      if (lots === 0) return fail(rpcErrors.ALREADY_CLOSED)
      const request: PlaceRequest = {
        clientId,
        connectionId: connectionIdOf(call),
        instrumentName: instrument.name,
        direction: lots > 0 ? 'sell' : 'buy',
        type: params.type,
        amount: amountOf(instrument, Math.abs(lots)),
        price: params.price,
        timeInForce: 'good_til_cancelled',
        postOnly: false,
        rejectPostOnly: false,
        reduceOnly: true,
        label: '',
        validUntilMs: undefined,
      }
      return placedReply(call.venue.exchange.place(account, request, call.nowMs))
    },
  ),
}

function placeMethod(direction: Direction): Method {
  return method({ access: 'trade', credit: 'matching' }, placeShape, (call, params) => {
    const { account, clientId } = principalOf(call)
    const instrument = findInstrument(call, params.instrument_name)
    if (isRpcError(instrument)) return fail(instrument)
    const { contracts } = params
    const fromContracts = contracts === undefined ? undefined : contracts * instrument.contractSize
    const amount = params.amount ?? fromContracts
    if (amount === undefined) return fail(invalidParams('value required', 'amount'))
    const request: PlaceRequest = {
      clientId,
      connectionId: connectionIdOf(call),
      instrumentName: instrument.name,
      direction,
      type: params.type,
      amount,
      price: params.price,
      timeInForce: params.time_in_force,
      postOnly: params.post_only,
      rejectPostOnly: params.reject_post_only,
      reduceOnly: params.reduce_only,
      label: params.label,
      validUntilMs: params.valid_until,
    }
    return placedReply(call.venue.exchange.place(account, request, call.nowMs))
  })
}

/** Cancel-on-disconnect covers only what came over a connection that can be lost. */
function connectionIdOf({ session }: Call): string | null {
  return session.connection === null ? null : session.id
}

function placedReply(placed: Result<Placed, RpcError>): Result<unknown, RpcError> {
  if (!placed.ok) return placed
  return ok({ order: orderView(placed.value.order), trades: fillViews(placed.value.fills) })
}

/**
 * Cancels what the condition picks; the result is their count, or with `detailed` one execution
 * report `{order}` for each (docs.deribit.com, "JSON-RPC overview", conditional response formats).
 * The venue has no trigger orders, so those types pick nothing. A planted `cancel_survivor` leaves
 * the newest order resting and still counts it.
 */
function cancelMany(
  call: Call,
  params: { readonly detailed: boolean; readonly type: string },
  picks: (order: Order) => boolean,
): Result<unknown, RpcError> {
  const { venue, nowMs } = call
  const { account, clientId } = principalOf(call)
  if (params.type !== 'all' && params.type !== 'limit') return ok(params.detailed ? [] : 0)
  const chosen = venue.exchange.orders.open(account).filter(picks)
  const survivor =
    chosen.length > 0 && venue.faults.take(['cancel_survivor'], { method: call.name, clientId })
      ? chosen.at(-1)
      : undefined
  venue.exchange.cancelWhere(
    account,
    (order) => order !== survivor && picks(order),
    'user_request',
    nowMs,
  )
  if (!params.detailed) return ok(chosen.length)
  const claimed = { state: 'cancelled', cancelReason: 'user_request' } as const
  return ok(chosen.map((order) => ({ order: orderView({ ...order, ...claimed }) })))
}
