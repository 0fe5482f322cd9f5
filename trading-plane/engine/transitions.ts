import type { IntentOutcome } from '@bulkhead/shared/contracts/intents.ts'
import type { LedgerRecord } from '../ledger/records.ts'
import type { VenueOrder, VenueTrade } from '../venues/port.ts'
import type { At } from './at.ts'
import type { Effect } from './effects.ts'
import { touchGroup } from './groups/state.ts'
import { judgeFill, raiseIncident } from './incidents/core.ts'
import { amountStepsOf } from './intents/quantize.ts'
import { parseLabel } from './intents/label.ts'
import { matchLabel } from './intents/label-match.ts'
import { isLive, type Leg, type LegInput, type LegState, stepLeg } from './legs/leg.ts'
import { decimalOf, textOfSteps } from './numbers/decimal.ts'
import { addSteps } from './recon/book.ts'
import { noteOwnTrade } from './self-impact/flow.ts'
import { count, type EngineState } from './state.ts'
import { latch, latchedReasons } from './trading-mode/open-permission.ts'

type OutcomeState = IntentOutcome['state']

/**
 * What a strategy is told of a leg's state; `denied` is told with its reason where it is decided.
 */
export const outcomeOf: Readonly<Record<LegState, OutcomeState>> = {
  recorded: 'accepted',
  sent: 'accepted',
  unknown: 'unknown',
  open: 'open',
  partly_filled: 'open',
  filled: 'filled',
  cancelled: 'cancelled',
  rejected: 'rejected',
  not_placed: 'rejected',
}

/** Applies one input to a leg; every change is recorded, and told when it is another outcome. */
export function advance(
  state: EngineState,
  leg: Leg,
  input: LegInput,
  at: At,
  out: Effect[],
  detail?: Pick<IntentOutcome, 'venue_detail' | 'reject_reason_code'>,
): Leg {
  const step = stepLeg(leg, input)
  if (step.isAnomaly) count(state, 'leg_anomalies')
  if (step.leg === leg || !hasChanged(leg, step.leg)) return leg
  state.legs.set(step.leg)
  touchGroup(state.groups, step.leg.groupId)
  out.push({ kind: 'record', record: legRecord(step.leg, at) })
  const isDenied = input.kind === 'withheld'
  const outcome = isDenied ? 'denied' : outcomeOf[step.leg.state]
  const isNews = outcome !== outcomeOf[leg.state] || input.kind === 'dispatched'
  if (isDenied || isNews) {
    out.push({ kind: 'tell', message: outcomeMessage(step.leg, outcome, detail) })
  }
  return step.leg
}

/** Takes over what the venue says of orders: acknowledgements, updates, and reads alike. */
export function applyOrders(
  state: EngineState,
  orders: readonly VenueOrder[],
  at: At,
  out: Effect[],
): void {
  for (const order of orders) {
    const leg = ownerOf(state, order, stepsAt(state, order.instrument, order.amount) ?? null)
    if (leg === 'ambiguous') {
      noteAmbiguous(state, order, out)
      continue
    }
    if (leg === undefined) {
      cancelGhost(state, order, out)
      continue
    }
    const filledSteps = stepsAt(state, leg.instrument, order.filledAmount)
    if (filledSteps === undefined) {
      count(state, 'venue_amounts_off_grid')
      continue
    }
    const { state: venueState, venueOrderId } = order
    advance(state, leg, { kind: 'order', state: venueState, filledSteps, venueOrderId }, at, out)
    // It went out ahead of a ledger that never had its dispatch (decision D-71): nobody minds it.
    if (leg.state === 'not_placed') cancelGhost(state, order, out)
  }
}

/** Takes over trades, each once: the record is durable before the strategy hears of the fill. */
export function applyTrades(
  state: EngineState,
  trades: readonly VenueTrade[],
  at: At,
  out: Effect[],
): void {
  for (const trade of trades) {
    if (state.tradeIds.has(trade.tradeId)) continue
    const leg = ownerOf(state, trade, null)
    if (leg === 'ambiguous') {
      noteAmbiguous(state, trade, out)
      continue
    }
    if (leg === undefined) {
      noteUnknownTrade(state, trade, out)
      continue
    }
    const steps = stepsAt(state, leg.instrument, trade.amount)
    if (steps === undefined) {
      count(state, 'trades_off_grid')
      continue
    }
    state.tradeIds.add(trade.tradeId)
    judgeFill(state, leg, trade, out)
    out.push({ kind: 'record', record: tradeRecord(leg, trade, steps) })
    addSteps(state, trade.instrument, trade.side, steps)
    noteFill(state, trade)
    noteOwnTrade(state, trade, at)
    out.push({ kind: 'tell', message: fillMessage(leg, trade) })
    advance(state, leg, { kind: 'fill', steps }, at, out)
  }
}

/** It is nobody's here: it enters neither ledger nor position, and people are told, once. */
function noteUnknownTrade(state: EngineState, trade: VenueTrade, out: Effect[]): void {
  state.tradeIds.add(trade.tradeId)
  if (parseLabel(trade.label) !== undefined) state.labels.add(trade.label)
  count(state, 'trades_not_ours')
  const { tradeId, label, instrument, side, amount, price } = trade
  raiseIncident(
    state,
    {
      code: 'FILL_OF_UNKNOWN_ORDER',
      severity: 'critical',
      subject: instrument,
      correlationId: '',
      fields: { trade_id: tradeId, label, side, amount: String(amount), price: String(price) },
    },
    out,
  )
}

