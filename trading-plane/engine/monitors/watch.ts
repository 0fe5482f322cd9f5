import type { TickerReading, VolatilityReading } from '../../market-data/messages.ts'
import type { ExchangeHealth } from '../../venues/port.ts'
import type { At } from '../at.ts'
import type { Effect } from '../effects.ts'
import { count, type EngineState } from '../state.ts'
import { stepBasis, type Told } from './basis/core.ts'
import { type CortexInput, depthUsd, spreadBps, stepCortex } from './cortex/core.ts'
import { type DiskReading, stepDisk, takeDiskReading } from './disk/core.ts'
import { judgeExchangeHealth } from './exchange-health/core.ts'
import { noteCall, stepNetworkJitter } from './network-jitter/core.ts'
import { hasOpenExposure } from '../exposure/flat.ts'
import { latch, latchedReasons } from '../trading-mode/open-permission.ts'
import { strongestOverride } from './override.ts'
import type { MarketWatch, OverrideView } from './state.ts'
import { stepSvi, takeOptionQuote } from './svi/watch.ts'
import { stepZombieSocket } from './zombie-socket/core.ts'

/** One turn of all monitors, before the mode is computed from what they found. */
export function watch(state: EngineState, at: At, out: Effect[]): void {
  const { monitors, config } = state
  const { tickMs } = at
  const lagMs = state.feedTickMs === null ? null : tickMs - state.feedTickMs
  monitors.networkJitter = stepNetworkJitter(
    monitors.networkJitter,
    lagMs,
    tickMs,
    config.monitors.networkJitter,
  )
  const nowMs = at.serverMs ?? at.nowMs
  const health = judgeExchangeHealth(
    monitors.exchangeHealth,
    tickMs,
    nowMs,
    config.monitors.exchangeHealth,
  )
  monitors.isMaintenance = health.isMaintenance
  monitors.disk = stepDisk(monitors.disk, tickMs, config.monitors.disk)
  stepSvi(state, at, out)
  watchFeed(state, at, out)
  const producers = [
    { producer: 'exchange_health', override: health.override },
    ...monitors.markets.flatMap((market) => watchMarket(state, market, tickMs)),
  ]
  monitors.producers = producers.filter(({ override }) => override.kind !== 'None')
  // A desk without a reference market is not a calm one.
  monitors.cortexOverride =
    monitors.markets.length === 0
      ? { kind: 'ForceReduceOnly', cooldownS: 0 }
      : strongestOverride(producers.map(({ override }) => override))
}

/** A connection that lives and tells nothing is given up; opening waits for a reconciliation. */
function watchFeed(state: EngineState, at: At, out: Effect[]): void {
  const { monitors, config } = state
  const limits = config.monitors.zombieSocket
  const isExposed = hasOpenExposure(state)
  const step = stepZombieSocket(monitors.zombieSocket, isExposed, at.tickMs, limits)
  monitors.zombieSocket = step.state
  const reason = 'WS_DATA_STALE_RECONCILE_REQUIRED'
  if (step.isSilent && !latchedReasons(state.openPermission).includes(reason)) {
    count(state, 'feed_silences')
    state.openPermission = latch(state.openPermission, reason)
  }
  if (step.reconnects) out.push({ kind: 'reconnect-feed' })
}

function watchMarket(state: EngineState, market: MarketWatch, tickMs: number): OverrideView[] {
  const { cortex: cortexLimits, basis: basisLimits } = state.config.monitors
  const cortex = stepCortex(market.cortex, cortexInput(state, market, tickMs), cortexLimits)
  const basis = stepBasis(market.basis, market.prices, tickMs, basisLimits)
  market.cortex = cortex.state
  market.basis = basis.state
  return [
    { producer: `cortex:${market.instrument}`, override: cortex.override },
    { producer: `basis:${market.instrument}`, override: basis.override },
  ]
}

