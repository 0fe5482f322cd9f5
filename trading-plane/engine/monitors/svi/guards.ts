import type { SviRejection } from '@bulkhead/shared/contracts/reasons/svi-rejections.ts'
import type { SviLimits } from './config.ts'
import { callPrice, densityProxy, impliedVol, type SviParams, totalVariance } from './surface.ts'

/** A smile that came out of quotes, and what it may be used for: the strikes between the two. */
export type SviFit = {
  readonly params: SviParams
  readonly years: number
  readonly kMin: number
  readonly kMax: number
  readonly rmse: number
}

/** What a new fit is held against. */
export type FitContext = {
  /** The last valid fit of the same expiry; null when there is none to compare with. */
  readonly last: SviFit | null
  /** Valid fits of the next earlier and the next later expiry of the same coin. */
  readonly nearer: SviFit | null
  readonly farther: SviFit | null
  /** Depth below `depth_min`; a depth that is not known is no excuse. */
  readonly isThin: boolean
}

/** Contract 4.1: no volatility above 500 percent. */
const volMax = 5
/** Strikes at which a smile is looked at. */
const gridPoints = 33
/** What counts as zero, in forwards, for a second difference of call prices. */
const convexitySlack = 1e-9
const densitySlack = 1e-6
/** How much total variance may fall from one expiry to the next, relative to the earlier one. */
const calendarSlack = 0.01
const ratioSlack = 1e-9

/** Why a fit may not be used, the first reason in the order of the registry; or null (4.1). */
export function judgeFit(fit: SviFit, context: FitContext, limits: SviLimits): SviRejection | null {
  const strikes = strikesOf(fit.kMin, fit.kMax)
  const grid = strikes.map((strike) => Math.log(strike))
  const { isThin } = context
  if (!isFinite(fit)) return 'SVI_NOT_FINITE'
  if (grid.some((k) => !(impliedVol(fit.params, k, fit.years) <= volMax))) return 'SVI_VOL_TOO_HIGH'
  const rmseMax = isThin ? limits.rmseThinMax : limits.rmseMax
  if (!(fit.rmse <= rmseMax + ratioSlack)) return 'SVI_RMSE_TOO_HIGH'
  const driftMax = isThin ? limits.driftThinMax : limits.driftMax
  if (!(driftOf(fit, context.last, grid) <= driftMax + ratioSlack)) return 'SVI_DRIFT_TOO_HIGH'
  if (!isConvex(fit.params, strikes)) return 'SVI_NOT_CONVEX'
  if (grid.some((k) => !(densityProxy(fit.params, k) >= -densitySlack)))
    return 'SVI_DENSITY_NEGATIVE'
  const isCalm = isAtLeast(fit, context.nearer) && isAtLeast(context.farther, fit)
  return isCalm ? null : 'SVI_CALENDAR_INVERTED'
}

/** Whether a rejection says that something is wrong, and not only that the quotes are rough. */
export function isTrip(rejection: SviRejection): boolean {
  return rejection !== 'SVI_RMSE_TOO_HIGH'
}

/** Whether a rejection says that the smile could be traded against (contract 4.1.1). */
export function isArbitrage(rejection: SviRejection): boolean {
  return (
    rejection === 'SVI_NOT_CONVEX' ||
    rejection === 'SVI_DENSITY_NEGATIVE' ||
    rejection === 'SVI_CALENDAR_INVERTED'
  )
}

/**
 * The largest change of variance a year against the last valid fit, relative to that (decision
 * D-46: what the parameters say, because the parameters themselves trade places).
 */
export function driftOf(fit: SviFit, last: SviFit | null, grid: readonly number[]): number {
  if (last === null) return 0
  const changes = grid.map((k) => {
    const before = totalVariance(last.params, k) / last.years
    return Math.abs(totalVariance(fit.params, k) / fit.years - before) / before
  })
  return Math.max(...changes)
}

function isFinite({ params, years, rmse }: SviFit): boolean {
  return [...Object.values(params), years, rmse].every(Number.isFinite)
}

/** Strikes in forwards, evenly apart. */
function strikesOf(kMin: number, kMax: number): number[] {
  const from = Math.exp(kMin)
  const step = (Math.exp(kMax) - from) / (gridPoints - 1)
  return Array.from({ length: gridPoints }, (_, index) => from + index * step)
}

function isConvex(params: SviParams, strikes: readonly number[]): boolean {
  const prices = strikes.map((strike) => callPrice(params, Math.log(strike)))
  return prices.every((price, index) => {
    const [before, after] = [prices[index - 1], prices[index + 1]]
    if (before === undefined || after === undefined) return Number.isFinite(price)
    return before - 2 * price + after >= -convexitySlack
  })
}

/** Whether the later expiry has the more total variance wherever both are known. */
function isAtLeast(later: SviFit | null, earlier: SviFit | null): boolean {
  if (later === null || earlier === null) return true
  const from = Math.max(later.kMin, earlier.kMin)
  const to = Math.min(later.kMax, earlier.kMax)
  if (from > to) return true
  return strikesOf(from, to).every((strike) => {
    const k = Math.log(strike)
    const least = totalVariance(earlier.params, k) * (1 - calendarSlack)
    return totalVariance(later.params, k) >= least
  })
}
