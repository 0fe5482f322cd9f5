import type { TickerReading } from '../../../market-data/messages.ts'
import type { At } from '../../at.ts'
import type { Effect } from '../../effects.ts'
import { count, type EngineState } from '../../state.ts'
import { depthUsd } from '../cortex/core.ts'
import { smileAtStart, takeFit } from './core.ts'
import { fitSmile, rmseOf, type SmilePoint } from './fit.ts'
import { isArbitrage, isTrip, type SviFit } from './guards.ts'
import type { OptionQuote, SmileRecord, SmileView, SviState } from './state.ts'
import { impliedVol } from './surface.ts'

const yearMs = 365 * 86_400_000
/** Coin and expiry, strike, and whether call or put; a `d` in a strike is its decimal point. */
const optionName = /^([A-Z0-9_]+-\d{1,2}[A-Z]{3}\d{2})-(\d+(?:d\d+)?)-[CP]$/

/** Keeps what a ticker says of an option; one without volatility or forward says nothing of it. */
export function takeOptionQuote(state: EngineState, ticker: TickerReading): void {
  const { instrument, markVol, underlyingPrice, heardTickMs } = ticker
  const [, smile, strikeText] = optionName.exec(instrument) ?? []
  if (smile === undefined || strikeText === undefined) return
  const strike = Number(strikeText.replace('d', '.'))
  const isTold = [strike, markVol, underlyingPrice].every(isPositive)
  if (!isTold || markVol === null || underlyingPrice === null) return
  const quote = { instrument, smile, strike, vol: markVol, forward: underlyingPrice, heardTickMs }
  state.monitors.svi.quotes.set(instrument, quote)
}

/**
 * Fits one smile anew, the one that waited longest, so that no turn takes long, and counts what its
 * guards say.
 */
export function stepSvi(state: EngineState, at: At, out: Effect[]): void {
  const { svi } = state.monitors
  const limits = state.config.monitors.svi
  if (svi.quotes.size < limits.strikesMin || at.tickMs < svi.nextFitTickMs) return
  svi.nextFitTickMs = at.tickMs + limits.fitEveryMs
  forgetExpired(state, at)
  const due = smilesQuoted(state, at)
    .toSorted(([one], [other]) => fittedTickMs(svi, one) - fittedTickMs(svi, other))
    .at(0)
  if (due !== undefined) refit(state, due[0], due[1], at, out)
}

export function smileViews(state: EngineState, at: At): SmileView[] {
  return [...state.monitors.svi.smiles].map(([smile, record]) => {
    const { valid, validTickMs, rejection, expirationMs } = record
    return {
      smile,
      expirationMs,
      atTheMoneyVol: valid === null ? null : impliedVol(valid.params, 0, valid.years),
      rmse: valid?.rmse ?? null,
      ageMs: validTickMs === null ? null : at.tickMs - validTickMs,
      rejection,
    }
  })
}

function refit(
  state: EngineState,
  name: string,
  quotes: readonly OptionQuote[],
  at: At,
  out: Effect[],
): void {
  const { svi } = state.monitors
  const limits = state.config.monitors.svi
  const expirationMs = expirationOf(state, quotes)
  if (expirationMs === null) return
  const before = svi.smiles.get(name) ?? smileAtStart
  const fit = fitOf(quotes, (expirationMs - wallMs(at)) / yearMs)
  const around = { ...neighboursOf(svi, name, expirationMs), isThin: isThin(state, name) }
  const after = takeFit(before, fit, around, at.tickMs, limits)
  svi.smiles.set(name, { ...after, expirationMs, fittedTickMs: at.tickMs })
  const { rejection } = after
  if (rejection === null) return
  count(state, 'svi_fits_rejected')
  if (isTrip(rejection)) {
    svi.trips.take(at.tickMs)
    count(state, isArbitrage(rejection) ? 'svi_arb_guard_trips' : 'svi_guard_trips')
  }
  if (before.rejection === rejection) return
  out.push({ kind: 'log', message: rejection, fields: { smile: name } })
}

function fitOf(quotes: readonly OptionQuote[], years: number): SviFit | null {
  const points: SmilePoint[] = quotes.map(({ strike, forward, vol }) => ({
    k: Math.log(strike / forward),
    iv: vol,
  }))
  const params = years > 0 ? fitSmile(points, years) : null
  if (params === null) return null
  const moneyness = points.map(({ k }) => k)
  const rmse = rmseOf(points, (k) => impliedVol(params, k, years))
  return { params, years, kMin: Math.min(...moneyness), kMax: Math.max(...moneyness), rmse }
}

/** Fresh quotes by smile, of those that have enough strikes. */
function smilesQuoted(state: EngineState, at: At): [string, OptionQuote[]][] {
  const { quoteAgeMsMax, strikesMin } = state.config.monitors.svi
  const bySmile = new Map<string, OptionQuote[]>()
  for (const quote of state.monitors.svi.quotes.values()) {
    if (at.tickMs - quote.heardTickMs > quoteAgeMsMax) continue
    bySmile.set(quote.smile, [...(bySmile.get(quote.smile) ?? []), quote])
  }
  return [...bySmile].filter(
    ([, quotes]) => new Set(quotes.map(({ strike }) => strike)).size >= strikesMin,
  )
}

/** Valid fits of the expiries of the same coin right before and right after this one. */
function neighboursOf(svi: SviState, name: string, expirationMs: number) {
  const coin = coinOf(name)
  const others = [...svi.smiles]
    .filter(([other, { valid }]) => coinOf(other) === coin && other !== name && valid !== null)
    .map(([, record]) => record)
    .toSorted((one, other) => one.expirationMs - other.expirationMs)
  const fit = (record: SmileRecord | undefined) => record?.valid ?? null
  return {
    nearer: fit(others.findLast((other) => other.expirationMs < expirationMs)),
    farther: fit(others.find((other) => other.expirationMs > expirationMs)),
  }
}

/** By the market of the coin that the cortex looks at (D-47); one that is not known is not thin. */
function isThin(state: EngineState, name: string): boolean {
  const reference = `${coinOf(name)}-PERPETUAL`
  const book = state.books.get(reference)
  const kind = state.instruments.get(reference)?.kind
  if (book?.isContinuous !== true || kind === undefined) return false
  const depth = depthUsd(kind, book.bids, book.asks)
  return depth !== null && depth < state.config.monitors.cortex.depthMinUsd
}

function forgetExpired(state: EngineState, at: At): void {
  const { smiles, quotes } = state.monitors.svi
  for (const [name, { expirationMs }] of smiles) {
    if (expirationMs > wallMs(at)) continue
    smiles.delete(name)
    for (const quote of quotes.values()) {
      if (quote.smile === name) quotes.delete(quote.instrument)
    }
  }
}

function expirationOf(state: EngineState, quotes: readonly OptionQuote[]): number | null {
  const [first] = quotes
  return first === undefined
    ? null
    : (state.instruments.get(first.instrument)?.expirationMs ?? null)
}

function fittedTickMs(svi: SviState, name: string): number {
  return svi.smiles.get(name)?.fittedTickMs ?? Number.NEGATIVE_INFINITY
}

function wallMs({ serverMs, nowMs }: At): number {
  return serverMs ?? nowMs
}

function coinOf(smile: string): string {
  return smile.split('-')[0] ?? smile
}

function isPositive(value: number | null): boolean {
  return value !== null && value > 0 && Number.isFinite(value)
}
