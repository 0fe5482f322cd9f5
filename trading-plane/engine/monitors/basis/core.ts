import { hasHeldFor, heldSince, isCooling, noOverride, type SafetyOverride } from '../override.ts'
import type { BasisLimits } from './config.ts'

/** A price and the monotonic moment at which the feed told it; null when it never did. */
export type Told = { readonly value: number; readonly tickMs: number } | null

/** The three prices of one market. `last` is the middle of the book, or the last trade (D-47). */
export type BasisPrices = { readonly mark: Told; readonly index: Told; readonly last: Told }

export type BasisState = {
  readonly reduceOnlySinceTickMs: number | null
  readonly killSinceTickMs: number | null
  readonly tripTickMs: number | null
}

export const basisAtStart: BasisState = {
  reduceOnlySinceTickMs: null,
  killSinceTickMs: null,
  tripTickMs: null,
}

/**
 * Judges how far mark, index and market are apart (contract 2.3.3). Prices that are missing or old
 * force ReduceOnly until they are fresh again, and never kill.
 */
export function stepBasis(
  before: BasisState,
  prices: BasisPrices,
  tickMs: number,
  limits: BasisLimits,
): { readonly state: BasisState; readonly override: SafetyOverride } {
  const bps = basisBps(prices, tickMs, limits)
  const isWide = bps !== null && bps >= limits.reduceOnlyBps
  const isWideToKill = bps !== null && bps >= limits.killBps
  const reduceOnlySinceTickMs = heldSince(before.reduceOnlySinceTickMs, isWide, tickMs)
  const killSinceTickMs = heldSince(before.killSinceTickMs, isWideToKill, tickMs)
  const hasTripped = hasHeldFor(reduceOnlySinceTickMs, limits.reduceOnlyWindowS, tickMs)
  const tripTickMs = hasTripped ? tickMs : before.tripTickMs
  const state = { reduceOnlySinceTickMs, killSinceTickMs, tripTickMs }
  if (hasHeldFor(killSinceTickMs, limits.killWindowS, tickMs)) {
    return { state, override: { kind: 'ForceKill' } }
  }
  const isForced = bps === null || isCooling(tripTickMs, limits.reduceOnlyCooldownS, tickMs)
  const { reduceOnlyCooldownS: cooldownS } = limits
  return { state, override: isForced ? { kind: 'ForceReduceOnly', cooldownS } : noOverride }
}

/** The larger of both distances from the mark, in basis points; null when not known now. */
export function basisBps(
  { mark, index, last }: BasisPrices,
  tickMs: number,
  limits: BasisLimits,
): number | null {
  const prices = [mark, index, last].map((told) => fresh(told, tickMs, limits))
  const [markPrice, indexPrice, lastPrice] = prices
  if (markPrice == null || indexPrice == null || lastPrice == null) return null
  const distance = (price: number) => (Math.abs(markPrice - price) / markPrice) * 10_000
  return Math.max(distance(indexPrice), distance(lastPrice))
}

function fresh(told: Told, tickMs: number, limits: BasisLimits): number | null {
  if (told === null || !(tickMs - told.tickMs <= limits.priceAgeMsMax)) return null
  return told.value > 0 && Number.isFinite(told.value) ? told.value : null
}
