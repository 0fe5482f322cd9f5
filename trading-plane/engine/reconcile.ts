import type { VenueOrder, VenuePosition } from '../venues/port.ts'
import type { At } from './at.ts'
import type { Effect } from './effects.ts'
import { confirm } from './emergency-stop/core.ts'
import type { EngineEvent, OrdersReading } from './events.ts'
import { hasOpenExposure } from './exposure/flat.ts'
import type { Hash64 } from './intents/label.ts'
import { isLive, type Leg } from './legs/leg.ts'
import { isFeedSilent, takeReconciled } from './monitors/zombie-socket/core.ts'
import { epsilonOf, judgeDrifts, positionEpsilon } from './recon/drift.ts'
import { hasTradesGap } from './self-impact/flow.ts'
import { count, type EngineState, signedSize } from './state.ts'
import { clearUpTo, isLatched, latch, latchedReasons } from './trading-mode/open-permission.ts'
import { advance, applyOrders, applyTrades } from './transitions.ts'
import { isUnsent, proveUnsent } from './unsent.ts'

/** Asks for a reconciliation when latch or emergency stop want one and the venue can be asked. */
export function startReconcile(state: EngineState, at: At, out: Effect[]): void {
  const { reconcile, openPermission } = state
  const isDue = at.tickMs >= reconcile.nextTickMs && !reconcile.isRunning
  const isTime = at.tickMs >= state.recon.nextReadTickMs
  const isNeeded = isLatched(openPermission) || state.emergencyStop.reconcileFrom !== null
  const isWanted = isNeeded || isTime
  if (!isWanted || !state.venue.isReady || !isDue) return
  reconcile.isRunning = true
  const targets = state.legs.live().map(({ label, currency }) => ({ label, currency }))
  out.push({ kind: 'reconcile', sequence: openPermission.sequence, targets })
}

/**
 * Judges a complete read of the account: trades first, then orders, then positions, as the contract
 * ranks the sources (3.4). The latch opens only when every live leg is accounted for.
 */
export function finishReconcile(
  state: EngineState,
  event: Extract<EngineEvent, { kind: 'reconciled' }>,
  at: At,
  out: Effect[],
  hash64: Hash64,
): void {
  state.reconcile.isRunning = false
  state.reconcile.nextTickMs = at.tickMs + state.config.retryMs
  const undecided = judgeOrders(state, event, at, out)
  const isMatched = adoptPositions(state, event.positions, out)
  judgeDrifts(state, event.positions, at, out, hash64)
  if (undecided > 0) {
    count(state, 'reconciles_incomplete')
    return
  }
  const cleared = latchedReasons(state.openPermission)
  state.openPermission = clearUpTo(state.openPermission, event.sequence)
  state.emergencyStop = confirm(state.emergencyStop, event.sequence)
  // What was adopted has to be found again by a reading that begins after this.
  if (!isMatched)
    state.openPermission = latch(state.openPermission, 'INVENTORY_MISMATCH_RECONCILE_REQUIRED')
  if (hasGap(state))
    state.openPermission = latch(state.openPermission, 'WS_BOOK_GAP_RECONCILE_REQUIRED')
  const { monitors, config } = state
  const limits = config.monitors.zombieSocket
  monitors.zombieSocket = takeReconciled(monitors.zombieSocket, at.tickMs, limits)
  if (isFeedSilent(monitors.zombieSocket, hasOpenExposure(state), at.tickMs, limits))
    state.openPermission = latch(state.openPermission, 'WS_DATA_STALE_RECONCILE_REQUIRED')
  if (hasTradesGap(state, at))
    state.openPermission = latch(state.openPermission, 'WS_TRADES_GAP_RECONCILE_REQUIRED')
  if (!isLatched(state.openPermission)) state.venue.isSessionKillActive = false
  count(state, 'reconciles')
  out.push({
    kind: 'audit',
    record: {
      action: 'RECONCILED',
      subject: 'executor',
      correlationId: '',
      fields: {
        cleared: cleared.join(' '),
        still_latched: latchedReasons(state.openPermission).join(' '),
        open_orders: String(event.openOrders.length),
        positions: String(event.positions.filter(({ size }) => size !== 0).length),
      },
    },
  })
}

/**
 * Takes over what the venue has of our orders, trades first, and decides every leg that was asked
 * about.
 *
 * @returns how many of them are not accounted for
 */
