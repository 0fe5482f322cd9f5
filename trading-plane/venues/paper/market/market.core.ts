import { assert } from '@bulkhead/shared/kernel/assert.ts'
import { createPrng } from '@bulkhead/shared/kernel/prng.ts'
import type { Exchange } from '../exchange.core.ts'
import {
  type Currency,
  type Instrument,
  roundTo,
  ticksNear,
  yearsToExpiry,
} from '../instruments.core.ts'
import { MARKET_OWNER } from '../matching.core.ts'
import { type OptionValue, valueOption } from '../pricing.core.ts'
import type { Reference } from '../trades.core.ts'
import { type GeneratorTuning, IndexWalk, Quoter } from './generator.core.ts'
import type { CapturedTicker, Replay, ReplayFrame } from './replay.core.ts'

export type MarketOptions = {
  readonly seed: number
  readonly stepMs: number
  readonly tuning: GeneratorTuning
  readonly startUsd: Readonly<Record<Currency, number>>
  /** Part of the mark that a future's order may be away on its bad side. */
  readonly priceBand: number
}

/** Yearly premium of dated futures and option forwards over the index. */
const CARRY_PER_YEAR = 0.08
/** Volatility that prices options nobody recorded. */
const MODEL_VOLATILITY = { BTC: 0.7, ETH: 0.8 } as const
/** Annual, of the volatility index itself: it wanders by parts of a percent within an hour. */
const VOLATILITY_OF_VOLATILITY = 0.5
/** How far a passing taker goes, in ticks beyond the middle. */
const TAKER_SLIP_TICKS = 40

/**
 * The market around the users: an index walk per coin, quotes and takers on the futures, and the
 * recorded books of the replayed options. Driven by fixed steps, so one seed gives one market.
 */
export class Market {
  readonly #options: MarketOptions
  readonly #replay: Replay
  readonly #walks: Record<Currency, IndexWalk>
  readonly #volatilities: Record<Currency, IndexWalk>
  readonly #quoters = new Map<Instrument, Quoter>()
  readonly #tickers = new Map<string, CapturedTicker>()
  #nowMs: number
  isPaused = false

