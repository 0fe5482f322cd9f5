import type { TradeFlow } from '../../market-data/messages.ts'
import type { VenueTrade } from '../../venues/port.ts'
import type { At } from '../at.ts'
import { notionalUsd } from '../exposure/exposure.ts'
import { hasExpired } from '../gates/lifecycle.ts'
import { isSizedInUsd } from '../intents/instrument.ts'
import { noteMarketData } from '../monitors/zombie-socket/core.ts'
import { NotionalWindow } from '../numbers/notional-window.ts'
import { count, type EngineState } from '../state.ts'
import { latch } from '../trading-mode/open-permission.ts'
import type { Impact } from './core.ts'
import type { InstrumentFlow } from './state.ts'

/** Takes over the public trades of one instrument. */
export function takePublicTrades(state: EngineState, told: TradeFlow, at: At): void {
  const { instrument, knownTickMs, sums } = told
  const { monitors } = state
  if (sums.length > 0) monitors.zombieSocket = noteMarketData(monitors.zombieSocket, at.tickMs)
  const flow = flowOf(state, instrument)
  flow.knownTickMs = knownTickMs
  const { broken } = state.impact
  const isLastMended = knownTickMs !== null && broken.delete(instrument) && broken.size === 0
  // The latch waited for this: the account is read again now and not a second later.
  if (isLastMended) state.reconcile.nextTickMs = at.tickMs
  const spec = state.instruments.get(instrument)
  if (spec === undefined) return
  const isUsd = isSizedInUsd(spec.kind)
  for (const { tickMs, amount, valueUsd } of sums) {
    flow.publicUsd.add(tickMs, isUsd ? amount : valueUsd)
  }
}

/** A public trade was missed: so may be one of ours (contract 3.4 B). */
export function takeTradesGap(state: EngineState, instrument: string): void {
  count(state, 'trade_gaps')
  flowOf(state, instrument).knownTickMs = null
  latchTrades(state, instrument)
}

/** Opening waits for a reconciliation that begins when the trades are known again. */
export function latchTrades(state: EngineState, instrument: string): void {
  state.impact.broken.add(instrument)
  state.openPermission = latch(state.openPermission, 'WS_TRADES_GAP_RECONCILE_REQUIRED')
}

/** A market that the feed begins to tell of is not open before its trades are known. */
export function awaitTrades(state: EngineState, instrument: string): void {
  const knownTickMs = state.impact.flows.get(instrument)?.knownTickMs ?? null
  if (knownTickMs === null) latchTrades(state, instrument)
}

/** Whether the public trades of an instrument that still trades are not known. */
export function hasTradesGap(state: EngineState, at: At): boolean {
  const { broken } = state.impact
  for (const instrument of broken) {
    const spec = state.instruments.get(instrument)
    if (spec === undefined || hasExpired(spec, at)) broken.delete(instrument)
  }
  return broken.size > 0
}

/** Counts a trade of our own from the moment of its making, by the venue's clock. */
export function noteOwnTrade(state: EngineState, trade: VenueTrade, at: At): void {
  const spec = state.instruments.get(trade.instrument)
  if (spec === undefined) return
  const index = state.books.get(trade.instrument)?.indexPrice ?? null
  const usd = notionalUsd(spec, trade.amount, index) ?? Number.POSITIVE_INFINITY
  const ageMs = at.serverMs === null ? 0 : Math.max(0, at.serverMs - trade.venueMs)
  const flow = flowOf(state, trade.instrument)
  const side = trade.side === 'buy' ? flow.ownBuyUsd : flow.ownSellUsd
  side.add(at.tickMs - ageMs, usd)
}

/** What was traded within the window. */
export function impactNow(state: EngineState, instrument: string, at: At): Impact {
  const flow = state.impact.flows.get(instrument)
  return {
    publicUsd: flow?.publicUsd.sumUsd(at.tickMs) ?? 0,
    ownBuyUsd: flow?.ownBuyUsd.sumUsd(at.tickMs) ?? 0,
    ownSellUsd: flow?.ownSellUsd.sumUsd(at.tickMs) ?? 0,
  }
}

/** How long ago the public trades were last known to be whole; null while they are not. */
export function tradesAgeMs(state: EngineState, instrument: string, at: At): number | null {
  const knownTickMs = state.impact.flows.get(instrument)?.knownTickMs ?? null
  return knownTickMs === null ? null : at.tickMs - knownTickMs
}

function flowOf(state: EngineState, instrument: string): InstrumentFlow {
  const known = state.impact.flows.get(instrument)
  if (known !== undefined) return known
  const { windowMs } = state.config.gates.selfImpact
  const flow = {
    publicUsd: new NotionalWindow(windowMs),
    ownBuyUsd: new NotionalWindow(windowMs),
    ownSellUsd: new NotionalWindow(windowMs),
    knownTickMs: null,
  }
  state.impact.flows.set(instrument, flow)
  return flow
}
