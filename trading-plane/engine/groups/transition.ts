import type { GroupState } from '@bulkhead/shared/contracts/intents.ts'
import type { LedgerRecord } from '../../ledger/records.ts'
import type { At } from '../at.ts'
import type { Effect } from '../effects.ts'
import { count, type EngineState } from '../state.ts'
import type { Group } from './state.ts'

/** Every transition is recorded, audited, counted and told. */
export function moveGroup(
  state: EngineState,
  group: Group,
  next: GroupState,
  at: At,
  out: Effect[],
): void {
  const { groupId, strategyId, state: from } = group
  group.state = next
  if (next === 'MixedFailed') group.failedMs ??= at.nowMs
  count(state, `groups_${next}`)
  out.push({ kind: 'record', record: stateRecord(group, at) })
  out.push(groupAudit('GROUP_STATE_CHANGED', group, { from, to: next }))
  const message = { group_id: groupId, strategy_id: strategyId, state: next }
  out.push({ kind: 'tell', message: { type: 'group', ...message } })
}

export function stateRecord({ groupId, state, rescues }: Group, at: At): LedgerRecord {
  return { type: 'group_state', group_id: groupId, state, rescues, at_ms: at.nowMs }
}

/** An entry under the id of the group, by which its orders can be joined to it. */
export function groupAudit(
  action: string,
  { groupId, strategyId, legs }: Group,
  fields: Readonly<Record<string, string>>,
): Effect {
  const labels = legs.flatMap(({ orders }) => orders.map(({ label }) => label)).join(' ')
  return {
    kind: 'audit',
    record: {
      action,
      subject: groupId,
      correlationId: groupId,
      fields: { strategy_id: strategyId, orders: labels, ...fields },
    },
  }
}
