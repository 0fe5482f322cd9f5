import type { IntentOutcome, PlaceIntent } from '@bulkhead/shared/contracts/intents.ts'
import type { EngineState } from '../state.ts'
import { outcomeMessage, outcomeOf } from '../transitions.ts'
import { amountToSend } from './amount-to-send.ts'
import { classifyPlace } from './classify.ts'
import { type Hash64, orderLabel } from './label.ts'
import { quantize } from './quantize.ts'

/**
 * What became of the very same wish when it came first: a key that is used again is answered from
 * the ledger, and nothing is sent (control-plane refactor A2, decision D-26).
 *
 * @returns null when the key is new, was used for another wish, or is remembered without its order
 */
export function repeatOf(
  state: EngineState,
  intent: PlaceIntent,
  hash64: Hash64,
): IntentOutcome | null {
  const identity = { intentId: intent.intent_id, strategyId: intent.strategy_id }
  const held = state.approvals.pending.get(intent.intent_id)
  if (held !== undefined) {
    if (!('intent' in held)) return null
    const isSame = labelOf(state, held.intent, hash64) === labelOf(state, intent, hash64)
    return isSame && haveSameTerms(held.intent, intent) ? again(identity, 'held') : null
  }
  const leg = state.legs.byIntent(intent.intent_id)
  if (leg === undefined || labelOf(state, intent, hash64) !== leg.label) return null
  const terms = {
    time_in_force: leg.timeInForce,
    post_only: leg.postOnly,
    reduce_only: leg.reduceOnly,
  }
  return haveSameTerms(terms, intent) ? again(identity, outcomeOf[leg.state]) : null
}

function again(identity: { intentId: string; strategyId: string }, state: IntentOutcome['state']) {
  return { ...outcomeMessage(identity, state), is_repeat: true as const }
}

/** Everything that the label does not name and the venue is told. */
type Terms = Pick<PlaceIntent, 'time_in_force' | 'post_only' | 'reduce_only'>

function haveSameTerms(one: Terms, other: Terms): boolean {
  return (
    one.time_in_force === other.time_in_force &&
    one.post_only === other.post_only &&
    one.reduce_only === other.reduce_only
  )
}

/** The label that the wish would have now; null when it would have none. */
function labelOf(state: EngineState, intent: PlaceIntent, hash64: Hash64): string | null {
  const spec = state.instruments.get(intent.instrument)
  if (spec === undefined || intent.limit_price === undefined) return null
  const wish = { intent, intentClass: classifyPlace(intent), spec }
  const amount = amountToSend(state, wish)
  const quantized = quantize(spec, intent.side, amount, intent.limit_price)
  if (!quantized.ok) return null
  const { instrument, side, group_id: groupId, leg_index: legIndex } = intent
  const { value } = quantized
  const identity = { instrument, side, amount: value.amount, price: value.price, groupId, legIndex }
  return orderLabel(intent.strategy_id, identity, hash64)
}
