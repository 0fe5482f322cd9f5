import type { GroupState, PlaceIntent } from '@bulkhead/shared/contracts/intents.ts'
import type { Side } from '../../venues/port.ts'
import type { NakedClose } from '../emergency-close/state.ts'
import type { ReadyOrder } from '../intents/ready-order.ts'

/** Ended groups that may still hear of a late fill; the ledger keeps all. */
const endedMax = 200

/** One order of a group as last seen; it outlives the engine's memory of the order itself. */
export type GroupOrder = {
  readonly label: string
  instrument: string
  side: Side
  requestedSteps: number
  filledSteps: number
  isTerminal: boolean
  /** The venue owes an answer (`unknown`). */
  isInDoubt: boolean
  /** More was reported than its trades add up to: the position does not show it yet. */
  isOwing: boolean
}

export type GroupLeg = {
  /** What was asked for; null after a restart, when its price is of another time. */
  readonly wish: PlaceIntent | null
  /** Its own order, then its rescues. */
  readonly orders: GroupOrder[]
  /** What took it back, hedges among it. */
  readonly closes: GroupOrder[]
  /** The close that is running. */
  close: NakedClose | null
  /** Closing attempts, of all closes together. */
  attempts: number
  isHedged: boolean
  /** When a further close may begin. */
  nextCloseTickMs: number
}

export type Group = {
  readonly groupId: string
  readonly strategyId: string
  readonly legs: readonly GroupLeg[]
  state: GroupState
  /** Since when its record is on its way to the ledger; nothing moves it until it is there. */
  heldSinceTickMs: number | null
  /** What is handed out as soon as it is. */
  waiting: readonly ReadyOrder[]
  rescues: number
  mayRescue: boolean
  /** Wall time at which it was first known to be broken. */
  failedMs: number | null
  exposureUsdBefore: number | null
  /** Whether its account was given. */
  isTold: boolean
  /** Whether it keeps the desk from opening. */
  isBreaking: boolean
}

export type GroupsState = {
  readonly open: Map<string, Group>
  /** Oldest first; at most `endedMax`. */
  readonly ended: Map<string, Group>
  /** Ended groups of which something was heard since. */
  readonly touched: Set<string>
}

export function createGroupsState(): GroupsState {
  return { open: new Map(), ended: new Map(), touched: new Set() }
}

export function groupOf(groups: GroupsState, groupId: string): Group | undefined {
  return groups.open.get(groupId) ?? groups.ended.get(groupId)
}

/** An order changed: if its group had ended, it is looked at again. */
export function touchGroup({ ended, touched }: GroupsState, groupId: string): void {
  if (ended.has(groupId)) touched.add(groupId)
}

/** Nothing is expected of it any more. */
export function retireGroup({ open, ended }: GroupsState, group: Group): void {
  open.delete(group.groupId)
  ended.set(group.groupId, group)
  const [oldest] = ended.keys()
  if (ended.size > endedMax && oldest !== undefined) ended.delete(oldest)
}

/** Whether a group other than the one being rescued left something that is not taken back yet. */
export function isGroupExposed({ open }: GroupsState, rescued?: string): boolean {
  for (const group of open.values()) {
    if (group.isBreaking && group.groupId !== rescued) return true
  }
  return false
}

/** Whether a group has been waiting for its record for too long (contract 1.2.1). */
export function isGroupHeld({ open }: GroupsState, tickMs: number, waitMsMax: number): boolean {
  for (const { heldSinceTickMs } of open.values()) {
    if (heldSinceTickMs !== null && tickMs - heldSinceTickMs > waitMsMax) return true
  }
  return false
}

/** The group that this order is to make whole, if it is a rescue. */
export function rescuedGroup(
  { open }: GroupsState,
  order: { readonly groupId: string; readonly legIndex: number },
): string | undefined {
  const group = open.get(order.groupId)
  return group !== undefined && order.legIndex >= group.legs.length ? group.groupId : undefined
}

/** An order of which nothing is known yet; one that never becomes known was never sent. */
export function unseenOrder(label: string): GroupOrder {
  return {
    label,
    instrument: '',
    side: 'buy',
    requestedSteps: 1,
    filledSteps: 0,
    isTerminal: true,
    isInDoubt: false,
    isOwing: false,
  }
}

export function newLeg(wish: PlaceIntent | null, labels: readonly string[]): GroupLeg {
  return {
    wish,
    orders: labels.map(unseenOrder),
    closes: [],
    close: null,
    attempts: 0,
    isHedged: false,
    nextCloseTickMs: Number.NEGATIVE_INFINITY,
  }
}

export function newGroup(
  identity: Pick<Group, 'groupId' | 'strategyId' | 'legs'>,
  change: Partial<Group>,
): Group {
  return {
    ...identity,
    state: 'New',
    heldSinceTickMs: null,
    waiting: [],
    rescues: 0,
    mayRescue: true,
    failedMs: null,
    exposureUsdBefore: null,
    isTold: false,
    isBreaking: false,
    ...change,
  }
}
