import type { IntentOutcome } from '@bulkhead/shared/contracts/intents.ts'
import { assertNever } from '@bulkhead/shared/kernel/assert.ts'
import type { IntentDenialReason } from '@bulkhead/shared/contracts/reasons/intent-denials.ts'
import type { VenuePosition } from '../venues/port.ts'
import type { At } from './at.ts'
import type { EngineConfig } from './config.ts'
import type { Effect } from './effects.ts'
import type { EngineEvent, TopOfBook } from './events.ts'
import { handleIntent } from './intents/handle-intent.ts'
import { instrumentSpec } from './intents/instrument.ts'
import type { Hash64 } from './intents/label.ts'
import type { Leg } from './legs/leg.ts'
import { modeNow, openingDenial } from './mode-view.ts'
import {
  failReconcile,
  finishLookup,
  finishReconcile,
  startLookups,
  startReconcile,
} from './reconcile.ts'
import { recover } from './recover.ts'
import { takeSafetyReading } from './safety-view.ts'
import { count, createEngineState, type EngineState } from './state.ts'
import type { ModeDecision } from './trading-mode/evaluate.ts'
import { latch, latchedReasons } from './trading-mode/open-permission.ts'
import {
  advance,
  applyOrders,
  applyTrades,
  cancelIfWanted,
  outcomeMessage,
  outcomeOf,
} from './transitions.ts'
import { handleCancelReply, handlePlaceReply } from './venue-replies.ts'

/** Ended orders that a strategy is told of when it comes back. */
const latestOutcomesMax = 200

/** What status and heartbeat show of the engine. */
export type EngineView = {
  readonly mode: ModeDecision
  readonly openPermissionReasons: ReturnType<typeof latchedReasons>
  readonly liveLegs: readonly Leg[]
  readonly positions: readonly VenuePosition[]
  readonly isVenueReady: boolean
  readonly cancelOnDisconnect: 'armed' | 'absent' | 'unknown'
  readonly marketDataAgeMs: number | null
  readonly counters: Readonly<Record<string, number>>
}

/**
 * The trading plane's one mind: it owns all trading state, takes events, returns effects. The same
 * events at the same moments give the same effects, byte for byte (design 6.2).
 */
export class Engine {
  readonly #state: EngineState
  readonly #hash64: Hash64

  constructor(config: EngineConfig, hash64: Hash64) {
    this.#state = createEngineState(config)
    this.#hash64 = hash64
  }

  /** Takes one event and says what is to be done, in order. */
  handle(event: EngineEvent, at: At): Effect[] {
    const out: Effect[] = []
    this.#dispatch(event, at, out)
    return out
  }

