import { fail, ok, type Result } from '@bulkhead/shared/kernel/result.ts'
import type { CancelIntent, Intent, PlaceIntent } from '@bulkhead/shared/contracts/intents.ts'
import type { HoldingTier } from '@bulkhead/shared/contracts/governed-actions.ts'
import type { IntentDenialReason } from '@bulkhead/shared/contracts/reasons/intent-denials.ts'
import { withdrawHeld } from '../approvals/hold.ts'
import type { At } from '../at.ts'
import type { Effect } from '../effects.ts'
import { startClose } from '../emergency-close/core.ts'
import { isLive, type Leg } from '../legs/leg.ts'
import { modeNow } from '../mode-view.ts'
import { applyPolicy, type GatedOrder } from '../policy/apply.ts'
import { count, type EngineState } from '../state.ts'
import { meetOpening, notePermission } from '../trade-permission/gate.ts'
import { deskNow } from '../trade-permission/judge.ts'
import { cancelIfWanted, outcomeMessage } from '../transitions.ts'
import type { Denial, PreparedIntent } from '../gates/gate.ts'
import { metadataAgeMs } from '../gates/instrument-metadata.ts'
import { withSkewedPrice } from '../gates/inventory-skew.ts'
import { withBoundedPrice } from '../gates/ioc-price.ts'
import { judgeOrder, judgeWish } from '../gates/list.ts'
import { amountToSend } from './amount-to-send.ts'
import { classifyPlace } from './classify.ts'
import { decisionOf } from './decision.ts'
import { type Hash64, orderLabel } from './label.ts'
import { orderSize } from './order-size.ts'
import { quantize } from './quantize.ts'
import type { ReadyOrder } from './ready-order.ts'
import { repeatOf } from './repeat.ts'
import { submit } from './submit.ts'
import { enter, finish, startTrace, type Trace } from './trace.ts'

/** Refusals that no market explains: the desk is Degraded for a while (contract 1.0, 1.1). */
const wiringFaults: ReadonlySet<IntentDenialReason> = new Set([
  'ContractsAmountMismatch',
  'LabelTooLong',
])

/** A wish on the venue's grid, before anybody asked what the desk is. */
type OnGrid = Omit<PreparedIntent, 'desk'>

/**
 * Judges one wish of a strategy: an order on its way, a cancel, one that waits for people, or a
 * denial with its reason.
 *
 * @param agreed the tier at which people agreed to it; null when nobody was asked
 */
export function handleIntent(
  state: EngineState,
  intent: Intent,
  at: At,
  out: Effect[],
  hash64: Hash64,
  agreed: HoldingTier | null,
): 'permitted' | 'held' | IntentDenialReason {
  count(state, `intents_${intent.type}`)
  const first = intent.type === 'place' ? repeatOf(state, intent, hash64) : null
  if (first !== null) {
    count(state, 'intents_repeated')
    out.push({ kind: 'tell', message: first })
    return 'permitted'
  }
  const trace = startTrace()
  const objection =
    intent.type === 'cancel'
      ? handleCancel(state, intent, at, out, trace)
      : handlePlace(state, intent, at, out, hash64, trace, agreed)
  const isRefusal = typeof objection === 'string' && objection !== 'held'
  const denial = isRefusal ? { reason: objection } : objection
  if (denial === null) finish(trace)
  else if (denial !== 'held') denyIntent(state, intent, denial, at, out)
  out.push({ kind: 'decision', decision: decisionOf(state, intent, at, trace, denial) })
  return denial === null ? 'permitted' : denial === 'held' ? denial : denial.reason
}

function handlePlace(
  state: EngineState,
  intent: PlaceIntent,
  at: At,
  out: Effect[],
  hash64: Hash64,
  trace: Trace,
  agreed: HoldingTier | null,
): Denial | IntentDenialReason | 'held' | null {
  const judged = judgePlace(state, intent, at, out, hash64, trace, { agreed, mayWait: true })
  if (typeof judged === 'string' || 'reason' in judged) return judged
  submit(state, judged.leg, judged.size, at, out)
  return null
}

