import type { VenueOrder } from '../../venues/port.ts'
import type { At } from '../at.ts'
import type { Effect } from '../effects.ts'
import type { OrdersReading } from '../events.ts'
import { isLive, type Leg } from '../legs/leg.ts'
import { judgeOrders } from '../reconcile.ts'
import { count, type EngineState } from '../state.ts'
import { cancelGhost, cancelIfWanted } from '../transitions.ts'

/** Asks for orders and trades every ten seconds of a session, whatever its news say. */
export function startSweep(state: EngineState, at: At, out: Effect[]): void {
  const { sweeper, venue, config } = state
  if (!venue.isReady || sweeper.isRunning) return
  sweeper.nextTickMs ??= at.tickMs + config.sweeper.everyMs
  if (at.tickMs < sweeper.nextTickMs) return
  sweeper.isRunning = true
  sweeper.nextTickMs = at.tickMs + config.sweeper.everyMs
  const targets = state.legs.live().map(({ label, currency }) => ({ label, currency }))
  out.push({ kind: 'sweep', targets })
}

/**
 * Holds the ledger's orders against those at the venue (contract 3.5). First what a reconciliation
 * does with the same reading: trades count, ghosts are cancelled, and what is neither open nor
 * traded has failed. Then what opens and is too old is cancelled, and never replaced: whether it is
 * still wanted is for the strategy to say.
 */
export function finishSweep(
  state: EngineState,
  reading: OrdersReading,
  at: At,
  out: Effect[],
): void {
  state.sweeper.isRunning = false
  count(state, 'sweeps')
  judgeOrders(state, reading, at, out)
  cancelUndead(state, reading.openOrders, out)
  for (const order of reading.openOrders) {
    const leg = state.legs.get(order.label)
    if (leg === undefined || !isStale(state, leg, order, reading.askedServerMs, at)) continue
    cancelStale(state, leg, at, out)
  }
}

/** Nothing was learnt: nothing is concluded, and the question is asked again soon. */
export function failSweep(state: EngineState, at: At): void {
  state.sweeper.isRunning = false
  state.sweeper.nextTickMs = at.tickMs + state.config.retryMs
  count(state, 'sweeps_failed')
}

/** The session is gone: its questions are not answered any more. */
export function forgetSweep(state: EngineState): void {
  state.sweeper.isRunning = false
  state.sweeper.nextTickMs = null
}

/** By the venue's own dates; by ours since we mind the order where it has none. */
function isStale(
  state: EngineState,
  leg: Leg,
  { createdMs, reduceOnly }: VenueOrder,
  askedServerMs: number | null,
  at: At,
): boolean {
  if (!isLive(leg) || leg.reduceOnly || reduceOnly) return false
  const { sinceTickMs } = state.legs.wish(leg.label)
  const ageMs =
    createdMs !== null && askedServerMs !== null
      ? askedServerMs - createdMs
      : at.tickMs - (sinceTickMs ?? at.tickMs)
  return ageMs > state.config.sweeper.staleOrderMs
}

function cancelStale(state: EngineState, leg: Leg, at: At, out: Effect[]): void {
  const wish = state.legs.wish(leg.label)
  if (!wish.cancelWanted) {
    count(state, 'stale_orders')
    const fields = { label: leg.label, instrument: leg.instrument, intent_id: leg.intentId }
    out.push({ kind: 'log', message: 'StaleOrderCanceled', fields })
  }
  wish.cancelWanted = true
  cancelIfWanted(state, leg.label, at, out)
}

/**
 * An order that two sweeps saw resting while its leg had ended has nobody who minds it. One sweep
 * may only have read it a moment before its end.
 */
function cancelUndead(state: EngineState, openOrders: readonly VenueOrder[], out: Effect[]): void {
  const undead = openOrders.filter(({ label }) => {
    const leg = state.legs.get(label)
    return leg !== undefined && !isLive(leg)
  })
  for (const order of undead) {
    if (state.sweeper.undead.has(order.venueOrderId)) cancelGhost(state, order, out)
  }
  state.sweeper.undead = new Set(undead.map(({ venueOrderId }) => venueOrderId))
}
