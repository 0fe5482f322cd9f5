import type { At } from '../at.ts'
import { enter, type Trace } from '../intents/trace.ts'
import type { EngineState } from '../state.ts'
import { tradePermissionGate } from '../trade-permission/gate.ts'
import { churnBreakerGate } from './churn-breaker.ts'
import type {
  Denial,
  OrderGate,
  PlacingClass,
  PreparedIntent,
  Verdict,
  Wish,
  WishGate,
} from './gate.ts'
import { globalExposureGate } from './global-exposure.ts'
import { instrumentMetadataGate } from './instrument-metadata.ts'
import { intentRateGate } from './intent-rate.ts'
import { inventorySkewGate } from './inventory-skew.ts'
import { lifecycleGate } from './lifecycle.ts'
import { liquidityGate } from './liquidity.ts'
import { marginHeadroomGate } from './margin-headroom.ts'
import { netEdgeGate } from './net-edge.ts'
import { openOrdersGate } from './open-orders.ts'
import { orderNotionalGate } from './order-notional.ts'
import { orderTypeGate } from './order-type.ts'
import { pendingExposureGate } from './pending-exposure.ts'
import { positionDriftGate } from './position-drift.ts'
import { postOnlyGate } from './post-only.ts'
import { rateLimitBrownoutGate } from './rate-limit-brownout.ts'
import { selfImpactGate } from './self-impact.ts'
import { strategyWarmupGate } from './strategy-warmup.ts'
import { tradingModeGate } from './trading-mode.ts'
import { unitsGate } from './units.ts'

/** `wish` gates judge before quantization, `order` gates what would be sent. */
export type GateEntry = {
  readonly name: string
  /** Classes that the gate judges; the others pass it unseen. */
  readonly judges: readonly PlacingClass[]
} & (
  | { readonly stage: 'wish'; readonly gate: WishGate }
  | { readonly stage: 'order'; readonly gate: OrderGate }
)

const opening = ['OPEN'] as const
const everyOrder = ['OPEN', 'CLOSE'] as const

/**
 * Every gate in the order in which it runs (design 6.1); the first objection is the answer. HEDGE
 * is an order with reduce-only and judged as CLOSE; CANCEL passes none of these.
 */
export const gateList: readonly GateEntry[] = [
  { name: 'OrderType', stage: 'wish', judges: everyOrder, gate: orderTypeGate },
  { name: 'Units', stage: 'wish', judges: everyOrder, gate: unitsGate },
  { name: 'InstrumentMetadata', stage: 'wish', judges: opening, gate: instrumentMetadataGate },
  { name: 'Lifecycle', stage: 'wish', judges: opening, gate: lifecycleGate },
  { name: 'TradePermission', stage: 'order', judges: opening, gate: tradePermissionGate },
  { name: 'StrategyWarmup', stage: 'order', judges: opening, gate: strategyWarmupGate },
  { name: 'PositionDrift', stage: 'order', judges: opening, gate: positionDriftGate },
  { name: 'OrderNotional', stage: 'order', judges: opening, gate: orderNotionalGate },
  { name: 'Liquidity', stage: 'order', judges: everyOrder, gate: liquidityGate },
  { name: 'PostOnly', stage: 'order', judges: everyOrder, gate: postOnlyGate },
  { name: 'NetEdge', stage: 'order', judges: opening, gate: netEdgeGate },
  { name: 'InventorySkew', stage: 'order', judges: opening, gate: inventorySkewGate },
  { name: 'MarginHeadroom', stage: 'order', judges: opening, gate: marginHeadroomGate },
  { name: 'ChurnBreaker', stage: 'order', judges: opening, gate: churnBreakerGate },
  { name: 'SelfImpact', stage: 'order', judges: opening, gate: selfImpactGate },
  { name: 'RateLimitBrownout', stage: 'order', judges: opening, gate: rateLimitBrownoutGate },
  { name: 'PendingExposure', stage: 'order', judges: opening, gate: pendingExposureGate },
  { name: 'GlobalExposure', stage: 'order', judges: opening, gate: globalExposureGate },
  { name: 'OpenOrders', stage: 'order', judges: everyOrder, gate: openOrdersGate },
  { name: 'TradingMode', stage: 'order', judges: opening, gate: tradingModeGate },
  { name: 'IntentRate', stage: 'order', judges: everyOrder, gate: intentRateGate },
]

/** The first objection of the gates before quantization, or null. */
export function judgeWish(state: EngineState, wish: Wish, at: At, trace: Trace): Denial | null {
  for (const entry of gateList) {
    if (entry.stage !== 'wish' || !entry.judges.includes(wish.intentClass)) continue
    enter(trace, entry.name)
    const denial = denialOf(entry.name, entry.gate(state, wish, at))
    if (denial !== null) return denial
  }
  return null
}

/** The first objection of the gates after quantization, or null. */
export function judgeOrder(
  state: EngineState,
  prepared: PreparedIntent,
  at: At,
  trace: Trace,
): Denial | null {
  for (const entry of gateList) {
    if (entry.stage !== 'order' || !entry.judges.includes(prepared.intentClass)) continue
    enter(trace, entry.name)
    const denial = denialOf(entry.name, entry.gate(state, prepared, at))
    if (denial !== null) return denial
  }
  return null
}

function denialOf(gate: string, verdict: Verdict): Denial | null {
  if (verdict === null) return null
  const denial: Denial = typeof verdict === 'string' ? { reason: verdict } : verdict
  return { ...denial, figures: { gate, ...denial.figures } }
}
