import type { At } from '../at.ts'
import type { Effect } from '../effects.ts'
import type { EngineEvent } from '../events.ts'
import { notionalUsd } from '../exposure/exposure.ts'
import { indexOf } from '../exposure/underlying.ts'
import type { InstrumentSpec } from '../intents/instrument.ts'
import { type Hash64, orderLabel } from '../intents/label.ts'
import { orderSize } from '../intents/order-size.ts'
import type { Quantized } from '../intents/quantize.ts'
import { submit } from '../intents/submit.ts'
import { filledSteps, isLive, type Leg } from '../legs/leg.ts'
import { judgePolicy, policyEntry } from '../policy/judge.ts'
import { decimalOf, stepsIn } from '../numbers/decimal.ts'
import { count, type EngineState, signedSize } from '../state.ts'
import { noteFlatten } from '../churn/churn.ts'
import { modeNow } from '../mode-view.ts'
import { causeOf, giveAccount } from './account.ts'
import { findHedge } from './hedge.ts'
import { bestPrice, crossingOrder } from './price.ts'
import type { NakedClose } from './state.ts'

/** Closing attempts of one close; each reaches twice as far as the one before (contract 3.1). */
const attemptsMax = 3

export type CloseNeed = Pick<
  NakedClose,
  'groupId' | 'strategyId' | 'originId' | 'instrument' | 'side' | 'limit' | 'cause'
> & { readonly wantedSteps: number }

/**
 * Begins to close a position without the ordinary gates, unless it is being closed already or was a
 * moment ago. A broken group minds its own pauses.
 *
 * @returns the close, or null when it did not begin
 */
export function startClose(
  state: EngineState,
  need: CloseNeed,
  at: At,
  out: Effect[],
): NakedClose | null {
  const { running, pausedUntilTickMs } = state.emergencyClose
  const { instrument } = need
  const pausedUntil = pausedUntilTickMs.get(instrument) ?? Number.NEGATIVE_INFINITY
  const isPaused = at.tickMs < pausedUntil && need.cause !== 'atomic_legging_failure'
  if (isPaused || running.has(instrument) || closableSteps(state, need) === 0) return null
  const close: NakedClose = {
    ...need,
    startedMs: at.nowMs,
    startedTickMs: at.tickMs,
    exposureUsdBefore: exposureUsd(state, instrument),
    attempts: 0,
    isHedged: false,
    isHedgeWhole: false,
    labels: [],
    asked: new Map(),
  }
  running.set(instrument, close)
  count(state, 'emergency_closes')
  out.push(audit('EMERGENCY_CLOSE_STARTED', close, { cause: close.cause }))
  return close
}

/** Moves every close on that can move; asked after each event. */
export function stepCloses(state: EngineState, at: At, out: Effect[], hash64: Hash64): void {
  for (const close of state.emergencyClose.running.values()) {
    stepClose(state, close, at, out, hash64)
  }
}

/** What the venue answered to a question for best prices; null when it did not. */
export function takeTickerRead(
  state: EngineState,
  { instrument, ticker }: Extract<EngineEvent, { kind: 'ticker-read' }>,
): void {
  const { tickers, running } = state.emergencyClose
  if (ticker === null) tickers.delete(instrument)
  else tickers.set(instrument, ticker)
  for (const { asked } of running.values()) {
    if (asked.has(instrument)) asked.set(instrument, 'answered')
  }
}

function stepClose(
  state: EngineState,
  close: NakedClose,
  at: At,
  out: Effect[],
  hash64: Hash64,
): void {
  const { durationMsMax } = state.config.gates.emergencyClose
  if (close.labels.some((label) => isLiveLeg(state, label))) return
  const spec = state.instruments.get(close.instrument)
  const left = closableSteps(state, close)
  const isLate = at.tickMs - close.startedTickMs > durationMsMax
  if (spec === undefined || left === 0 || isLate) return endClose(state, close, at, out)
  if (!state.venue.isReady) {
    close.asked.clear()
    return
  }
  if (close.attempts < attemptsMax) return attempt(state, close, spec, left, at, out, hash64)
  if (close.isHedged) return endClose(state, close, at, out)
  hedge(state, close, spec, left, at, out, hash64)
}

