import type { GroupIntent, PlaceIntent } from '@bulkhead/shared/contracts/intents.ts'
import type { IntentDenialReason } from '@bulkhead/shared/contracts/reasons/intent-denials.ts'
import { assert } from '@bulkhead/shared/kernel/assert.ts'
import type { At } from '../at.ts'
import type { Effect } from '../effects.ts'
import type { EngineEvent } from '../events.ts'
import type { Denial } from '../gates/gate.ts'
import { decisionOf } from '../intents/decision.ts'
import { denyIntent, judgePlace } from '../intents/handle-intent.ts'
import type { Hash64 } from '../intents/label.ts'
import type { ReadyOrder } from '../intents/ready-order.ts'
import { submitOf } from '../intents/submit.ts'
import { enter, finish, startTrace, type Trace } from '../intents/trace.ts'
import { count, type EngineState } from '../state.ts'
import { groupOf, newGroup, newLeg } from './state.ts'
import { moveGroup } from './transition.ts'

type JudgedLeg = {
  readonly intent: PlaceIntent
  readonly trace: Trace
  readonly result: ReadyOrder | Denial
}

/**
 * Judges a group: every leg goes through every gate with the legs before it reserved, and one
 * refusal refuses all. What passes is reserved and recorded as a group; no leg is handed out before
 * the ledger has it (contract 1.2.1).
 */
export function proposeGroup(
  state: EngineState,
  group: GroupIntent,
  at: At,
  out: Effect[],
  hash64: Hash64,
): void {
  count(state, 'intents_group')
  const { tally } = state.permission
  const judged = judgeLegs(state, group, at, out, hash64)
  const ready = judged.flatMap(({ result }) => ('reason' in result ? [] : [result]))
  const isWhole = ready.length === group.legs.length
  if (!isWhole) {
    state.permission.tally = tally
    for (const { leg } of ready) state.legs.discard(leg.label)
  }
  for (const each of judged) conclude(state, each, isWhole, at, out)
  if (!isWhole) return
  const labels = ready.map(({ leg }) => leg.label)
  const { group_id: groupId, strategy_id: strategyId } = group
  const legs = judged.map(({ intent }, index) => newLeg(intent, [labels[index] ?? '']))
  const held = { heldSinceTickMs: at.tickMs, waiting: ready }
  state.groups.open.set(groupId, newGroup({ groupId, strategyId, legs }, held))
  out.push({
    kind: 'record-group',
    groupId,
    record: {
      type: 'group',
      group_id: groupId,
      strategy_id: strategyId,
      labels: labels.join(' '),
      created_ms: at.nowMs,
    },
  })
}

/** The ledger has the group, and its legs go out together; or it has not, and nothing goes. */
export function takeGroupRecorded(
  state: EngineState,
  { groupId, isRecorded }: Extract<EngineEvent, { kind: 'group-recorded' }>,
  at: At,
  out: Effect[],
): void {
  const group = state.groups.open.get(groupId)
  if (group === undefined || group.heldSinceTickMs === null) return
  const { waiting } = group
  group.heldSinceTickMs = null
  group.waiting = []
  if (isRecorded) {
    moveGroup(state, group, 'Dispatched', at, out)
    const legs = waiting.map(({ leg, size }) => submitOf(state, leg, size, at))
    out.push({ kind: 'submit-group', legs })
    return
  }
  state.groups.open.delete(groupId)
  for (const { leg } of waiting) state.legs.discard(leg.label)
  for (const { wish } of group.legs) {
    if (wish === null) continue
    denyIntent(state, wish, { reason: 'LedgerUnavailable' }, at, out)
    const { intent_id: intentId } = wish
    out.push({
      kind: 'decision-withheld',
      intentId,
      reason: 'LedgerUnavailable',
      refusedBy: 'Dispatch',
    })
  }
}

/** Stops at the first refusal; the legs behind it are not judged. */
function judgeLegs(
  state: EngineState,
  group: GroupIntent,
  at: At,
  out: Effect[],
  hash64: Hash64,
): JudgedLeg[] {
  let refusal: IntentDenialReason | null = groupRefusal(state, group)
  return placesOf(group).map((intent) => {
    const trace = startTrace()
    if (refusal !== null) {
      enter(trace, 'Group')
      return { intent, trace, result: { reason: refusal } }
    }
    const people = { agreed: null, mayWait: false }
    const result = judgePlace(state, intent, at, out, hash64, trace, people)
    assert(result !== 'held', 'a leg of a group does not wait for people')
    if (typeof result === 'object' && 'leg' in result) state.legs.set(result.leg)
    else refusal = 'GroupLegDenied'
    return { intent, trace, result: typeof result === 'object' ? result : { reason: result } }
  })
}

function groupRefusal(state: EngineState, group: GroupIntent): IntentDenialReason | null {
  if (groupOf(state.groups, group.group_id) !== undefined) return 'DuplicateIntent'
  const isFull = state.groups.open.size >= state.config.gates.groups.openMax
  return isFull ? 'OpenOrdersAboveLimit' : null
}

/** Told with its reason where a leg was refused, and with that of the group where it was not. */
function conclude(
  state: EngineState,
  { intent, trace, result }: JudgedLeg,
  isWhole: boolean,
  at: At,
  out: Effect[],
): void {
  const denial: Denial | null =
    'reason' in result ? result : isWhole ? null : { reason: 'GroupLegDenied' }
  if (denial === null) finish(trace)
  else {
    if (!('reason' in result)) enter(trace, 'Group')
    denyIntent(state, intent, denial, at, out)
  }
  out.push({ kind: 'decision', decision: decisionOf(state, intent, at, trace, denial) })
}

/** Legs as orders: they open, and take at once or not at all, never at any price (contract 1.2). */
function placesOf({ group_id, strategy_id, legs }: GroupIntent): PlaceIntent[] {
  return legs.map((leg, leg_index) => ({
    ...leg,
    type: 'place',
    group_id,
    strategy_id,
    leg_index,
    time_in_force: 'immediate_or_cancel',
    post_only: false,
    reduce_only: false,
  }))
}
