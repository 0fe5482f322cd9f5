import type { PlaceIntent } from '@bulkhead/shared/contracts/intents.ts'
import { assert } from '@bulkhead/shared/kernel/assert.ts'
import type { At } from '../at.ts'
import type { Effect } from '../effects.ts'
import { uuidOf } from '../emergency-close/core.ts'
import { crossingOrder } from '../emergency-close/price.ts'
import { indexOf } from '../exposure/underlying.ts'
import type { Denial } from '../gates/gate.ts'
import { freshBook } from '../gates/liquidity.ts'
import { judgeOrder, judgeWish } from '../gates/list.ts'
import { decisionOf } from '../intents/decision.ts'
import { labelOf, newLeg } from '../intents/handle-intent.ts'
import type { Hash64 } from '../intents/label.ts'
import { orderSize } from '../intents/order-size.ts'
import type { ReadyOrder } from '../intents/ready-order.ts'
import { submitOf } from '../intents/submit.ts'
import { enter, finish, startTrace, type Trace } from '../intents/trace.ts'
import { modeNow } from '../mode-view.ts'
import { applyPolicy } from '../policy/apply.ts'
import type { EngineState } from '../state.ts'
import { meetOpeningIn, notePermission } from '../trade-permission/gate.ts'
import { type Group, type GroupLeg, unseenOrder } from './state.ts'
import { groupAudit, stateRecord } from './transition.ts'

/**
 * Tries to make a broken group whole (contract 1.2, step A): what every leg still misses goes out
 * once more, a few ticks beyond the best price, through the gates of an order that opens. Where one
 * of them refuses one leg, nothing is sent.
 *
 * @returns whether it was sent
 */
export function rescue(
  state: EngineState,
  group: Group,
  at: At,
  out: Effect[],
  hash64: Hash64,
): boolean {
  const { tally } = state.permission
  const ready: { readonly leg: GroupLeg; readonly order: ReadyOrder }[] = []
  for (const [index, leg] of group.legs.entries()) {
    const missing = missingSteps(leg)
    if (missing <= 0) continue
    const order = judgeRescue(state, group, index, missing, at, out, hash64)
    if ('reason' in order) {
      state.permission.tally = tally
      for (const each of ready) state.legs.discard(each.order.leg.label)
      const fields = { reason: order.reason, ...order.figures }
      out.push(groupAudit('GROUP_RESCUE_REFUSED', group, fields))
      return false
    }
    state.legs.set(order.leg)
    ready.push({ leg, order })
  }
  assert(ready.length > 0, 'a group that failed with every leg ended misses something')
  group.rescues += 1
  for (const { leg, order } of ready) {
    leg.orders.push({ ...unseenOrder(order.leg.label), isTerminal: false })
  }
  out.push({ kind: 'record', record: stateRecord(group, at) })
  out.push(groupAudit('GROUP_RESCUE_SENT', group, { rescue: String(group.rescues) }))
  const legs = ready.map(({ order }) => submitOf(state, order.leg, order.size, at))
  out.push({ kind: 'submit-group', legs })
  return true
}

function missingSteps({ orders }: GroupLeg): number {
  const requested = orders[0]?.requestedSteps ?? 0
  return requested - orders.reduce((sum, each) => sum + each.filledSteps, 0)
}

function judgeRescue(
  state: EngineState,
  group: Group,
  index: number,
  missing: number,
  at: At,
  out: Effect[],
  hash64: Hash64,
): ReadyOrder | Denial {
  const { wish } = group.legs[index] ?? { wish: null }
  assert(wish !== null, 'what was recovered is not rescued')
  const attempt = group.rescues + 1
  const intent: PlaceIntent = {
    ...wish,
    intent_id: uuidOf(hash64, `rescue|${group.groupId}|${index}|${attempt}`),
    leg_index: index + group.legs.length * attempt,
  }
  const trace = startTrace()
  const result = judge(state, intent, missing, at, out, hash64, trace)
  const denial = 'reason' in result ? result : null
  if (denial === null) finish(trace)
  out.push({ kind: 'decision', decision: decisionOf(state, intent, at, trace, denial) })
  return result
}

/** The price is that of the contract and not the pricer's; every gate is asked all the same. */
function judge(
  state: EngineState,
  intent: PlaceIntent,
  missing: number,
  at: At,
  out: Effect[],
  hash64: Hash64,
  trace: Trace,
): ReadyOrder | Denial {
  enter(trace, 'Instrument')
  const spec = state.instruments.get(intent.instrument)
  if (spec === undefined) return { reason: 'InstrumentMetadataMissing' }
  const wish = { intent, intentClass: 'OPEN' as const, spec }
  const objection = judgeWish(state, wish, at, trace)
  if (objection !== null) return objection
  enter(trace, 'Price')
  const book = freshBook(state, spec.name, at)
  const best = intent.side === 'buy' ? book?.bestAsk : book?.bestBid
  if (best === undefined || best === null) return { reason: 'LiquidityGateNoL2' }
  const ticks = state.config.gates.groups.rescueCrossSpreadTicks
  const quantized = crossingOrder(spec, intent.side, missing, { best, ticks, limit: null })
  if (quantized === undefined) return { reason: 'TooSmallAfterQuantization' }
  const size = orderSize(spec, Number(quantized.amount), indexOf(state, spec))
  enter(trace, 'Label')
  const label = labelOf({ ...wish, quantized, size }, hash64)
  if (label === null) return { reason: 'LabelTooLong' }
  const mode = modeNow(state, at, state.config.killSwitchAgeMsMax, intent.group_id)
  const desk = meetOpeningIn(state, at, mode)
  trace.desk = desk
  const refusal = judgeOrder(state, { ...wish, quantized, size, desk }, at, trace)
  const leg = newLeg({ ...wish, quantized, size }, label)
  const gated = { intent, leg, size, mode: desk.mode.mode, agreed: null, mayWait: false }
  const ruling = refusal ?? applyPolicy(state, gated, at, out, hash64, trace)
  assert(ruling !== 'held', 'a leg of a group does not wait for people')
  notePermission(state, intent, desk.permission, ruling?.reason ?? null, at, out)
  return ruling ?? { leg, size }
}
