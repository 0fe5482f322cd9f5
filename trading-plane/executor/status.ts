import type { ExecutorStatus, OrderView } from '@bulkhead/shared/contracts/status.ts'
import type { EngineView } from '../engine/engine.ts'
import { filledSteps, type Leg } from '../engine/legs/leg.ts'

const rowsMax = 200

export type StatusHead = {
  readonly run_id: string
  readonly build_id: string
  readonly config_hash: string
  readonly environment: ExecutorStatus['environment']
  readonly venue: string
}

export type StatusMoment = {
  readonly wallMs: number
  readonly uptimeMs: number
  readonly loopTickLastMs: number
}

/** The executor's status document, from the very view that its decisions were made from. */
export function executorStatus(
  head: StatusHead,
  moment: StatusMoment,
  view: EngineView,
  counters: Readonly<Record<string, number>>,
): ExecutorStatus {
  return {
    component: 'executor',
    ...head,
    wall_ms: moment.wallMs,
    uptime_ms: moment.uptimeMs,
    trading_mode: view.mode.mode,
    mode_reasons: [...view.mode.reasons],
    risk_state: view.mode.riskState,
    open_permission_blocked_latch: view.openPermissionReasons.length > 0,
    open_permission_reason_codes: view.openPermissionReasons,
    trade_permission: permissionView(view.permission),
    venue_connected: view.isVenueReady,
    cancel_on_disconnect: view.cancelOnDisconnect,
    market_data_age_ms: view.marketDataAgeMs,
    loop_tick_last_ts_ms: moment.loopTickLastMs,
    orders: view.liveLegs.slice(0, rowsMax).map(orderView),
    positions: view.positions.slice(0, rowsMax).map((position) => ({
      instrument: position.instrument,
      size: position.size,
      average_price: position.averagePrice,
      mark_price: position.markPrice,
    })),
    counters: { ...view.counters, ...counters },
  }
}

function permissionView({ decision, context, openings, clock }: EngineView['permission']) {
  return {
    decision: decision.permission,
    reason_code: decision.reasonCode,
    blocking_gate: decision.blockingGate,
    precedence_rank: decision.precedenceRank,
    is_latched: decision.isLatched,
    error_codes: [...context.faults],
    openings_today: openings.openings,
    openings_per_day_max: openings.openingsMax,
    exchange_clock_drift_ms: clock.driftMs,
  }
}

function orderView(leg: Leg): OrderView {
  const amount = Number(leg.amount)
  const filledShare = filledSteps(leg) / leg.amountSteps
  return {
    label: leg.label,
    venue_order_id: leg.venueOrderId ?? '',
    instrument: leg.instrument,
    side: leg.side,
    price: Number(leg.price),
    amount,
    filled_amount: amount * filledShare,
    reduce_only: leg.reduceOnly,
    state: leg.state,
  }
}
