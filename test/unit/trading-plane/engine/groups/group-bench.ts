import { randomUUID } from 'node:crypto'
import {
  type GroupIntent,
  type GroupLegIntent,
  type GroupState,
  groupStates,
} from '@bulkhead/shared/contracts/intents.ts'
import type { Effect, ProposedOrder } from '@bulkhead/trading-plane/engine/effects.ts'
import type { LedgerRecord } from '@bulkhead/trading-plane/ledger/records.ts'
import { deskWith } from '../gates/gate-bench.ts'
import { future, roomy } from '../emergency-close/close-bench.ts'
import { type EngineBench, ofKind, perpetual, venueOrder } from '../harness.ts'

export const strategyId = 'pairs'

/** A desk that may open and sees two instruments of one coin. */
export function groupDesk(
  changes: Parameters<typeof deskWith>[0] = {},
  config: Parameters<typeof deskWith>[1] = {},
): EngineBench {
  const bench = deskWith(changes, { ...roomy, ...config })
  bench.give({ kind: 'instruments', instruments: [perpetual, future] })
  bench.book()
  bench.book(59_990, 59_995, future.name)
  return bench
}

const legOf = (leg: Partial<GroupLegIntent>): GroupLegIntent => ({
  intent_id: randomUUID(),
  instrument: perpetual.name,
  side: 'buy',
  amount: '500',
  limit_price: '60001',
  expected_edge_usd: '1000',
  fair_price: '70000',
  ...leg,
})

/** Buys the future, sells the perpetual, 500 USD of each. */
export function pair(
  first: Partial<GroupLegIntent> = {},
  second: Partial<GroupLegIntent> = {},
): GroupIntent {
  const bought = { instrument: future.name, limit_price: '59996', ...first }
  const sold = { side: 'sell' as const, limit_price: '59999', fair_price: '50000', ...second }
  return {
    type: 'group',
    group_id: randomUUID(),
    strategy_id: strategyId,
    legs: [legOf(bought), legOf(sold)],
  }
}

/** Proposes, and the ledger takes it: the orders that go out together. */
export function dispatched(bench: EngineBench, group = pair()) {
  bench.give({ kind: 'group', group })
  const { group_id: groupId } = group
  const effects = bench.give({ kind: 'group-recorded', groupId, isRecorded: true })
  const orders = sentTogether(effects)
  for (const { label } of orders) bench.dispatch(label)
  const [first, second] = orders
  if (first === undefined || second === undefined) throw new Error('two legs go out')
  return { groupId, group, first, second, effects }
}

/** The orders of the groups and rescues that these effects send. */
export function sentTogether(effects: readonly Effect[]): ProposedOrder[] {
  return ofKind(effects, 'submit-group').flatMap(({ legs }) => legs.map(({ order }) => order))
}

/** The venue traded this much of an order that takes at once, and dropped the rest. */
export function answer(
  bench: EngineBench,
  { label, side, instrument, ...order }: ProposedOrder,
  filled: number,
): Effect[] {
  const amount = Number(order.amount)
  const state = filled === amount ? ('filled' as const) : ('cancelled' as const)
  const venueOrderId = `v-${label}`
  const done = venueOrder({ label, side, instrument, amount, filledAmount: filled, state })
  const trade = {
    tradeId: `t-${label}`,
    venueOrderId,
    label,
    instrument,
    side,
    amount: filled,
    price: Number(order.price),
    fee: 0,
    feeCurrency: 'BTC',
    venueMs: 1,
  }
  const trades = filled === 0 ? [] : [trade]
  const outcome = { kind: 'accepted', order: { ...done, venueOrderId }, trades } as const
  return bench.give({ kind: 'place-reply', label, outcome })
}

export function reject(bench: EngineBench, { label }: ProposedOrder): Effect[] {
  const outcome = { kind: 'rejected', code: 10_009, message: 'not_enough_funds' } as const
  return bench.give({ kind: 'place-reply', label, outcome })
}

/** What the engine recorded of a group, in order. */
export function recordedStates(effects: readonly Effect[], groupId: string): GroupState[] {
  const states = recordsOf(effects).flatMap((record) =>
    record.type === 'group_state' && record.group_id === groupId ? [record.state] : [],
  )
  return states.filter((state, at) => state !== states[at - 1])
}

export function recordsOf(effects: readonly Effect[]): LedgerRecord[] {
  return effects.flatMap((effect) => {
    switch (effect.kind) {
      case 'record':
      case 'submit':
      case 'record-group':
        return [effect.record]
      case 'submit-group':
        return effect.legs.map(({ record }) => record)
      default:
        return []
    }
  })
}

/** Every order that left for the venue, whichever way. */
export function sentOrders(effects: readonly Effect[]): ProposedOrder[] {
  return effects.flatMap((effect) => {
    if (effect.kind === 'submit') return [effect.order]
    return effect.kind === 'submit-group' ? effect.legs.map(({ order }) => order) : []
  })
}

export function entries(effects: readonly Effect[], action: string) {
  return ofKind(effects, 'audit').flatMap(({ record }) =>
    record.action === action ? [record] : [],
  )
}

export const isKnownState = (state: string): boolean => groupStates.some((known) => known === state)
