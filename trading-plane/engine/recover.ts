import type { IntentRecord, LedgerRecord } from '../ledger/records.ts'
import { noteNaked } from './emergency-close/recover.ts'
import { noteRescue, takeGroupRecord } from './groups/recover.ts'
import { type Leg, stepLeg } from './legs/leg.ts'
import { addSteps } from './recon/book.ts'
import type { LedgerState } from './ledger-state.ts'
import { countOpening } from './trade-permission/budget.ts'

/**
 * Ends the rebuilding of all legs. What was recorded and never sent waits for the reconciliation
 * (`unsent.ts`), and so does what was sent and not decided: that is never sent again (contract
 * 1.1.1 rule 3).
 */
export function finishRecovery(state: LedgerState): void {
  for (const label of state.unsent.keys()) {
    if (state.legs.get(label)?.state !== 'recorded') state.unsent.delete(label)
  }
}

/** Rebuilds the legs from the ledger, one record after the other, oldest first. */
export function takeLedgerRecord(state: LedgerState, record: LedgerRecord): void {
  switch (record.type) {
    case 'run':
      return
    case 'intent':
      state.intentIds.add(record.intent_id)
      if (!record.reduce_only) {
        state.permission.tally = countOpening(state.permission.tally, record.created_ms)
      }
      state.labels.add(record.label)
      state.legs.set(legOfRecord(record))
      state.unsent.set(record.label, {
        createdMs: record.created_ms,
        isProven: false,
        isSending: false,
      })
      noteRescue(state.groups, record)
      return
    case 'dispatch':
      state.unsent.delete(record.label)
      change(
        state,
        record.label,
        (leg) => stepLeg(leg, { kind: 'dispatched', validUntilMs: record.valid_until_ms }).leg,
      )
      return
    case 'leg':
      if (record.state === 'not_placed') state.unsent.delete(record.label)
      change(state, record.label, (leg) => ({
        ...leg,
        state: record.state,
        tradedSteps: record.traded_steps,
        reportedSteps: record.reported_steps,
        venueOrderId: record.venue_order_id,
      }))
      return
    case 'trade':
      if (!state.tradeIds.add(record.trade_id)) return
      addSteps(state, record.instrument, record.side, record.steps)
      change(state, record.label, (leg) => stepLeg(leg, { kind: 'fill', steps: record.steps }).leg)
      return
    case 'group':
    case 'group_state':
    case 'group_close':
      return takeGroupRecord(state.groups, record)
    case 'naked':
      noteNaked(state.nakedMs, record.incident_ts_ms)
      return
    case 'adjust':
      addSteps(state, record.instrument, record.side, record.steps)
  }
}

/**
 * Legs that ended long ago are forgotten while later records may still name them, and an order may
 * have gone out ahead of a stuck ledger: its label is used all the same (decision D-71).
 */
function change(state: LedgerState, label: string, next: (leg: Leg) => Leg): void {
  const leg = state.legs.get(label)
  if (leg !== undefined) return state.legs.set(next(leg))
  state.labels.add(label)
  const name = 'recovered_without_leg'
  state.counters.set(name, (state.counters.get(name) ?? 0) + 1)
}

function legOfRecord(record: IntentRecord): Leg {
  return {
    label: record.label,
    intentId: record.intent_id,
    strategyId: record.strategy_id,
    groupId: record.group_id,
    legIndex: record.leg_index,
    instrument: record.instrument,
    currency: record.currency,
    side: record.side,
    amountSteps: record.amount_steps,
    priceTicks: record.price_ticks,
    amount: record.amount,
    price: record.price,
    timeInForce: record.time_in_force,
    postOnly: record.post_only,
    reduceOnly: record.reduce_only,
    state: 'recorded',
    venueOrderId: null,
    tradedSteps: 0,
    reportedSteps: 0,
    validUntilMs: null,
  }
}
