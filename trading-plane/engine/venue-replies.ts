import type { CancelOutcome, OrderOutcome, VenueRejection } from '../venues/port.ts'
import type { At } from './at.ts'
import type { Effect } from './effects.ts'
import { wantReview } from './incidents/core.ts'
import type { Leg } from './legs/leg.ts'
import { endWithInstrument } from './reads.ts'
import { count, type EngineState } from './state.ts'
import { advance, applyOrders, applyTrades, cancelIfWanted } from './transitions.ts'

/** What the venue answered to an order, or that it did not. */
export function handlePlaceReply(
  state: EngineState,
  label: string,
  outcome: OrderOutcome,
  at: At,
  out: Effect[],
): void {
  const leg = state.legs.get(label)
  if (leg === undefined) return
  switch (outcome.kind) {
    case 'accepted':
      out.push(audit('ORDER_ACKED', leg, { venue_order_id: outcome.order.venueOrderId }))
      applyTrades(state, outcome.trades, at, out)
      applyOrders(state, [outcome.order], at, out)
      cancelIfWanted(state, label, at, out)
      return
    case 'rejected':
      rejected(state, leg, outcome, at, out)
      return
    case 'ambiguous':
      count(state, 'orders_ambiguous')
      out.push(audit('ORDER_UNKNOWN', leg, { detail: outcome.detail.slice(0, 256) }))
      advance(state, leg, { kind: 'ambiguous' }, at, out)
      return
    case 'not_sent':
      count(state, 'orders_not_sent')
      advance(state, leg, { kind: 'withheld' }, at, out, { reject_reason_code: 'VenueNotReady' })
  }
}

function rejected(
  state: EngineState,
  leg: Leg,
  outcome: VenueRejection,
  at: At,
  out: Effect[],
): void {
  const detail = `${outcome.code} ${outcome.message}`.slice(0, 256)
  count(state, 'orders_rejected')
  out.push(audit('ORDER_REJECTED', leg, { venue_code: String(outcome.code), detail }))
  const ended = advance(state, leg, { kind: 'rejected' }, at, out, { venue_detail: detail })
  if (outcome.mayMeanInstrumentGone === true) endWithInstrument(state, ended, at, out)
}

/**
 * What the venue answered to a cancel. Only an order state ends the leg; a refusal usually means
 * that it is over already, so the leg is looked up, and a cancel that got lost is repeated by the
 * tick.
 */
export function handleCancelReply(
  state: EngineState,
  label: string,
  outcome: CancelOutcome,
  at: At,
  out: Effect[],
): void {
  count(state, `cancels_${outcome.kind}`)
  if (outcome.kind === 'accepted' && outcome.order !== null) {
    applyOrders(state, [outcome.order], at, out)
    return
  }
  const leg = state.legs.get(label)
  if (leg === undefined || outcome.kind === 'not_sent') return
  const mayBeGone = outcome.kind === 'rejected' && outcome.mayMeanInstrumentGone === true
  if (mayBeGone && endWithInstrument(state, leg, at, out)) return
  if (outcome.kind === 'ambiguous') wantReview(state, leg, out)
  out.push({ kind: 'lookup', target: { label, currency: leg.currency } })
}

function audit(action: string, leg: Leg, fields: Readonly<Record<string, string>>): Effect {
  return {
    kind: 'audit',
    record: {
      action,
      subject: leg.label,
      correlationId: leg.intentId,
      fields: { instrument: leg.instrument, ...fields },
    },
  }
}
