import type { IntentRecord, LedgerRecord } from '../../ledger/records.ts'
import type { At } from '../at.ts'
import type { Effect } from '../effects.ts'
import type { EngineState } from '../state.ts'
import { advance } from '../transitions.ts'
import {
  type Group,
  type GroupsState,
  newGroup,
  newLeg,
  retireGroup,
  unseenOrder,
} from './state.ts'

type GroupRecord = Extract<LedgerRecord, { type: 'group' | 'group_state' | 'group_close' }>

/**
 * Rebuilds groups from the ledger, oldest record first. A group that is rebuilt is never rescued:
 * what it left is taken back as soon as the account is known (contract 3.4, mixed-state rule).
 */
export function takeGroupRecord(groups: GroupsState, record: GroupRecord): void {
  if (record.type === 'group') {
    const legs = record.labels.split(' ').map((label) => newLeg(null, [label]))
    const identity = { groupId: record.group_id, strategyId: record.strategy_id, legs }
    groups.open.set(record.group_id, newGroup(identity, { state: 'Dispatched', mayRescue: false }))
    return
  }
  const group = openAgain(groups, record.group_id)
  if (group === undefined) return
  if (record.type === 'group_close') {
    group.legs[record.leg_index]?.closes.push(unseenOrder(record.label))
    return
  }
  group.state = record.state
  group.rescues = record.rescues
  if (record.state === 'MixedFailed') group.failedMs ??= record.at_ms
  if (record.state === 'Complete' || record.state === 'Flattened') retireGroup(groups, group)
}

/**
 * What an earlier run recorded of a group and never sent stays unsent, unlike other orders
 * (decision D-69): a leg alone is what a group is there to prevent.
 */
export function withholdUnsent(state: EngineState, at: At, out: Effect[]): void {
  for (const { legs } of state.groups.open.values()) {
    for (const { label } of legs.flatMap(({ orders, closes }) => [...orders, ...closes])) {
      if (!state.unsent.delete(label)) continue
      const leg = state.legs.get(label)
      if (leg?.state === 'recorded') advance(state, leg, { kind: 'withheld' }, at, out)
    }
  }
}

/** An order of a group beyond its legs is the rescue of one of them. */
export function noteRescue({ open }: GroupsState, record: IntentRecord): void {
  const legs = open.get(record.group_id)?.legs
  if (legs === undefined || record.leg_index < legs.length) return
  legs[record.leg_index % legs.length]?.orders.push(unseenOrder(record.label))
}

/** A record of a group that had ended opens it again, as the late fill before it did. */
function openAgain({ open, ended }: GroupsState, groupId: string): Group | undefined {
  const group = ended.get(groupId)
  if (group === undefined) return open.get(groupId)
  ended.delete(groupId)
  open.set(groupId, group)
  return group
}
