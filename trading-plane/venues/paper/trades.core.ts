import { type Instrument, amountOf, priceOf } from './instruments.core.ts'
import type { Direction } from './matching.core.ts'
import type { Order, Wire } from './orders.core.ts'

/** What the market thinks an instrument is worth, and how far orders may stray from it. */
export type Reference = {
  readonly markPrice: number
  readonly indexPrice: number
  readonly minTicks: number
  readonly maxTicks: number
  /** Implied volatility in percent, options only. */
  readonly markIvPct: number
}

/** One execution, as the public sees it. */
export type Print = {
  readonly instrument: Instrument
  readonly tradeId: string
  readonly tradeSeq: number
  readonly timestampMs: number
  readonly priceTicks: number
  readonly lots: number
  /** The taker's direction. */
  readonly direction: Direction
  /** 0 up, 1 unchanged after up, 2 down, 3 unchanged after down. */
  readonly tickDirection: number
  readonly reference: Reference
}

/** One side of an execution, as its owner sees it. */
export type OwnFill = {
  readonly print: Print
  readonly order: Order
  readonly liquidity: 'M' | 'T'
  readonly feeCoin: number
  readonly profitCoin: number
}

export function nextTickDirection(
  last: { readonly priceTicks: number; readonly tickDirection: number } | undefined,
  priceTicks: number,
): number {
  if (last === undefined) return 1
  if (priceTicks > last.priceTicks) return 0
  if (priceTicks < last.priceTicks) return 2
  return last.tickDirection <= 1 ? 1 : 3
}

export function printView(print: Print): Wire {
  const { instrument, reference } = print
  const amount = amountOf(instrument, print.lots)
  return {
    trade_seq: print.tradeSeq,
    trade_id: print.tradeId,
    timestamp: print.timestampMs,
    tick_direction: print.tickDirection,
    price: priceOf(instrument, print.priceTicks),
    mark_price: reference.markPrice,
    ...(instrument.kind === 'option' ? { iv: reference.markIvPct } : {}),
    instrument_name: instrument.name,
    index_price: reference.indexPrice,
    direction: print.direction,
    contracts: amount / instrument.contractSize,
    amount,
  }
}

/** The fill as it stands at this moment: `state` is the order's state right after it. */
export function ownFillView(fill: OwnFill): Wire {
  const { order } = fill
  return {
    ...printView(fill.print),
    direction: order.direction,
    label: order.label,
    state: order.state,
    order_id: order.orderId,
    order_type: order.type,
    liquidity: fill.liquidity,
    fee: fill.feeCoin,
    fee_currency: fill.print.instrument.currency,
    profit_loss: fill.profitCoin,
    matching_id: null,
    reduce_only: order.reduceOnly,
    post_only: order.postOnly,
    mmp: false,
    self_trade: false,
    risk_reducing: order.isRiskReducing,
    api: true,
    user_id: order.account.userId,
  }
}