export function judgeOrders(
  state: EngineState,
  { trades, openOrders, byLabel, askedServerMs }: OrdersReading,
  at: At,
  out: Effect[],
): number {
  applyTrades(state, trades, at, out)
  applyOrders(state, openOrders, at, out)
  let undecided = 0
  for (const [label, orders] of byLabel) {
    const seen = [...openOrders, ...orders]
    if (!settle(state, label, seen, askedServerMs, at, out)) undecided += 1
  }
  return undecided
}

/**
 * The venue's positions are the truth about exposure (contract 3.4). Where our own fills do not
 * explain them, as after trades of another hand, the difference is audited.
 *
 * @returns whether ours matched within the epsilon
 */
function adoptPositions(
  state: EngineState,
  positions: readonly VenuePosition[],
  out: Effect[],
): boolean {
  let isMatched = true
  const held = new Map(positions.map((position) => [position.instrument, position]))
  const known = [...state.positions.keys(), ...state.fillsSincePosition.keys()]
  for (const instrument of new Set([...known, ...held.keys()])) {
    const ours = signedSize(state, instrument)
    const theirs = held.get(instrument)?.size ?? 0
    const away = Math.abs(ours - theirs)
    if (away > epsilonOf(state, instrument)) isMatched = false
    if (away <= positionEpsilon) continue
    count(state, 'positions_adopted')
    out.push({
      kind: 'audit',
      record: {
        action: 'POSITION_ADOPTED',
        subject: instrument,
        correlationId: '',
        fields: { ours: String(ours), theirs: String(theirs) },
      },
    })
  }
  state.positions.clear()
  state.fillsSincePosition.clear()
  for (const [instrument, position] of held) state.positions.set(instrument, position)
  return isMatched
}

export function failReconcile(state: EngineState, at: At): void {
  state.reconcile.isRunning = false
  state.reconcile.nextTickMs = at.tickMs + state.config.retryMs
  count(state, 'reconciles_failed')
}

/** Legs in doubt, or whose cancel found nothing, are looked up once their lease is over. */
export function startLookups(state: EngineState, at: At, out: Effect[]): void {
  for (const leg of state.legs.live()) {
    const wish = state.legs.wish(leg.label)
    const isDue = at.tickMs - wish.lookupTickMs >= state.config.retryMs
    if (leg.state !== 'unknown' || !isDue || !isPastLease(state, leg, at.serverMs)) continue
    wish.lookupTickMs = at.tickMs
    out.push({ kind: 'lookup', target: { label: leg.label, currency: leg.currency } })
  }
}

export function finishLookup(
  state: EngineState,
  label: string,
  orders: readonly VenueOrder[] | null,
  at: At,
  out: Effect[],
): void {
  if (orders === null) count(state, 'lookups_failed')
  else settle(state, label, orders, at.serverMs, at, out)
}

/**
 * Decides one leg by what both endpoints said of its label. Without any order, and only when they
 * were asked past its lease, the leg is not at the venue. A look-up is never asked before that. One
 * that no earlier run decided to send has no lease to wait for.
 *
 * @returns whether the leg is accounted for
 */
function settle(
  state: EngineState,
  label: string,
  orders: readonly VenueOrder[],
  askedServerMs: number | null,
  at: At,
  out: Effect[],
): boolean {
  const leg = state.legs.get(label)
  if (leg === undefined || !isLive(leg)) return true
  const own = orders.filter((order) => order.label === label)
  if (own.length > 0) {
    applyOrders(state, own, at, out)
    return true
  }
  if (isUnsent(state, label)) {
    proveUnsent(state, label)
    return true
  }
  if (leg.state === 'recorded' || !isPastLease(state, leg, askedServerMs)) return false
  const after = advance(state, leg, { kind: 'absent' }, at, out, { venue_detail: 'NOT_AT_VENUE' })
  out.push({
    kind: 'audit',
    record: {
      action: 'ORDER_ENDED_BY_ABSENCE',
      subject: label,
      correlationId: leg.intentId,
      fields: { instrument: leg.instrument, from: leg.state, to: after.state },
    },
  })
  return true
}

/** Only by the venue's own clock, and never while that is unknown. */
function isPastLease(state: EngineState, leg: Leg, serverMs: number | null): boolean {
  if (serverMs === null) return false
  return leg.validUntilMs === null || serverMs > leg.validUntilMs + state.config.leaseMarginMs
}

function hasGap(state: EngineState): boolean {
  return [...state.books.values()].some((book) => !book.isContinuous)
}
