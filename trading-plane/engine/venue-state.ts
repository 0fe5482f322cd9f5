import type { VenuePosition } from '../venues/port.ts'
import type { At } from './at.ts'
import type { Effect } from './effects.ts'
import type { BookDepth, EngineEvent } from './events.ts'
import { forgetReads } from './reads.ts'
import { forgetSweep } from './sweeper/core.ts'
import { raiseIncident } from './incidents/core.ts'
import { awaitTrades } from './self-impact/flow.ts'
import { count, type EngineState } from './state.ts'
import { latch } from './trading-mode/open-permission.ts'
import { applyOrders, cancelIfWanted } from './transitions.ts'

/** Labels that one incident names. */
const reviewedMax = 100

export function takeOrders(
  state: EngineState,
  event: Extract<EngineEvent, { kind: 'orders' }>,
  at: At,
  out: Effect[],
): void {
  applyOrders(state, event.orders, at, out)
  for (const { label } of event.orders) cancelIfWanted(state, label, at, out)
}

export function takePositions(state: EngineState, positions: readonly VenuePosition[]): void {
  for (const position of positions) {
    state.positions.set(position.instrument, position)
    state.fillsSincePosition.delete(position.instrument)
  }
}

export function takeVenueReady(
  state: EngineState,
  event: Extract<EngineEvent, { kind: 'venue-ready' }>,
  out: Effect[],
): void {
  state.venue.isReady = true
  state.venue.cancelOnDisconnect = event.cancelOnDisconnect
  state.reconcile = { isRunning: false, nextTickMs: 0 }
  const fields = { cancel_on_disconnect: event.cancelOnDisconnect }
  out.push({
    kind: 'audit',
    record: { action: 'VENUE_CONNECTED', subject: 'executor', correlationId: '', fields },
  })
}

/** What rested may be gone, what was under way is in doubt: opening waits for a reconciliation. */
export function takeVenueLost(
  state: EngineState,
  event: Extract<EngineEvent, { kind: 'venue-lost' }>,
  at: At,
  out: Effect[],
): void {
  const wasReady = state.venue.isReady
  if (event.isTooMany) state.monitors.refusedConnections.take(at.tickMs)
  state.venue.isReady = false
  state.venue.cancelOnDisconnect = 'unknown'
  state.reconcile = { isRunning: false, nextTickMs: at.tickMs }
  forgetReads(state, at)
  forgetSweep(state)
  if (!wasReady) return
  state.openPermission = latch(state.openPermission, 'SESSION_TERMINATION_RECONCILE_REQUIRED')
  count(state, 'venue_sessions_lost')
  const fields = { detail: event.detail.slice(0, 256) }
  out.push({
    kind: 'audit',
    record: { action: 'VENUE_LOST', subject: 'executor', correlationId: '', fields },
  })
  const orders = state.legs.live().map(({ label }) => label)
  raiseIncident(
    state,
    {
      code: 'VENUE_CONNECTION_LOST',
      severity: 'critical',
      subject: 'executor',
      correlationId: '',
      fields: { orders: orders.slice(0, reviewedMax).join(' '), count: String(orders.length) },
    },
    out,
  )
}

/** Decision D-11: the latch sets at the first complaint, Kill waits for the corroborating count. */
export function takeComplaint(state: EngineState, at: At): void {
  state.complaints.take(at.tickMs)
  state.venue.isSessionKillActive = true
  state.openPermission = latch(state.openPermission, 'SESSION_TERMINATION_RECONCILE_REQUIRED')
}

/** That the account's limit could not be read is borne a few times, not for good (AT-106). */
export function takeRateLimitRead(state: EngineState, isOk: boolean, at: At): void {
  if (isOk) return
  count(state, 'rate_limit_read_errors_total')
  state.rateLimit.readFailures.take(at.tickMs)
}

export function takeBook(state: EngineState, book: BookDepth): void {
  if (!state.books.has(book.instrument)) awaitTrades(state, book.instrument)
  const bestBid = book.bids[0]?.[0] ?? null
  const bestAsk = book.asks[0]?.[0] ?? null
  state.books.set(book.instrument, { ...book, bestBid, bestAsk, isContinuous: true })
}

export function takeBookGap(state: EngineState, instrument: string, at: At): void {
  const indexPrice = state.books.get(instrument)?.indexPrice ?? null
  const levels = { bids: [], asks: [], bestBid: null, bestAsk: null }
  const lost = { instrument, ...levels, indexPrice, heardTickMs: at.tickMs, isContinuous: false }
  state.books.set(instrument, lost)
  state.openPermission = latch(state.openPermission, 'WS_BOOK_GAP_RECONCILE_REQUIRED')
  count(state, 'book_gaps')
}
