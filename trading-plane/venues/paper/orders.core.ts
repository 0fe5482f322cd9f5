import type { Account } from './account.core.ts'
import { type Instrument, amountOf, priceOf, roundTo } from './instruments.core.ts'
import type { Direction } from './matching.core.ts'

type OrderState = 'open' | 'filled' | 'rejected' | 'cancelled'
export type TimeInForce = 'good_til_cancelled' | 'immediate_or_cancel' | 'fill_or_kill'
export type CancelReason =
  | 'cancel_all_after'
  | 'user_request'
  | 'cancel_on_disconnect'
  | 'risk_mitigation'
  | 'edit_post_only_reject'

/**
 * An account's order from acceptance to its end. `connectionId` ties it to cancel-on-disconnect.
 */
export type Order = {
  readonly orderId: string
  readonly account: Account
  readonly clientId: string
  readonly connectionId: string | null
  readonly instrument: Instrument
  readonly label: string
  readonly direction: Direction
  readonly type: 'limit' | 'market'
  readonly timeInForce: TimeInForce
  readonly reduceOnly: boolean
  readonly isRiskReducing: boolean
  readonly creationMs: number
  postOnly: boolean
  rejectPostOnly: boolean
  priceTicks: number
  lots: number
  filledLots: number
  /** Sum over fills of lots / price for futures, of lots * price for options. */
  filledWeight: number
  state: OrderState
  cancelReason: CancelReason | null
  isReplaced: boolean
  updateMs: number
}

/** Opens an order from a checked request. `heldLots` is the signed position before it trades. */
export function createOrder(
  request: Pick<
    Order,
    | 'clientId'
    | 'connectionId'
    | 'label'
    | 'direction'
    | 'type'
    | 'timeInForce'
    | 'postOnly'
    | 'rejectPostOnly'
    | 'reduceOnly'
  >,
  terms: Pick<Order, 'account' | 'instrument' | 'priceTicks' | 'lots'> & {
    readonly heldLots: number
    readonly number: number
    readonly nowMs: number
  },
): Order {
  const { account, instrument, priceTicks, lots, heldLots, number, nowMs } = terms
  const { clientId, connectionId, label, direction, type, timeInForce } = request
  const { postOnly, rejectPostOnly, reduceOnly } = request
  const reducibleLots = direction === 'buy' ? -heldLots : heldLots
  return {
    orderId: instrument.currency === 'BTC' ? `${number}` : `${instrument.currency}-${number}`,
    account,
    clientId,
    connectionId,
    instrument,
    label,
    direction,
    type,
    timeInForce,
    postOnly,
    rejectPostOnly,
    reduceOnly,
    priceTicks,
    lots,
    isRiskReducing: reducibleLots >= lots,
    creationMs: nowMs,
    filledLots: 0,
    filledWeight: 0,
    state: 'open',
    cancelReason: null,
    isReplaced: false,
    updateMs: nowMs,
  }
}

/** A JSON object on its way to a client. */
export type Wire = Readonly<Record<string, unknown>>

export function remainingLots(order: Order): number {
  return order.lots - order.filledLots
}

/** Average price of what was filled, 0 before the first fill. */
export function averagePrice(order: Order): number {
  if (order.filledLots === 0) return 0
  const average =
    order.instrument.kind === 'option'
      ? order.filledWeight / order.filledLots
      : order.filledLots / order.filledWeight
  return roundTo(average, order.instrument.kind === 'option' ? 8 : 4)
}

export function recordFill(order: Order, lots: number, price: number): void {
  order.filledLots += lots
  order.filledWeight += order.instrument.kind === 'option' ? lots * price : lots / price
}

/** The order as the exchange shows it (field set of the captured buy, edit and cancel replies). */
export function orderView(order: Order): Wire {
  const { instrument } = order
  const amount = amountOf(instrument, order.lots)
  return {
    label: order.label,
    price: priceOf(instrument, order.priceTicks),
    user_id: order.account.userId,
    amount,
    direction: order.direction,
    time_in_force: order.timeInForce,
    instrument_name: instrument.name,
    web: false,
    api: true,
    order_id: order.orderId,
    creation_timestamp: order.creationMs,
    replaced: order.isReplaced,
    filled_amount: amountOf(instrument, order.filledLots),
    last_update_timestamp: order.updateMs,
    post_only: order.postOnly,
    reduce_only: order.reduceOnly,
    ...(order.cancelReason === null ? {} : { cancel_reason: order.cancelReason }),
    average_price: averagePrice(order),
    mmp: false,
    contracts: amount / instrument.contractSize,
    reject_post_only: order.rejectPostOnly,
    order_state: order.state,
    order_type: order.type,
    is_liquidation: false,
    risk_reducing: order.isRiskReducing,
  }
}