function attempt(
  state: EngineState,
  close: NakedClose,
  spec: InstrumentSpec,
  left: number,
  at: At,
  out: Effect[],
  hash64: Hash64,
): void {
  const best = bestPrice(state, spec.name, close.side, at)
  if (best === null) {
    if (askTicker(close, spec.name, out)) return
    return refuse(state, close, at, out)
  }
  const ticks = state.config.gates.emergencyClose.closeBufferTicks * 2 ** close.attempts
  const { side, limit } = close
  const order = crossingOrder(spec, side, left, { best: best.price, ticks, limit })
  if (order === undefined) return endClose(state, close, at, out)
  if (close.attempts === 0) noteFlatten(state, close.strategyId, spec, at)
  close.attempts += 1
  send(state, close, spec, order, at, out, hash64)
}

/** What no attempt could close of a future is offset by taking back a perpetual of its coin. */
function hedge(
  state: EngineState,
  close: NakedClose,
  spec: InstrumentSpec,
  left: number,
  at: At,
  out: Effect[],
  hash64: Hash64,
): void {
  const found = findHedge(state, close, spec, left)
  const best = found === null ? null : bestPrice(state, found.spec.name, close.side, at)
  if (found === null) return endClose(state, close, at, out)
  if (best === null) {
    if (!askTicker(close, found.spec.name, out)) endClose(state, close, at, out)
    return
  }
  const ticks = state.config.gates.emergencyClose.closeBufferTicks * 2 ** (attemptsMax - 1)
  const reach = { best: best.price, ticks, limit: null }
  const order = crossingOrder(found.spec, close.side, found.steps, reach)
  close.isHedged = order !== undefined
  close.isHedgeWhole = close.isHedged && found.isWhole
  if (order === undefined) endClose(state, close, at, out)
  else send(state, close, found.spec, order, at, out, hash64)
}

/** Asks once an attempt; false when the answer is there and was of no use. */
function askTicker(close: NakedClose, instrument: string, out: Effect[]): boolean {
  const asked = close.asked.get(instrument)
  if (asked === 'answered') return false
  if (asked === undefined) {
    close.asked.set(instrument, 'pending')
    out.push({ kind: 'read-ticker', instrument })
  }
  return true
}

function send(
  state: EngineState,
  close: NakedClose,
  spec: InstrumentSpec,
  order: Quantized,
  at: At,
  out: Effect[],
  hash64: Hash64,
): void {
  const { side, strategyId } = close
  const turn = `${close.groupId}|${close.startedMs}|${close.labels.length}`
  const groupId = uuidOf(hash64, `group|${turn}`)
  const legIndex = close.labels.length
  const { amount, price } = order
  const identity = { instrument: spec.name, side, amount, price, groupId, legIndex }
  const label = orderLabel(strategyId, identity, hash64)
  if (label === null) return endClose(state, close, at, out)
  close.labels.push(label)
  close.asked.clear()
  const leg: Leg = {
    label,
    intentId: uuidOf(hash64, `intent|${turn}`),
    strategyId,
    groupId,
    legIndex,
    instrument: spec.name,
    currency: spec.currency,
    side,
    ...order,
    timeInForce: 'immediate_or_cancel',
    postOnly: false,
    reduceOnly: true,
    state: 'recorded',
    venueOrderId: null,
    tradedSteps: 0,
    reportedSteps: 0,
    validUntilMs: null,
  }
  const size = orderSize(spec, Number(amount), indexOf(state, spec))
  // Containment is never held and never denied (decision D-08); what the policy says is recorded.
  const { mode } = modeNow(state, at, state.config.killSwitchAgeMsMax)
  const decision = judgePolicy(state, leg, size, mode, at)
  if (decision !== null) out.push({ kind: 'audit', record: policyEntry(decision, leg, hash64) })
  submit(state, leg, size, at, out)
}

