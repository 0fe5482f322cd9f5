import type { At } from '../at.ts'
import type { Effect, SubmitEffect } from '../effects.ts'
import { figure } from '../gates/gate.ts'
import { expectedPriceOf } from '../incidents/core.ts'
import type { Leg } from '../legs/leg.ts'
import type { EngineState } from '../state.ts'
import type { OrderSize } from './order-size.ts'

/**
 * Reserves the leg in memory at once; the gateway makes record and audit durable before it sends.
 */
export function submit(state: EngineState, leg: Leg, size: OrderSize, at: At, out: Effect[]): void {
  out.push(submitOf(state, leg, size, at))
}

/** The same, for orders that are sent together. */
export function submitOf(state: EngineState, leg: Leg, size: OrderSize, at: At): SubmitEffect {
  state.intentIds.add(leg.intentId)
  state.labels.add(leg.label)
  state.legs.set(leg)
  const wish = state.legs.wish(leg.label)
  wish.expectedPrice = expectedPriceOf(state, leg)
  wish.judgedTickMs = at.tickMs
  const { label, instrument, side, amount, price, timeInForce, postOnly, reduceOnly } = leg
  return {
    kind: 'submit',
    order: { label, instrument, side, amount, price, timeInForce, postOnly, reduceOnly },
    record: intentRecordOf(leg, at),
    audit: {
      action: 'INTENT_RECORDED',
      subject: label,
      correlationId: leg.intentId,
      fields: {
        strategy_id: leg.strategyId,
        instrument,
        side,
        amount,
        price,
        time_in_force: timeInForce,
        reduce_only: String(reduceOnly),
        ...sizeFields(size),
      },
    },
  }
}

/** What is not known or does not apply is left out, not written as zero. */
function sizeFields({ contracts, qtyCoin, qtyUsd, notionalUsd }: OrderSize) {
  return {
    ...(contracts === null ? {} : { contracts: String(contracts) }),
    ...(qtyCoin === null ? {} : { qty_coin: figure(qtyCoin) }),
    ...(qtyUsd === null ? {} : { qty_usd: figure(qtyUsd) }),
    ...(notionalUsd === null ? {} : { notional_usd: figure(notionalUsd) }),
  }
}

function intentRecordOf(leg: Leg, at: At) {
  return {
    type: 'intent' as const,
    label: leg.label,
    intent_id: leg.intentId,
    strategy_id: leg.strategyId,
    group_id: leg.groupId,
    leg_index: leg.legIndex,
    instrument: leg.instrument,
    currency: leg.currency,
    side: leg.side,
    amount_steps: leg.amountSteps,
    price_ticks: leg.priceTicks,
    amount: leg.amount,
    price: leg.price,
    time_in_force: leg.timeInForce,
    post_only: leg.postOnly,
    reduce_only: leg.reduceOnly,
    created_ms: at.nowMs,
  }
}
