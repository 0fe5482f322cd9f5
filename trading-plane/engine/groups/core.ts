import type { At } from '../at.ts'
import type { Effect } from '../effects.ts'
import { amountOfSteps } from '../exposure/exposure.ts'
import type { Hash64 } from '../intents/label.ts'
import { filledSteps, isTerminal } from '../legs/leg.ts'
import type { EngineState } from '../state.ts'
import { latchedReasons } from '../trading-mode/open-permission.ts'
import { flatten, leftSteps } from './flatten.ts'
import { type GroupFacts, nextState } from './machine.ts'
import { rescue } from './rescue.ts'
import { type Group, type GroupLeg, type GroupOrder, retireGroup } from './state.ts'
import { moveGroup } from './transition.ts'

/** Rescues of one group (contract 1.2). */
const rescuesMax = 2

/** Moves every group on that can move; asked after each event. Nothing else moves them. */
export function stepGroups(state: EngineState, at: At, out: Effect[], hash64: Hash64): void {
  const { open, ended, touched } = state.groups
  for (const groupId of touched) {
    const group = ended.get(groupId)
    if (group !== undefined) stepGroup(state, group, at, out, hash64)
  }
  touched.clear()
  for (const group of open.values()) stepGroup(state, group, at, out, hash64)
}

function stepGroup(state: EngineState, group: Group, at: At, out: Effect[], hash64: Hash64): void {
  // After a restart nothing is concluded from an account that was not read yet.
  const isUnread = latchedReasons(state.openPermission).includes('RESTART_RECONCILE_REQUIRED')
  if (group.heldSinceTickMs !== null || isUnread) return
  for (const { orders, closes } of group.legs) {
    for (const order of orders) refresh(state, order)
    for (const order of closes) refresh(state, order)
  }
  settle(state, group, at, out)
  if (group.state === 'MixedFailed' && isOver(group) && !tryRescue(state, group, at, out, hash64)) {
    settle(state, group, at, out)
  }
  if (group.state === 'Flattening') {
    flatten(state, group, at, out)
    settle(state, group, at, out)
  }
  group.isBreaking = isBreaking(group)
  if (group.state === 'Complete' || group.state === 'Flattened') retireGroup(state.groups, group)
  else state.groups.open.set(group.groupId, group)
}

/** As far as the facts lead at once. */
function settle(state: EngineState, group: Group, at: At, out: Effect[]): void {
  const { qtyEpsilon } = state.config.gates.groups
  for (;;) {
    const next = nextState(group.state, factsOf(state, group), qtyEpsilon)
    if (next === group.state) return
    moveGroup(state, group, next, at, out)
    if (next === 'MixedFailed' || next === 'Flattening') return
  }
}

function tryRescue(
  state: EngineState,
  group: Group,
  at: At,
  out: Effect[],
  hash64: Hash64,
): boolean {
  if (!mayRescue(group)) return false
  const isSent = rescue(state, group, at, out, hash64)
  if (!isSent) group.mayRescue = false
  return isSent
}

function factsOf(state: EngineState, group: Group): GroupFacts {
  return {
    legs: group.legs.map(({ orders }) => {
      const [first] = orders
      const spec = state.instruments.get(first?.instrument ?? '')
      const amount = (steps: number) =>
        spec === undefined ? steps : amountOfSteps(steps, spec.amountStep)
      return {
        requestedQty: amount(first?.requestedSteps ?? 0),
        filledQty: amount(orders.reduce((sum, each) => sum + each.filledSteps, 0)),
        isTerminal: orders.every((order) => order.isTerminal),
      }
    }),
    mayRescue: mayRescue(group),
    hasRescued: group.rescues > 0,
    isExposed: group.legs.some((leg) => leg.close !== null || isLeft(state, leg)),
  }
}

function isLeft(state: EngineState, leg: GroupLeg): boolean {
  return leg.orders.some(({ isOwing }) => isOwing) || leftSteps(state, leg) > 0
}

/** Only what is filled is worth a rescue: without it there is nothing naked. */
function mayRescue(group: Group): boolean {
  return group.mayRescue && group.rescues < rescuesMax && hasFill(group)
}

function hasFill({ legs }: Group): boolean {
  return legs.some(({ orders }) => orders.some((order) => order.filledSteps > 0))
}

function isOver({ legs }: Group): boolean {
  return legs.every(({ orders }) => orders.every((order) => order.isTerminal))
}

/** Broken and filled, or in doubt: until it is neutral nothing opens. */
function isBreaking(group: Group): boolean {
  const isInDoubt = group.legs.some(({ orders }) => orders.some((order) => order.isInDoubt))
  const isBroken = group.state === 'MixedFailed' || group.state === 'Flattening'
  return isInDoubt || (isBroken && hasFill(group))
}

function refresh(state: EngineState, order: GroupOrder): void {
  const leg = state.legs.get(order.label)
  if (leg === undefined) return
  order.instrument = leg.instrument
  order.side = leg.side
  order.requestedSteps = leg.amountSteps
  order.filledSteps = filledSteps(leg)
  order.isTerminal = isTerminal(leg.state)
  order.isInDoubt = leg.state === 'unknown'
  order.isOwing = leg.reportedSteps > leg.tradedSteps
}