  constructor(
    instruments: readonly Instrument[],
    replay: Replay,
    options: MarketOptions,
    nowMs: number,
  ) {
    this.#options = options
    this.#replay = replay
    this.#nowMs = nowMs
    const { seed, tuning, startUsd, stepMs } = options
    const pace = { volatility: tuning.volatility, stepMs }
    this.#walks = {
      BTC: new IndexWalk(createPrng(seed + 1), startUsd.BTC, pace),
      ETH: new IndexWalk(createPrng(seed + 2), startUsd.ETH, pace),
    }
    const calm = { volatility: VOLATILITY_OF_VOLATILITY, stepMs }
    this.#volatilities = {
      BTC: new IndexWalk(createPrng(seed + 3), MODEL_VOLATILITY.BTC * 100, calm),
      ETH: new IndexWalk(createPrng(seed + 4), MODEL_VOLATILITY.ETH * 100, calm),
    }
    const futures = instruments.filter(({ kind }) => kind === 'future')
    for (const [index, future] of futures.entries()) {
      this.#quoters.set(future, new Quoter(createPrng(seed + 10 + index), future, tuning))
    }
  }

  indexPrice(currency: Currency): number {
    return roundTo(this.#walks[currency].priceUsd, 2)
  }

  /** The coin's volatility index, in percent a year. */
  volatilityIndex(currency: Currency): number {
    return roundTo(this.#volatilities[currency].priceUsd, 4)
  }

  /** A shock of volatility: the index stands at once where it is told to. */
  setVolatility(currency: Currency, percent: number): void {
    this.#volatilities[currency].jumpTo(percent)
  }

  /** The coin's forward price at the instrument's expiry. */
  forwardPrice(instrument: Instrument): number {
    const years = instrument.settlementPeriod === 'perpetual' ? 0 : this.#years(instrument)
    return roundTo(this.#walks[instrument.currency].priceUsd * (1 + CARRY_PER_YEAR * years), 2)
  }

  /** Recorded ticker fields of a replayed option, undefined for everything else. */
  capturedTicker(instrument: Instrument): CapturedTicker | undefined {
    return this.#tickers.get(instrument.name)
  }

  /** Mark, index and price band of an instrument now. */
  reference(instrument: Instrument): Reference {
    const indexPrice = this.indexPrice(instrument.currency)
    if (instrument.kind === 'option') return this.#optionReference(instrument, indexPrice)
    const markPrice = this.forwardPrice(instrument)
    const { priceBand } = this.#options
    return {
      markPrice,
      indexPrice,
      minTicks: ticksNear(instrument, markPrice * (1 - priceBand), 'up'),
      maxTicks: ticksNear(instrument, markPrice * (1 + priceBand), 'down'),
      markIvPct: 0,
    }
  }

  /** Model value of an option now. */
  optionValue(instrument: Instrument): OptionValue {
    assert(instrument.optionType !== null, 'only options are valued')
    return valueOption({
      optionType: instrument.optionType,
      forwardUsd: this.forwardPrice(instrument),
      strikeUsd: instrument.strikeUsd,
      years: this.#years(instrument),
      volatility: MODEL_VOLATILITY[instrument.currency],
    })
  }

  /** Moves a future to a new price at once: its coin's index and all quotes jump, paused or not. */
  jump(exchange: Exchange, instrument: Instrument, priceUsd: number): void {
    const walk = this.#walks[instrument.currency]
    walk.jumpTo((priceUsd * walk.priceUsd) / this.forwardPrice(instrument))
    this.#quoteFutures(exchange)
  }

  /** One step of `stepMs`: the index moves, quotes follow, takers pass, recorded messages play. */
  step(exchange: Exchange, nowMs: number): void {
    this.#nowMs = nowMs
    if (this.isPaused) return
    this.#walks.BTC.step()
    this.#walks.ETH.step()
    this.#volatilities.BTC.step()
    this.#volatilities.ETH.step()
    this.#quoteFutures(exchange)
    for (const [future, quoter] of this.#quoters) {
      const taker = quoter.taker()
      if (taker === undefined) continue
      const middle = this.#midTicks(future)
      const limitTicks = middle + (taker.direction === 'buy' ? 1 : -1) * TAKER_SLIP_TICKS
      exchange.matcher.marketTake(future, { ...taker, limitTicks: Math.max(1, limitTicks) }, nowMs)
    }
    for (const frame of this.#replay.advance(this.#options.stepMs)) this.#play(exchange, frame)
  }

  #quoteFutures(exchange: Exchange): void {
    for (const [future, quoter] of this.#quoters) {
      for (const change of quoter.quote(this.#midTicks(future))) {
        exchange.matcher.setMarketLevel(future, change, this.#nowMs)
      }
    }
  }

  #midTicks(future: Instrument): number {
    return ticksNear(future, this.forwardPrice(future), 'down')
  }

  #play(exchange: Exchange, frame: ReplayFrame): void {
    if (frame.kind === 'ticker') {
      this.#tickers.set(frame.instrumentName, frame.ticker)
      return
    }
    const instrument = exchange.instruments.get(frame.instrumentName)
    assert(instrument !== undefined, 'a replayed instrument is listed')
    const gone = frame.isSnapshot ? staleLevels(exchange, instrument, frame) : []
    const removals = frame.levels.filter(({ lots }) => lots === 0)
    const shown = frame.levels.filter(({ lots }) => lots > 0)
    for (const level of [...gone, ...removals, ...shown]) {
      exchange.matcher.setMarketLevel(instrument, level, this.#nowMs)
    }
  }

  #optionReference(instrument: Instrument, indexPrice: number): Reference {
    const captured = this.#tickers.get(instrument.name)
    const markPrice = captured?.mark_price ?? roundTo(this.optionValue(instrument).priceCoin, 6)
    const reach = 0.0145 + markPrice / 4
    const min = captured?.min_price ?? Math.max(instrument.tickSize, markPrice - reach)
    const max = captured?.max_price ?? markPrice + reach
    return {
      markPrice,
      indexPrice,
      minTicks: Math.max(1, ticksNear(instrument, min, 'up')),
      maxTicks: ticksNear(instrument, max, 'down'),
      markIvPct: captured?.mark_iv ?? MODEL_VOLATILITY[instrument.currency] * 100,
    }
  }

  #years(instrument: Instrument): number {
    return yearsToExpiry(instrument, this.#nowMs)
  }
}

/** What the synthetic market shows now and a new snapshot no longer has. */
function staleLevels(
  exchange: Exchange,
  instrument: Instrument,
  frame: Extract<ReplayFrame, { kind: 'book' }>,
) {
  const book = exchange.book(instrument)
  const kept = new Set(frame.levels.map((level) => `${level.direction}${level.priceTicks}`))
  return (['buy', 'sell'] as const).flatMap((direction) =>
    book
      .side(direction)
      .filter(({ orders }) => orders.some(({ owner }) => owner === MARKET_OWNER))
      .filter(({ priceTicks }) => !kept.has(`${direction}${priceTicks}`))
      .map(({ priceTicks }) => ({ direction, priceTicks, lots: 0 })),
  )
}