/**
 * Takes a wish through every gate up to the order that would be sent; nothing is reserved for it.
 */
export function judgePlace(
  state: EngineState,
  intent: PlaceIntent,
  at: At,
  out: Effect[],
  hash64: Hash64,
  trace: Trace,
  people: Pick<GatedOrder, 'agreed' | 'mayWait'>,
): Denial | IntentDenialReason | 'held' | ReadyOrder {
  enter(trace, 'Idempotency')
  const isHeld = state.approvals.pending.has(intent.intent_id)
  const isKnown = state.legs.byIntent(intent.intent_id) !== undefined
  if (isHeld || isKnown || state.intentIds.has(intent.intent_id)) return 'DuplicateIntent'
  const prepared = prepare(state, intent, at, trace)
  if (!prepared.ok) return prepared.failure
  enter(trace, 'Label')
  const label = labelOf(prepared.value, hash64)
  if (label === null) return 'LabelTooLong'
  if (state.labels.has(label)) return 'DuplicateIntent'
  const isOpening = prepared.value.intentClass === 'OPEN'
  const desk = isOpening ? meetOpening(state, at) : deskNow(state, at)
  trace.desk = desk
  const order = { ...prepared.value, desk }
  const objection = judgeOrder(state, order, at, trace)
  // Its name stays that of the wish, so that the same wish is known again at any inventory.
  const priced = objection ?? priceOf(state, order, at, trace)
  if (objection?.reason === 'LiquidityGateNoL2') handOver(state, order, at, out)
  const note = (denial: Denial | null) => {
    if (isOpening) notePermission(state, intent, desk.permission, denial?.reason ?? null, at, out)
  }
  if ('reason' in priced) {
    note(priced)
    return priced
  }
  const { mode } = desk.mode
  const ready = { leg: newLeg(priced, label), size: priced.size }
  const ruling = applyPolicy(state, { intent, ...ready, mode, ...people }, at, out, hash64, trace)
  if (ruling === 'held') return ruling
  note(ruling)
  return ruling ?? ready
}

/**
 * A close that wants out now and finds no book is closed by the emergency path, which may use the
 * ticker (decisions D-14, D-45). One that would rest has time to wait for the book.
 */
function handOver(
  state: EngineState,
  { intent, intentClass, spec, quantized }: PreparedIntent,
  at: At,
  out: Effect[],
): void {
  const wantsOut = intentClass === 'CLOSE' && intent.time_in_force === 'immediate_or_cancel'
  if (!wantsOut) return
  const need = {
    groupId: intent.group_id,
    strategyId: intent.strategy_id,
    originId: intent.intent_id,
    instrument: spec.name,
    side: intent.side,
    limit: quantized.price,
    cause: 'close_without_book' as const,
    wantedSteps: quantized.amountSteps,
  }
  const close = startClose(state, need, at, out)
  if (close !== null) state.intentIds.add(intent.intent_id)
}

export function labelOf({ intent, quantized }: OnGrid, hash64: Hash64): string | null {
  const identity = {
    instrument: intent.instrument,
    side: intent.side,
    amount: quantized.amount,
    price: quantized.price,
    groupId: intent.group_id,
    legIndex: intent.leg_index,
  }
  return orderLabel(intent.strategy_id, identity, hash64)
}