function cortexInput(state: EngineState, market: MarketWatch, tickMs: number): CortexInput {
  const { inputAgeMsMax } = state.config.monitors.cortex
  const isFresh = (told: { tickMs: number } | undefined) =>
    told !== undefined && tickMs - told.tickMs <= inputAgeMsMax
  const told = state.monitors.volatilities.get(market.volatilityIndex)
  const book = state.books.get(market.instrument)
  const kind = state.instruments.get(market.instrument)?.kind
  const isKnown = book?.isContinuous === true && isFresh({ tickMs: book.heardTickMs })
  return {
    tickMs,
    dvol: told !== undefined && isFresh(told) ? told : null,
    spreadBps: isKnown ? spreadBps(book.bestBid, book.bestAsk) : null,
    depthUsd: isKnown && kind !== undefined ? depthUsd(kind, book.bids, book.asks) : null,
  }
}

/** Takes over a ticker; a price that it does not tell keeps its old value and grows old. */
export function takeTicker(state: EngineState, ticker: TickerReading): void {
  takeOptionQuote(state, ticker)
  const market = state.monitors.markets.find(({ instrument }) => instrument === ticker.instrument)
  if (market === undefined) return
  const { heardTickMs: tickMs } = ticker
  const told = (value: number | null, before: Told): Told =>
    value === null ? before : { value, tickMs }
  const { mark, index, last } = market.prices
  market.prices = {
    mark: told(ticker.markPrice, mark),
    index: told(ticker.indexPrice, index),
    last: told(ticker.midPrice ?? ticker.lastPrice, last),
  }
}

/** Takes over the venue's volatility index; one that is no positive number was not told. */
export function takeVolatility(state: EngineState, reading: VolatilityReading): void {
  const { index, value, heardTickMs } = reading
  if (!(value > 0) || !Number.isFinite(value)) return count(state, 'volatility_unreadable')
  state.monitors.volatilities.set(index, { value, tickMs: heardTickMs })
}

/** Takes over what one source says of the disk; what it did not say grows old. */
export function takeDisk(
  state: EngineState,
  source: 'primary' | 'secondary',
  reading: DiskReading | null,
): void {
  if (reading === null) count(state, `disk_unreadable_${source}`)
  else state.monitors.disk = takeDiskReading(state.monitors.disk, source, reading)
}

/** Notes how long a request to the venue took, or that it got no answer. */
export function takeCall(
  state: EngineState,
  call: { readonly durationMs: number; readonly isTimeout: boolean },
  at: At,
): void {
  const { durationMs, isTimeout } = call
  const timing = { durationMs, isTimeout, tickMs: at.tickMs }
  state.monitors.networkJitter = noteCall(state.monitors.networkJitter, timing)
  if (isTimeout) count(state, 'venue_calls_unanswered')
}

/** Asks the venue about itself, one question at a time (contract 2.3.1: every minute). */
export function askExchangeHealth(state: EngineState, at: At, out: Effect[]): void {
  const { monitors, venue } = state
  if (!venue.isReady || monitors.isReadingHealth || at.tickMs < monitors.nextHealthTickMs) return
  monitors.isReadingHealth = true
  out.push({ kind: 'read-exchange-health' })
}

export function takeExchangeHealth(
  state: EngineState,
  event: { readonly health: ExchangeHealth; readonly askedTickMs: number },
  at: At,
): void {
  const { health, askedTickMs } = event
  state.monitors.exchangeHealth = { health, askedTickMs }
  state.monitors.isReadingHealth = false
  state.monitors.nextHealthTickMs = at.tickMs + state.config.monitors.exchangeHealth.pollMs
}

/** What was read stays and grows old. */
export function failExchangeHealth(state: EngineState, at: At): void {
  count(state, 'exchange_health_read_errors_total')
  state.monitors.isReadingHealth = false
  state.monitors.nextHealthTickMs = at.tickMs + state.config.retryMs
}
