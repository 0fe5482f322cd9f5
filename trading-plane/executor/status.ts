import type { ExecutorStatus, Measurements, OrderView } from '@bulkhead/shared/contracts/status.ts'
import type { EngineView } from '../engine/engine.ts'
import { filledSteps, type Leg } from '../engine/legs/leg.ts'

const rowsMax = 200
const smilesMax = 64

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
  view: EngineView & { readonly refusals: Readonly<ExecutorStatus['last_refusals']> },
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
    last_refusals: [...view.refusals],
    venue_connected: view.isVenueReady,
    cancel_on_disconnect: view.cancelOnDisconnect,
    market_data_age_ms: view.marketDataAgeMs,
    loop_tick_last_ts_ms: moment.loopTickLastMs,
    measurements: measurements(moment.wallMs, view, counters),
    volatility_smiles: view.smiles.slice(0, smilesMax).map((smile) => ({
      smile: smile.smile,
      expires_ms: smile.expirationMs,
      at_the_money_vol: smile.atTheMoneyVol,
      rmse: smile.rmse,
      age_ms: smile.ageMs,
      rejection: smile.rejection,
    })),
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

/** Contract 7.0, from the snapshot that the mode of this document was decided from. */
function measurements(
  wallMs: number,
  { snapshot, networkJitter, cortexOverride, overrideProducers, ...view }: EngineView,
  counters: Readonly<Record<string, number>>,
): Measurements {
  const since = (ageMs: number | null) => (ageMs === null ? null : Math.round(wallMs - ageMs))
  return {
    bunker_mode_active: snapshot.isBunkerModeActive,
    policy_age_sec: ageS(snapshot.policyAgeMs),
    last_policy_update_ts: snapshot.policyGeneratedMs,
    f1_cert_state: snapshot.certificateState,
    f1_cert_expires_at: snapshot.certificateExpiresMs,
    disk_used_pct: snapshot.diskUsedPct,
    disk_used_last_update_ts_ms: since(snapshot.diskUsedAgeMs),
    disk_used_pct_secondary: snapshot.diskUsedPctSecondary,
    disk_used_secondary_last_update_ts_ms: since(snapshot.diskUsedSecondaryAgeMs),
    mm_util: snapshot.mmUtil,
    mm_util_last_update_ts_ms: since(snapshot.mmUtilAgeMs),
    atomic_naked_events_24h: view.nakedEventsIn24h,
    '429_count_5m': view.refusedConnectionsIn5m,
    '10028_count_5m': snapshot.tooManyRequestsIn5m,
    wal_queue_depth: counters['wal_queue_depth'] ?? 0,
    wal_queue_capacity: counters['wal_queue_capacity'] ?? 1,
    wal_queue_enqueue_failures: counters['wal_queue_enqueue_failures'] ?? 0,
    deribit_http_p95_ms: networkJitter.callP95Ms,
    ws_event_lag_ms: networkJitter.eventLagMs,
    cortex_override: cortexOverride.kind,
    override_producers: overrideProducers.map(({ producer }) => producer),
  }
}

/** Seconds; an age that makes no sense is not told. */
function ageS(ageMs: number | null): number | null {
  return ageMs === null || ageMs < 0 ? null : ageMs / 1_000
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