/** Without a price nothing is sent, and the refusal has its own code (contract 3.1). */
function refuse(state: EngineState, close: NakedClose, at: At, out: Effect[]): void {
  const reason = 'EmergencyCloseNoPrice' as const
  count(state, `denied_${reason}`)
  const fields = { reason, instrument: close.instrument, intent_id: close.originId }
  out.push({ kind: 'log', message: reason, fields })
  out.push(audit('EMERGENCY_CLOSE_REFUSED', close, { reason }))
  endClose(state, close, at, out)
}

/** Ends it with an account of it; of a group's closes the group gives one for all. */
function endClose(state: EngineState, close: NakedClose, at: At, out: Effect[]): void {
  const { running, pausedUntilTickMs } = state.emergencyClose
  const { containmentPauseMs } = state.config.gates.emergencyClose
  const isAsked = close.cause === 'close_without_book'
  const pauseMs = isAsked ? state.config.retryMs : containmentPauseMs
  const { mode } = modeNow(state, at, state.config.killSwitchAgeMsMax)
  running.delete(close.instrument)
  pausedUntilTickMs.set(close.instrument, at.tickMs + pauseMs)
  if (close.labels.length === 0 || close.cause === 'atomic_legging_failure') return
  const isClosed = closableSteps(state, close) === 0
  const event = {
    group_id: close.groupId,
    strategy_id: close.strategyId,
    incident_ts_ms: close.startedMs,
    exposure_usd_before: close.exposureUsdBefore,
    exposure_usd_after: exposureUsd(state, close.instrument),
    time_to_delta_neutral_ms: Math.round(at.tickMs - close.startedTickMs),
    close_attempts: close.attempts,
    hedge_used: close.isHedged,
    is_neutral: isClosed,
    cause: causeOf(close.cause, isClosed, close.isHedged),
    trading_mode_at_event: mode,
  }
  const { instrument: subject, originId: correlationId, side } = close
  giveAccount(state, event, { subject, correlationId, fields: { side } }, at, out)
}

/** Whole steps still to be closed: what was wanted and is not filled, at most what is held. */
export function closableSteps(
  state: EngineState,
  need: Pick<NakedClose, 'instrument' | 'side' | 'wantedSteps'> & Partial<NakedClose>,
): number {
  const spec = state.instruments.get(need.instrument)
  const held = signedSize(state, need.instrument)
  const exact = decimalOf(need.side === 'sell' ? Math.max(0, held) : Math.max(0, -held))
  if (spec === undefined || exact === undefined) return 0
  const own = (need.labels ?? []).flatMap((label) => state.legs.get(label) ?? [])
  const filled = own
    .filter((leg) => leg.instrument === need.instrument)
    .reduce((sum, leg) => sum + filledSteps(leg), 0)
  return Math.max(
    0,
    Math.min(need.wantedSteps - filled, stepsIn(exact, spec.amountStep, 'down') ?? 0),
  )
}

function exposureUsd(state: EngineState, instrument: string): number | null {
  const spec = state.instruments.get(instrument)
  const size = signedSize(state, instrument)
  return spec === undefined ? null : notionalUsd(spec, size, indexOf(state, spec))
}

function isLiveLeg(state: EngineState, label: string): boolean {
  const leg = state.legs.get(label)
  return leg !== undefined && isLive(leg)
}

/** A UUID (version 8) that the same run of events always gives. */
export function uuidOf(hash64: Hash64, text: string): string {
  const hex = hash64(text) + hash64(`${text}|`)
  const parts = [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `8${hex.slice(13, 16)}`,
    `8${hex.slice(17, 20)}`,
  ]
  return [...parts, hex.slice(20, 32)].join('-')
}

function audit(
  action: string,
  close: NakedClose,
  fields: Readonly<Record<string, string>>,
): Effect {
  return {
    kind: 'audit',
    record: {
      action,
      subject: close.instrument,
      correlationId: close.originId,
      fields: { side: close.side, ...fields },
    },
  }
}