/** A leg whose cancel is wanted and possible now, and not asked for a moment ago, is cancelled. */
export function cancelIfWanted(state: EngineState, label: string, at: At, out: Effect[]): boolean {
  const leg = state.legs.get(label)
  if (leg === undefined || !isLive(leg)) return false
  const wish = state.legs.wish(label)
  const isAtVenue = leg.venueOrderId !== null || leg.state === 'unknown'
  const isTooSoon = at.tickMs - wish.cancelTickMs < state.config.retryMs
  if (!wish.cancelWanted || !isAtVenue || isTooSoon) return false
  wish.cancelTickMs = at.tickMs
  const { currency, venueOrderId, intentId, instrument } = leg
  out.push({
    kind: 'cancel',
    cancel: { label, currency, venueOrderId },
    audit: {
      action: 'ORDER_CANCEL_SENT',
      subject: label,
      correlationId: intentId,
      fields: { instrument, venue_order_id: venueOrderId ?? '' },
    },
  })
  return true
}

/** An order at the venue with a label of ours that no leg minds has no owner: it goes. */
export function cancelGhost(state: EngineState, order: VenueOrder, out: Effect[]): void {
  const isResting = order.state === 'open' || order.state === 'untriggered'
  if (!isResting || parseLabel(order.label) === undefined) return
  count(state, 'ghost_orders')
  // The same wish is not sent again, whoever forgot of it (decision D-71).
  state.labels.add(order.label)
  const { label, venueOrderId, instrument } = order
  const currency = state.instruments.get(instrument)?.currency ?? ''
  out.push({
    kind: 'cancel',
    cancel: { label, currency, venueOrderId },
    audit: {
      action: 'GHOST_ORDER_CANCELED',
      subject: label,
      correlationId: '',
      fields: { instrument, venue_order_id: venueOrderId },
    },
  })
  const fields = { label, instrument, venue_order_id: venueOrderId }
  out.push({ kind: 'log', message: 'GhostOrderCanceled', fields })
}

type Told = Pick<VenueOrder, 'label' | 'venueOrderId' | 'instrument' | 'side'>

/** The leg that an order or a trade belongs to, by its label, its number, or the parts of it. */
function ownerOf(
  state: EngineState,
  { label, venueOrderId, instrument, side }: Told,
  amountSteps: number | null,
): Leg | 'ambiguous' | undefined {
  const known = state.legs.get(label) ?? state.legs.byVenueOrder(venueOrderId)
  const parts = known === undefined ? parseLabel(label) : undefined
  if (parts === undefined) return known
  const candidates = state.legs.ofGroupLeg(parts)
  return matchLabel(parts, { instrument, side, amountSteps }, candidates) ?? undefined
}

/**
 * Whose it is cannot be said, so it is nobody's: people are told, and nothing opens before orders
 * and trades are read again (contract 1.1.2).
 */
function noteAmbiguous(state: EngineState, { label, venueOrderId }: Told, out: Effect[]): void {
  const reason = 'WS_TRADES_GAP_RECONCILE_REQUIRED'
  const isNews = !latchedReasons(state.openPermission).includes(reason)
  state.openPermission = latch(state.openPermission, reason)
  count(state, 'labels_ambiguous')
  if (!isNews) return
  const fields = { label, venue_order_id: venueOrderId }
  const record = { action: 'LABEL_AMBIGUOUS', subject: label, correlationId: '', fields }
  out.push({ kind: 'audit', record }, { kind: 'log', message: 'LabelAmbiguous', fields })
}

function stepsAt(state: EngineState, instrument: string, amount: number): number | undefined {
  const spec = state.instruments.get(instrument)
  const exact = decimalOf(amount)
  if (spec === undefined || exact === undefined) return undefined
  return amountStepsOf(spec, textOfSteps(1, exact))
}

/** Until the venue restates the position, our own fills move it (see `signedSize`). */
function noteFill(state: EngineState, trade: VenueTrade): void {
  const signed = trade.side === 'buy' ? trade.amount : -trade.amount
  const before = state.fillsSincePosition.get(trade.instrument) ?? 0
  state.fillsSincePosition.set(trade.instrument, before + signed)
}

function hasChanged(before: Leg, after: Leg): boolean {
  return (
    before.state !== after.state ||
    before.tradedSteps !== after.tradedSteps ||
    before.reportedSteps !== after.reportedSteps ||
    before.venueOrderId !== after.venueOrderId ||
    before.validUntilMs !== after.validUntilMs
  )
}

function legRecord(leg: Leg, at: At): LedgerRecord {
  return {
    type: 'leg',
    label: leg.label,
    state: leg.state,
    traded_steps: leg.tradedSteps,
    reported_steps: leg.reportedSteps,
    venue_order_id: leg.venueOrderId,
    at_ms: at.nowMs,
  }
}

function tradeRecord(leg: Leg, trade: VenueTrade, steps: number): LedgerRecord {
  return {
    type: 'trade',
    trade_id: trade.tradeId,
    label: leg.label,
    instrument: trade.instrument,
    side: trade.side,
    steps,
    price: trade.price,
    fee: trade.fee,
    fee_currency: trade.feeCurrency,
    venue_ms: trade.venueMs,
  }
}

function fillMessage(leg: Leg, trade: VenueTrade) {
  return {
    type: 'fill' as const,
    intent_id: leg.intentId,
    strategy_id: leg.strategyId,
    trade_id: trade.tradeId,
    instrument: trade.instrument,
    side: trade.side,
    amount: trade.amount,
    price: trade.price,
    fee: trade.fee,
    fee_currency: trade.feeCurrency,
  }
}

export function outcomeMessage(
  leg: Pick<Leg, 'intentId' | 'strategyId'>,
  outcome: OutcomeState,
  detail: Pick<IntentOutcome, 'venue_detail' | 'reject_reason_code'> = {},
): IntentOutcome {
  return {
    type: 'outcome',
    intent_id: leg.intentId,
    strategy_id: leg.strategyId,
    state: outcome,
    ...detail,
  }
}
