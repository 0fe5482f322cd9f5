import type { DecisionRecord } from '@bulkhead/shared/contracts/decisions.ts'
import type { Intent, PlaceIntent } from '@bulkhead/shared/contracts/intents.ts'
import type { At } from '../at.ts'
import type { Denial } from '../gates/gate.ts'
import { metadataAgeMs } from '../gates/instrument-metadata.ts'
import type { Leg } from '../legs/leg.ts'
import { ageMs } from '../mode-view.ts'
import { selfUsd } from '../self-impact/core.ts'
import { impactNow, tradesAgeMs } from '../self-impact/flow.ts'
import { type EngineState, signedSize } from '../state.ts'
import type { Desk } from '../trade-permission/desk.ts'
import { deskNow } from '../trade-permission/judge.ts'
import { classify } from './classify.ts'
import type { Trace } from './trace.ts'

/** A judged intent as the engine tells of it; the executor adds its run. */
export type Decision = Omit<DecisionRecord, 'run_id'>

/** What became of an intent and by what, from the very state that it was judged by. */
export function decisionOf(
  state: EngineState,
  intent: Intent,
  at: At,
  trace: Trace,
  denial: Denial | 'held' | null,
): Decision {
  const refusal = denial === 'held' ? null : denial
  const { gate: _named, ...figures } = refusal?.figures ?? {}
  const leg = intent.type === 'place' ? state.legs.byIntent(intent.intent_id) : undefined
  return {
    intent_id: intent.intent_id,
    strategy_id: intent.strategy_id,
    decided_ms: at.nowMs,
    intent_class: classify(intent),
    verdict: denial === 'held' ? 'held' : denial === null ? 'permitted' : 'denied',
    reject_reason_code: refusal?.reason ?? null,
    refused_by: denial === null ? null : trace.step,
    passed: trace.passed,
    wish: intent.type === 'place' ? wishOf(intent) : { target_intent_id: intent.target_intent_id },
    inputs: inputsOf(state, intent, trace.desk ?? deskNow(state, at), at),
    figures,
    order: denial === null && leg !== undefined ? orderOf(leg) : null,
  }
}

function orderOf({ label, amount, price }: Leg) {
  return { label, amount, price }
}

function wishOf(intent: PlaceIntent): Decision['wish'] {
  return {
    instrument: intent.instrument,
    side: intent.side,
    amount: intent.amount,
    limit_price: intent.limit_price ?? null,
    order_type: intent.order_type ?? 'limit',
    time_in_force: intent.time_in_force,
    post_only: intent.post_only,
    reduce_only: intent.reduce_only,
    expected_edge_usd: intent.expected_edge_usd ?? null,
    fair_price: intent.fair_price ?? null,
  }
}

function inputsOf(state: EngineState, intent: Intent, desk: Desk, at: At): Decision['inputs'] {
  if (intent.type !== 'place') return deskOf(state, desk, at)
  const { instrument } = intent
  const book = state.books.get(instrument)
  const spec = state.instruments.get(instrument)
  const impact = impactNow(state, instrument, at)
  return {
    best_bid: book?.bestBid ?? null,
    best_ask: book?.bestAsk ?? null,
    index_price: book?.indexPrice ?? null,
    book_age_ms: book === undefined ? null : at.tickMs - book.heardTickMs,
    is_book_whole: book?.isContinuous ?? false,
    metadata_age_ms: spec === undefined ? null : metadataAgeMs(state, instrument, at),
    maker_fee_rate: spec?.makerFeeRate ?? null,
    taker_fee_rate: spec?.takerFeeRate ?? null,
    position: signedSize(state, instrument),
    public_trades_age_ms: tradesAgeMs(state, instrument, at),
    public_notional_usd: impact.publicUsd,
    self_notional_usd: selfUsd(impact),
    ...deskOf(state, desk, at),
  }
}

function deskOf(state: EngineState, { mode, permission }: Desk, at: At): Decision['inputs'] {
  const { decision } = permission
  return {
    trading_mode: mode.mode,
    mode_reasons: mode.reasons.join(' '),
    trade_permission: decision.permission,
    permission_reason: decision.reasonCode,
    mm_util: state.account.reading?.mmUtil ?? null,
    mm_util_age_ms: ageMs(state.account.reading?.askedTickMs ?? null, at),
    live_orders: state.legs.liveCount,
  }
}
