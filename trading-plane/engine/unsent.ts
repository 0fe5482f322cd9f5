import type { IntentDenialReason } from '@bulkhead/shared/contracts/reasons/intent-denials.ts'
import type { At } from './at.ts'
import type { Effect } from './effects.ts'
import type { Leg } from './legs/leg.ts'
import { strategyWarmupGate } from './gates/strategy-warmup.ts'
import { modeNow, openingDenial } from './mode-view.ts'
import { isRiskOff } from './recon/book.ts'
import { count, type EngineState } from './state.ts'
import { permissionDenial } from './trade-permission/gate.ts'
import { isLatched } from './trading-mode/open-permission.ts'
import { advance } from './transitions.ts'

/** Whether an order of an earlier run waits to be sent for the first time. */
export function isUnsent(state: EngineState, label: string): boolean {
  return state.unsent.get(label)?.isSending === false
}

/** The account was read whole and holds nothing of this order. */
export function proveUnsent(state: EngineState, label: string): void {
  const order = state.unsent.get(label)
  if (order !== undefined) order.isProven = true
}

/**
 * Sends what an earlier run recorded and never sent: once, after the reconciliation, and only if it
 * might be sent now anyway and somebody minds it. What is too old, or not wanted any more, is
 * withdrawn (AT-935b, decision D-69).
 */
export function sendUnsent(state: EngineState, at: At, out: Effect[]): void {
  for (const [label, order] of state.unsent) {
    const leg = state.legs.get(label)
    if (leg?.state !== 'recorded') {
      state.unsent.delete(label)
      continue
    }
    if (order.isSending) continue
    const ageMs = at.nowMs - order.createdMs
    if (state.legs.wish(label).cancelWanted) withdraw(state, leg, undefined, at, out)
    else if (ageMs < 0 || ageMs > state.config.unsentAgeMsMax) {
      withdraw(state, leg, 'IntentTooOld', at, out)
    } else if (leg.reduceOnly) {
      // It may have gone ahead of a stuck ledger (decision D-71); to get out is decided anew.
      if (order.isProven) withdraw(state, leg, undefined, at, out)
    } else if (order.isProven && mayGo(state, leg, at)) {
      order.isSending = true
      send(state, leg, at, out)
    }
  }
}

function mayGo(state: EngineState, leg: Leg, at: At): boolean {
  const isKnown = state.instruments.has(leg.instrument) && !state.metadata.gone.has(leg.instrument)
  const isReady = state.venue.isReady && at.serverMs !== null
  if (!isKnown || !isReady || isLatched(state.openPermission)) return false
  const isMinded = state.strategiesHere.has(leg.strategyId)
  if (!isMinded || strategyWarmupGate(state) !== null) return false
  if (isRiskOff(state, leg.instrument)) return false
  const mode = modeNow(state, at, state.config.killSwitchAgeMsMax)
  return (openingDenial(state, mode) ?? permissionDenial(state, at, mode.mode)) === null
}

function send(state: EngineState, leg: Leg, at: At, out: Effect[]): void {
  count(state, 'unsent_resumed')
  const { label, instrument, side, amount, price, timeInForce, postOnly, reduceOnly } = leg
  const createdMs = state.unsent.get(label)?.createdMs ?? at.nowMs
  out.push({
    kind: 'resume',
    order: { label, instrument, side, amount, price, timeInForce, postOnly, reduceOnly },
    audit: {
      action: 'INTENT_RESUMED',
      subject: label,
      correlationId: leg.intentId,
      fields: {
        strategy_id: leg.strategyId,
        instrument,
        side,
        amount,
        price,
        time_in_force: timeInForce,
        reduce_only: String(reduceOnly),
        age_ms: String(Math.round(at.nowMs - createdMs)),
      },
    },
  })
}

function withdraw(
  state: EngineState,
  leg: Leg,
  reason: IntentDenialReason | undefined,
  at: At,
  out: Effect[],
): void {
  count(state, 'unsent_withdrawn')
  state.unsent.delete(leg.label)
  advance(
    state,
    leg,
    { kind: 'withheld' },
    at,
    out,
    reason === undefined ? {} : { reject_reason_code: reason },
  )
}