  /**
   * The last word on an order, asked right before its first byte leaves: the mode is computed anew,
   * with the kill switch no older than an order may be sent with (contract 2.2.3.4).
   */
  judgeDispatch(label: string, at: At): IntentDenialReason | null {
    const leg = this.#state.legs.get(label)
    if (leg === undefined || leg.state !== 'sent') return 'OrderUnknown'
    if (!this.#state.venue.isReady) return 'VenueNotReady'
    if (leg.reduceOnly) return null
    const ageMsMax = this.#state.config.killSwitchAgeAtDispatchMsMax
    return openingDenial(this.#state, modeNow(this.#state, at, ageMsMax))
  }

  /**
   * What became of the latest orders of these strategies: for one that was away while it happened.
   */
  latestOutcomes(strategyIds: readonly string[]): IntentOutcome[] {
    return this.#state.legs
      .recent(latestOutcomesMax)
      .filter((leg) => strategyIds.includes(leg.strategyId))
      .map((leg) => outcomeMessage(leg, outcomeOf[leg.state]))
  }

  view(at: At): EngineView {
    const state = this.#state
    return {
      mode: modeNow(state, at, state.config.killSwitchAgeMsMax),
      openPermissionReasons: latchedReasons(state.openPermission),
      liveLegs: state.legs.live(),
      positions: [...state.positions.values()].filter(({ size }) => size !== 0),
      isVenueReady: state.venue.isReady,
      cancelOnDisconnect: state.venue.cancelOnDisconnect,
      marketDataAgeMs: state.feedTickMs === null ? null : Math.max(0, at.tickMs - state.feedTickMs),
      counters: Object.fromEntries(state.counters),
    }
  }

  #dispatch(event: EngineEvent, at: At, out: Effect[]): void {
    const state = this.#state
    switch (event.kind) {
      case 'recovered':
        return recover(state, event.records, at, out)
      case 'instruments':
        return takeInstruments(state, event)
      case 'intent':
        return handleIntent(state, event.intent, at, out, this.#hash64)
      case 'dispatched':
        return takeDispatched(state, event, at, out)
      case 'withheld':
        return takeWithheld(state, event, at, out)
      case 'place-reply':
        return handlePlaceReply(state, event.label, event.outcome, at, out)
      case 'cancel-reply':
        return handleCancelReply(state, event.label, event.outcome, at, out)
      case 'orders':
        return takeOrders(state, event, at, out)
      case 'trades':
        return applyTrades(state, event.trades, at, out)
      case 'positions':
        return takePositions(state, event.positions)
      case 'looked-up':
        return finishLookup(state, event.label, event.orders, at, out)
      case 'reconciled':
        return finishReconcile(state, event, at, out)
      case 'reconcile-failed':
        return failReconcile(state, at)
      case 'venue-ready':
        return takeVenueReady(state, event, out)
      case 'venue-lost':
        return takeVenueLost(state, event, at, out)
      case 'too-many-requests':
        return takeComplaint(state, at)
      case 'book':
        return takeBook(state, event.book)
      case 'book-gap':
        return takeBookGap(state, event.instrument)
      case 'feed-alive':
        state.feedTickMs = at.tickMs
        return
      case 'safety':
        return takeSafetyReading(state, event.reading, at)
      case 'strategies-gone':
        return cancelUnminded(state, event.strategyIds, at, out)
      case 'tick':
        return tick(state, at, out)
      default:
        return assertNever(event, 'unknown engine event')
    }
  }
}

/** One turn: the mode anew, what it forbids is cancelled, what is in doubt is asked about. */
function tick(state: EngineState, at: At, out: Effect[]): void {
  const decision = modeNow(state, at, state.config.killSwitchAgeMsMax)
  publishMode(state, decision, out)
  if (decision.mode !== 'Active') wantOpeningsCancelled(state)
  let cancels = 0
  for (const leg of state.legs.live()) {
    if (cancels >= state.config.cancelOpenBatchMax) break
    if (cancelIfWanted(state, leg.label, at, out)) cancels += 1
  }
  startLookups(state, at, out)
  startReconcile(state, at, out)
}

function publishMode(state: EngineState, decision: ModeDecision, out: Effect[]): void {
  const before = state.published
  const isSame =
    before?.mode === decision.mode && before.reasons.join(' ') === decision.reasons.join(' ')
  if (isSame) return
  state.published = decision
  out.push({
    kind: 'audit',
    record: {
      action: 'MODE_CHANGED',
      subject: 'executor',
      correlationId: '',
      fields: {
        from: before?.mode ?? '',
        to: decision.mode,
        reasons: decision.reasons.join(' '),
        risk_state: decision.riskState,
      },
    },
  })
  out.push({ kind: 'tell', message: modeMessage(decision) })
}

export function modeMessage(decision: ModeDecision) {
  return {
    type: 'mode' as const,
    trading_mode: decision.mode,
    mode_reasons: [...decision.reasons],
  }
}

/**
 * While the desk is not Active no order that could open stays at the venue (contract 2.2.3.4.1).
 */
function wantOpeningsCancelled(state: EngineState): void {
  for (const leg of state.legs.live()) {
    if (!leg.reduceOnly) state.legs.wish(leg.label).cancelWanted = true
  }
}

/** Of orders that nobody minds, what could open is cancelled and what closes stays. */
function cancelUnminded(
  state: EngineState,
  strategyIds: readonly string[],
  at: At,
  out: Effect[],
): void {
  for (const leg of state.legs.live()) {
    if (leg.reduceOnly || !strategyIds.includes(leg.strategyId)) continue
    state.legs.wish(leg.label).cancelWanted = true
    cancelIfWanted(state, leg.label, at, out)
  }
}

function takeInstruments(
  state: EngineState,
  event: Extract<EngineEvent, { kind: 'instruments' }>,
): void {
  for (const info of event.instruments) {
    const spec = instrumentSpec(info)
    if (spec === undefined) state.instruments.delete(info.name)
    else state.instruments.set(spec.name, spec)
  }
}

function takeDispatched(
  state: EngineState,
  event: Extract<EngineEvent, { kind: 'dispatched' }>,
  at: At,
  out: Effect[],
): void {
  const leg = state.legs.get(event.label)
  if (leg === undefined) return
  const { validUntilMs } = event
  // The gateway wrote the dispatch record already; only what is new to others is kept.
  const effects: Effect[] = []
  advance(state, leg, { kind: 'dispatched', validUntilMs }, at, effects)
  out.push(...effects.filter((effect) => effect.kind !== 'record'))
}

function takeWithheld(
  state: EngineState,
  event: Extract<EngineEvent, { kind: 'withheld' }>,
  at: At,
  out: Effect[],
): void {
  const leg = state.legs.get(event.label)
  if (leg === undefined) return
  count(state, 'withheld')
  count(state, `denied_${event.reason}`)
  out.push({
    kind: 'audit',
    record: {
      action: 'INTENT_DENIED',
      subject: leg.label,
      correlationId: leg.intentId,
      fields: { reason: event.reason },
    },
  })
  advance(state, leg, { kind: 'withheld' }, at, out, { reject_reason_code: event.reason })
}

function takeOrders(
  state: EngineState,
  event: Extract<EngineEvent, { kind: 'orders' }>,
  at: At,
  out: Effect[],
): void {
  applyOrders(state, event.orders, at, out)
  for (const { label } of event.orders) cancelIfWanted(state, label, at, out)
}

function takePositions(state: EngineState, positions: readonly VenuePosition[]): void {
  for (const position of positions) {
    state.positions.set(position.instrument, position)
    state.fillsSincePosition.delete(position.instrument)
  }
}

function takeVenueReady(
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
function takeVenueLost(
  state: EngineState,
  event: Extract<EngineEvent, { kind: 'venue-lost' }>,
  at: At,
  out: Effect[],
): void {
  const wasReady = state.venue.isReady
  state.venue.isReady = false
  state.venue.cancelOnDisconnect = 'unknown'
  state.reconcile = { isRunning: false, nextTickMs: at.tickMs }
  if (!wasReady) return
  state.openPermission = latch(state.openPermission, 'SESSION_TERMINATION_RECONCILE_REQUIRED')
  count(state, 'venue_sessions_lost')
  const fields = { detail: event.detail.slice(0, 256) }
  out.push({
    kind: 'audit',
    record: { action: 'VENUE_LOST', subject: 'executor', correlationId: '', fields },
  })
}

/** Decision D-11: the latch sets at the first complaint, Kill waits for the corroborating count. */
function takeComplaint(state: EngineState, at: At): void {
  state.complaints.take(at.tickMs)
  state.venue.isSessionKillActive = true
  state.openPermission = latch(state.openPermission, 'SESSION_TERMINATION_RECONCILE_REQUIRED')
}

function takeBook(state: EngineState, book: TopOfBook): void {
  state.books.set(book.instrument, { ...book, isContinuous: true })
}

function takeBookGap(state: EngineState, instrument: string): void {
  const book = state.books.get(instrument)
  const empty = { instrument, bestBid: null, bestAsk: null, indexPrice: null }
  state.books.set(instrument, { ...(book ?? empty), isContinuous: false })
  state.openPermission = latch(state.openPermission, 'WS_BOOK_GAP_RECONCILE_REQUIRED')
  count(state, 'book_gaps')
}
