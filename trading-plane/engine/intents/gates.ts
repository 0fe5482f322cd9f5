import type { PlaceIntent } from '@bulkhead/shared/contracts/intents.ts'
import type { IntentDenialReason } from '@bulkhead/shared/contracts/reasons/intent-denials.ts'
import type { At } from '../at.ts'
import { amountOfSteps, notionalUsd, worstCase } from '../exposure/exposure.ts'
import { modeNow, openingDenial } from '../mode-view.ts'
import type { EngineState } from '../state.ts'
import { tradePermissionGate } from '../trade-permission/gate.ts'
import type { IntentClass } from './classify.ts'
import type { InstrumentSpec } from './instrument.ts'
import type { Quantized } from './quantize.ts'

/** A wish that is on the grid and has its name; what the gates judge. */
export type PreparedIntent = {
  readonly intent: PlaceIntent
  readonly intentClass: IntentClass
  readonly spec: InstrumentSpec
  readonly quantized: Quantized
}

type Gate = (state: EngineState, prepared: PreparedIntent, at: At) => IntentDenialReason | null

/**
 * The gates of an opening order in the order in which they run (design 6.1). None leaves a trace
 * but the last two, which take from a rate and from nothing else.
 */
const openGates: readonly Gate[] = [
  tradePermissionGate,
  liquidityGate,
  postOnlyGate,
  orderNotionalGate,
  positionNotionalGate,
  openOrdersGate,
  tradingModeGate,
  rateGate,
]

/**
 * A closing order skips all that could keep exposure open; only the flood bounds remain (law 4).
 */
const closeGates: readonly Gate[] = [openOrdersGate, rateGate]

/** The first gate's objection, or null when all let it pass. */
export function firstDenial(
  state: EngineState,
  prepared: PreparedIntent,
  at: At,
): IntentDenialReason | null {
  const gates = prepared.intentClass === 'OPEN' ? openGates : closeGates
  for (const gate of gates) {
    const denial = gate(state, prepared, at)
    if (denial !== null) return denial
  }
  return null
}

/** Nothing is opened against a book that we do not see whole. */
function liquidityGate(state: EngineState, { spec }: PreparedIntent): IntentDenialReason | null {
  const book = state.books.get(spec.name)
  if (book === undefined || !book.isContinuous) return 'LiquidityGateNoL2'
  const needsIndex = notionalUsd(spec, 1, book.indexPrice) === null
  return needsIndex || book.bestBid === null || book.bestAsk === null ? 'LiquidityGateNoL2' : null
}

function postOnlyGate(state: EngineState, prepared: PreparedIntent): IntentDenialReason | null {
  const { intent, quantized, spec } = prepared
  const book = state.books.get(spec.name)
  if (!intent.post_only || book === undefined) return null
  const price = Number(quantized.price)
  const wouldCross =
    intent.side === 'buy'
      ? book.bestAsk !== null && price >= book.bestAsk
      : book.bestBid !== null && price <= book.bestBid
  return wouldCross ? 'PostOnlyWouldCross' : null
}

function orderNotionalGate(state: EngineState, prepared: PreparedIntent) {
  const notional = notionalOf(state, prepared.spec, orderAmount(prepared))
  return notional <= state.config.orderNotionalUsdMax ? null : 'OrderNotionalAboveLimit'
}

/** The position that could result with every order on its way filled must stay within its limit. */
function positionNotionalGate(state: EngineState, prepared: PreparedIntent) {
  const { spec, intent } = prepared
  const worst = worstCase(signedSize(state, spec.name), state.legs.live(), spec)
  const amount = orderAmount(prepared)
  const resulting = intent.side === 'buy' ? worst.long + amount : worst.short - amount
  const notional = notionalOf(state, spec, resulting)
  return notional <= state.config.positionNotionalUsdMax ? null : 'PendingExposureBudgetExceeded'
}

function openOrdersGate(state: EngineState, { intent }: PreparedIntent) {
  const live = state.legs.live().filter((leg) => leg.reduceOnly === intent.reduce_only)
  return live.length < state.config.openOrdersMax ? null : 'OpenOrdersAboveLimit'
}

function tradingModeGate(state: EngineState, _prepared: PreparedIntent, at: At) {
  return openingDenial(state, modeNow(state, at, state.config.killSwitchAgeMsMax))
}

function rateGate(state: EngineState, { intentClass }: PreparedIntent, at: At) {
  const window = intentClass === 'OPEN' ? state.openings : state.closings
  return window.take(at.tickMs) ? null : 'IntentRateAboveLimit'
}

/** The venue's last position and what we filled since, so that no fill is missing in between. */
export function signedSize(state: EngineState, instrument: string): number {
  const stated = state.positions.get(instrument)?.size ?? 0
  return stated + (state.fillsSincePosition.get(instrument) ?? 0)
}

function orderAmount({ quantized, spec }: PreparedIntent): number {
  return amountOfSteps(quantized.amountSteps, spec.amountStep)
}

/** An amount whose worth is not known counts as without bound. */
function notionalOf(state: EngineState, spec: InstrumentSpec, amount: number): number {
  const indexPrice = state.books.get(spec.name)?.indexPrice ?? null
  return notionalUsd(spec, amount, indexPrice) ?? Number.POSITIVE_INFINITY
}