function prepare(
  state: EngineState,
  intent: PlaceIntent,
  at: At,
  trace: Trace,
): Result<OnGrid, Denial | IntentDenialReason> {
  enter(trace, 'Instrument')
  const spec = state.instruments.get(intent.instrument)
  if (spec === undefined) return fail('InstrumentMetadataMissing')
  const wish = { intent, intentClass: classifyPlace(intent), spec }
  countMetadataUse(state, spec.name, at)
  const denial = judgeWish(state, wish, at, trace)
  if (denial !== null) return fail(denial)
  enter(trace, 'Quantization')
  if (intent.limit_price === undefined) return fail('OrderTypeMarketForbidden')
  const amount = amountToSend(state, wish)
  const quantized = quantize(spec, intent.side, amount, intent.limit_price)
  if (!quantized.ok) return quantized
  const indexPrice = state.books.get(spec.name)?.indexPrice ?? null
  const size = orderSize(spec, Number(quantized.value.amount), indexPrice)
  return ok({ ...wish, quantized: quantized.value, size })
}

/** The price that goes out, or why there is none (design 6.1: skew, then the IOC pricer). */
function priceOf(
  state: EngineState,
  prepared: PreparedIntent,
  at: At,
  trace: Trace,
): PreparedIntent | Denial {
  enter(trace, 'Price')
  const skewed = withSkewedPrice(state, prepared)
  return skewed === null ? { reason: 'InventorySkew' } : withBoundedPrice(state, skewed, at)
}

function countMetadataUse(state: EngineState, instrument: string, at: At): void {
  const isFresh =
    metadataAgeMs(state, instrument, at) <= state.config.gates.instrumentMetadata.ttlMs
  count(state, isFresh ? 'instrument_cache_hits_total' : 'instrument_cache_stale_total')
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
  trace: Trace,
): IntentDenialReason | null {
  enter(trace, 'OrderKnown')
  if (withdrawHeld(state, intent.target_intent_id, intent.strategy_id, out)) {
    const identity = { intentId: intent.intent_id, strategyId: intent.strategy_id }
    out.push({ kind: 'tell', message: outcomeMessage(identity, 'accepted') })
    return null
  }
  const leg = state.legs.byIntent(intent.target_intent_id)
  if (leg === undefined || leg.strategyId !== intent.strategy_id) return 'OrderUnknown'
  if (!isLive(leg)) return cancelEnded(state, intent, leg, out)
  enter(trace, 'CancelPermission')
  const mode = modeNow(state, at, state.config.killSwitchAgeMsMax)
  if (leg.reduceOnly && mode.mode !== 'Active') return 'RiskIncreasingCancelReplaceForbidden'
  state.legs.wish(leg.label).cancelWanted = true
  const identity = { intentId: intent.intent_id, strategyId: intent.strategy_id }
  out.push({ kind: 'tell', message: outcomeMessage(identity, 'accepted') })
  cancelIfWanted(state, leg.label, at, out)
  return null
}

/** To cancel again what ended with its instrument is to have succeeded already (AT-960). */
function cancelEnded(
  state: EngineState,
  intent: CancelIntent,
  leg: Leg,
  out: Effect[],
): IntentDenialReason | null {
  if (!state.metadata.gone.has(leg.instrument)) return 'OrderUnknown'
  const identity = { intentId: intent.intent_id, strategyId: intent.strategy_id }
  out.push({ kind: 'tell', message: outcomeMessage(identity, 'accepted') })
  return null
}

/** Tells everybody whom it concerns that an intent came to nothing, and counts it. */
export function denyIntent(
  state: EngineState,
  intent: Intent,
  { reason, log, figures = {} }: Denial,
  at: At,
  out: Effect[],
): void {
  if (wiringFaults.has(reason)) state.wiringFaultTickMs = at.tickMs
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
      fields: { reason, ...figures },
    },
  })
  const fields = { intent_id: intent.intent_id, strategy_id: intent.strategy_id, reason }
  out.push({ kind: 'log', message: log ?? 'IntentDenied', fields: { ...fields, ...figures } })
}

/** The order that a wish has become, as nobody knows it yet. */
export function newLeg({ intent, intentClass, spec, quantized }: OnGrid, label: string): Leg {
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
    reduceOnly: intentClass === 'CLOSE',
    state: 'recorded',
    venueOrderId: null,
    tradedSteps: 0,
    reportedSteps: 0,
    validUntilMs: null,
  }
}
