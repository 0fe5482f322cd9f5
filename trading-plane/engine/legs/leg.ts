import { assert } from '@bulkhead/shared/kernel/assert.ts'
import type { Side, VenueOrderState } from '../../venues/port.ts'

/**
 * One order at the venue, from the durable record of the wish to its end (contract 2.1, D-25).
 * `unknown` is a state of its own: it ends only on evidence from the venue (design 6.4).
 */
export const legStates = [
  'recorded',
  'sent',
  'unknown',
  'open',
  'partly_filled',
  'filled',
  'cancelled',
  'rejected',
  'not_placed',
] as const
export type LegState = (typeof legStates)[number]

export type Leg = {
  readonly label: string
  readonly intentId: string
  readonly strategyId: string
  readonly groupId: string
  readonly legIndex: number
  readonly instrument: string
  readonly currency: string
  readonly side: Side
  readonly amountSteps: number
  readonly priceTicks: number
  readonly amount: string
  readonly price: string
  readonly timeInForce: 'good_til_cancelled' | 'immediate_or_cancel'
  readonly postOnly: boolean
  readonly reduceOnly: boolean
  readonly state: LegState
  readonly venueOrderId: string | null
  /** Steps filled as the sum of its trades, and as the order itself last reported. */
  readonly tradedSteps: number
  readonly reportedSteps: number
  /** The lease it was sent under, by the venue's clock; null before it was sent. */
  readonly validUntilMs: number | null
}

/** An order of an earlier run that stands in the ledger without any decision to send it. */
export type UnsentOrder = {
  /** Wall time of its record. */
  readonly createdMs: number
  /** A whole reading of the account since the start found nothing of it. */
  isProven: boolean
  isSending: boolean
}

export type LegInput =
  | { readonly kind: 'dispatched'; readonly validUntilMs: number }
  /** Proven never sent: our own decision after the record, or no connection to send it on. */
  | { readonly kind: 'withheld' }
  | {
      readonly kind: 'order'
      readonly state: VenueOrderState
      readonly filledSteps: number
      readonly venueOrderId: string
    }
  | { readonly kind: 'fill'; readonly steps: number }
  | { readonly kind: 'rejected' }
  | { readonly kind: 'ambiguous' }
  /** Open orders and the look-up by label both answered, past the lease, without this order. */
  | { readonly kind: 'absent' }

export type LegStep = {
  readonly leg: Leg
  /** True when the input cannot happen if venue and we are both right; counted, never fatal. */
  readonly isAnomaly: boolean
}

const terminal: ReadonlySet<LegState> = new Set(['filled', 'cancelled', 'rejected', 'not_placed'])

export function isTerminal(state: LegState): boolean {
  return terminal.has(state)
}

/** Steps that are certainly filled: the larger of what trades sum to and what the order reports. */
export function filledSteps(leg: Leg): number {
  return Math.min(leg.amountSteps, Math.max(leg.tradedSteps, leg.reportedSteps))
}

/** Whether the venue may hold this order, now or in a moment. */
export function isLive(leg: Leg): boolean {
  return !isTerminal(leg.state)
}

/** Whether we do not know what the venue holds of it: sent without a reply, or in doubt. */
export function isUndecided(leg: Leg): boolean {
  return leg.state === 'recorded' || leg.state === 'sent' || leg.state === 'unknown'
}

/**
 * The next state. Total over every order of inputs: late, repeated and impossible ones change
 * nothing but the anomaly flag, and evidence of a fill always counts (contract 2.1, AT-230).
 */
export function stepLeg(leg: Leg, input: LegInput): LegStep {
  const next = apply(leg, input)
  assert(filledSteps(next.leg) >= filledSteps(leg), 'a fill is never taken back')
  return next
}

function apply(leg: Leg, input: LegInput): LegStep {
  switch (input.kind) {
    case 'dispatched':
      if (leg.state !== 'recorded') return { leg, isAnomaly: true }
      return move(leg, { state: 'sent', validUntilMs: input.validUntilMs })
    case 'withheld':
      return leg.state === 'recorded' || leg.state === 'sent'
        ? move(leg, { state: 'not_placed' })
        : { leg, isAnomaly: true }
    case 'order':
      return applyOrder(leg, input)
    case 'fill':
      return applyFill(leg, input.steps)
    case 'rejected':
      return isUndecided(leg) ? move(leg, { state: 'rejected' }) : { leg, isAnomaly: true }
    case 'ambiguous':
      return leg.state === 'sent' ? move(leg, { state: 'unknown' }) : { leg, isAnomaly: false }
    case 'absent':
      return applyAbsent(leg)
  }
}

function applyOrder(leg: Leg, input: Extract<LegInput, { kind: 'order' }>): LegStep {
  const reportedSteps = Math.max(leg.reportedSteps, input.filledSteps)
  const known = { ...leg, reportedSteps, venueOrderId: leg.venueOrderId ?? input.venueOrderId }
  const isFull = filledSteps(known) >= leg.amountSteps
  if (isFull) return { leg: { ...known, state: 'filled' }, isAnomaly: wasNeverThere(leg) }
  if (isTerminal(leg.state)) return { leg: known, isAnomaly: wasNeverThere(leg) }
  if (input.state === 'cancelled' || input.state === 'rejected') {
    return move(known, { state: input.state })
  }
  return move(known, { state: filledSteps(known) > 0 ? 'partly_filled' : 'open' })
}

function applyFill(leg: Leg, steps: number): LegStep {
  const filled = { ...leg, tradedSteps: leg.tradedSteps + steps }
  if (filledSteps(filled) >= leg.amountSteps) {
    const isTooMuch = filled.tradedSteps > leg.amountSteps
    return { leg: { ...filled, state: 'filled' }, isAnomaly: isTooMuch || wasNeverThere(leg) }
  }
  if (leg.state === 'cancelled') return { leg: filled, isAnomaly: false }
  return { leg: { ...filled, state: 'partly_filled' }, isAnomaly: wasNeverThere(leg) }
}

/**
 * An order that was acknowledged and is gone was cancelled; one that never showed was not placed.
 */
function applyAbsent(leg: Leg): LegStep {
  if (isTerminal(leg.state)) return { leg, isAnomaly: false }
  if (isUndecided(leg)) return move(leg, { state: 'not_placed' })
  return move(leg, { state: 'cancelled' })
}

function wasNeverThere(leg: Leg): boolean {
  return leg.state === 'recorded' || leg.state === 'rejected' || leg.state === 'not_placed'
}

function move(leg: Leg, change: Partial<Leg>): LegStep {
  return { leg: { ...leg, ...change }, isAnomaly: false }
}
