import type { GroupState } from '@bulkhead/shared/contracts/intents.ts'
import { type Group, type GroupsState, newGroup, newLeg, unseenOrder } from './state.ts'

/** What the ledger alone says of a group; everything else is learned after the restart. */
export type SavedGroup = {
  readonly groupId: string
  readonly strategyId: string
  readonly state: GroupState
  readonly rescues: number
  readonly failedMs: number | null
  /** Labels of the orders of each leg and of what took it back, oldest first. */
  readonly legs: readonly {
    readonly orders: readonly string[]
    readonly closes: readonly string[]
  }[]
}

export type SavedGroups = {
  readonly open: readonly SavedGroup[]
  readonly ended: readonly SavedGroup[]
}

/** The groups that the ledger told of, each list in its order (`recover.ts`). */
export function saveGroups({ open, ended }: GroupsState): SavedGroups {
  return { open: [...open.values()].map(save), ended: [...ended.values()].map(save) }
}

/** Puts what was saved into a state that has met no group yet. */
export function restoreGroups(groups: GroupsState, { open, ended }: SavedGroups): void {
  for (const saved of open) groups.open.set(saved.groupId, restore(saved))
  for (const saved of ended) groups.ended.set(saved.groupId, restore(saved))
}

function save({ groupId, strategyId, state, rescues, failedMs, legs }: Group): SavedGroup {
  const labels = legs.map(({ orders, closes }) => ({
    orders: orders.map(({ label }) => label),
    closes: closes.map(({ label }) => label),
  }))
  return { groupId, strategyId, state, rescues, failedMs, legs: labels }
}

function restore({ groupId, strategyId, state, rescues, failedMs, legs }: SavedGroup): Group {
  const own = legs.map(({ orders, closes }) => ({
    ...newLeg(null, orders),
    closes: closes.map(unseenOrder),
  }))
  const identity = { groupId, strategyId, legs: own }
  return newGroup(identity, { state, rescues, failedMs, mayRescue: false })
}
