import { fail, ok, type Result } from '@bulkhead/shared/kernel/result.ts'
import type { CancelIntent, Intent, PlaceIntent } from '@bulkhead/shared/contracts/intents.ts'
import type { IntentDenialReason } from '@bulkhead/shared/contracts/reasons/intent-denials.ts'
import type { At } from '../at.ts'
import type { Effect } from '../effects.ts'
import { isLive, type Leg } from '../legs/leg.ts'
import { modeNow } from '../mode-view.ts'
import { count, type EngineState } from '../state.ts'
import { notePermission } from '../trade-permission/gate.ts'
import { cancelIfWanted, outcomeMessage } from '../transitions.ts'
import { classify } from './classify.ts'
import { firstDenial, type PreparedIntent } from './gates.ts'
import { type Hash64, orderLabel } from './label.ts'
import { quantize } from './quantize.ts'

/** Judges one wish of a strategy: an order on its way, a cancel, or a denial with its reason. */
export function handleIntent(
  state: EngineState,
  intent: Intent,
  at: At,
  out: Effect[],
  hash64: Hash64,
): void {
  count(state, `intents_${intent.type}`)
  const denial =
    intent.type === 'cancel'
      ? handleCancel(state, intent, at, out)
      : handlePlace(state, intent, at, out, hash64)
  if (denial !== null) deny(state, intent, denial, at, out)
}

function handlePlace(
  state: EngineState,
  intent: PlaceIntent,
  at: At,
  out: Effect[],
  hash64: Hash64,
): IntentDenialReason | null {
  if (state.intentIds.has(intent.intent_id)) return 'DuplicateIntent'
  const prepared = prepare(state, intent, at)
  if (!prepared.ok) return prepared.failure
  const { quantized } = prepared.value
  const identity = {
    instrument: intent.instrument,
    side: intent.side,
    amount: quantized.amount,
    price: quantized.price,
    groupId: intent.group_id,
    legIndex: intent.leg_index,
  }
  const label = orderLabel(intent.strategy_id, identity, hash64)
  if (state.labels.has(label)) return 'DuplicateIntent'
  const denial = firstDenial(state, prepared.value, at)
  if (!intent.reduce_only) notePermission(state, intent, denial, at, out)
  if (denial !== null) return denial
  state.intentIds.add(intent.intent_id)
  state.labels.add(label)
  submit(state, newLeg(prepared.value, label), at, out)
  return null
}

function prepare(
  state: EngineState,
  intent: PlaceIntent,
  at: At,
): Result<PreparedIntent, IntentDenialReason> {
  const spec = state.instruments.get(intent.instrument)
  if (spec === undefined) return fail('InstrumentMetadataMissing')
  const hasExpired = !spec.isActive || at.nowMs >= spec.expirationMs
  if (hasExpired) return fail('InstrumentExpiredOrDelisted')
  const quantized = quantize(spec, intent.side, intent.amount, intent.limit_price)
  if (!quantized.ok) return quantized
  return ok({ intent, intentClass: classify(intent), spec, quantized: quantized.value })
}

/**
 * Reserves the leg in memory at once; the gateway makes record and audit durable before it sends.
 */
function submit(state: EngineState, leg: Leg, at: At, out: Effect[]): void {
  state.legs.set(leg)
  const { label, instrument, side, amount, price, timeInForce, postOnly, reduceOnly } = leg
  out.push({
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
      },
    },
  })
}

/**
 * Cancelling an opening order takes risk away and always passes. Cancelling an order that closes
 * takes protection away: not while the desk may not open (contract 2.2.5).
 */
function handleCancel(
  state: EngineState,
  intent: CancelIntent,
  at: At,
  out: Effect[],
): IntentDenialReason | null {
  const leg = state.legs.byIntent(intent.target_intent_id)
  if (leg === undefined || leg.strategyId !== intent.strategy_id || !isLive(leg)) {
    return 'OrderUnknown'
  }
  const mode = modeNow(state, at, state.config.killSwitchAgeMsMax)
  if (leg.reduceOnly && mode.mode !== 'Active') return 'RiskIncreasingCancelReplaceForbidden'
  state.legs.wish(leg.label).cancelWanted = true
  const identity = { intentId: intent.intent_id, strategyId: intent.strategy_id }
  out.push({ kind: 'tell', message: outcomeMessage(identity, 'accepted') })
  cancelIfWanted(state, leg.label, at, out)
  return null
}

function deny(
  state: EngineState,
  intent: Intent,
  reason: IntentDenialReason,
  at: At,
  out: Effect[],
): void {
  count(state, 'intents_denied')
  count(state, `denied_${reason}`)
  const identity = { intentId: intent.intent_id, strategyId: intent.strategy_id }
  const message = outcomeMessage(identity, 'denied', { reject_reason_code: reason })
  out.push({ kind: 'tell', message })
  if (!state.deniedAudits.take(at.tickMs)) {
    count(state, 'denied_audits_left_out')
    return
  }
  out.push({
    kind: 'audit',
    record: {
      action: 'INTENT_DENIED',
      subject: intent.strategy_id,
      correlationId: intent.intent_id,
      fields: { reason },
    },
  })
}

function newLeg({ intent, spec, quantized }: PreparedIntent, label: string): Leg {
  return {
    label,
    intentId: intent.intent_id,
    strategyId: intent.strategy_id,
    groupId: intent.group_id,
    legIndex: intent.leg_index,
    instrument: spec.name,
    currency: spec.currency,
    side: intent.side,
    ...quantized,
    timeInForce: intent.time_in_force,
    postOnly: intent.post_only,
    reduceOnly: intent.reduce_only,
    state: 'recorded',
    venueOrderId: null,
    tradedSteps: 0,
    reportedSteps: 0,
    validUntilMs: null,
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
