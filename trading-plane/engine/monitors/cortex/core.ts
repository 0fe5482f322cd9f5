import type { InstrumentKind } from '../../../venues/port.ts'
import { hasHeldFor, heldSince, isCooling, noOverride, type SafetyOverride } from '../override.ts'
import type { CortexLimits } from './config.ts'

/** Price levels per side that count as depth (contract 2.3: N = 5). */
const depthLevels = 5
/** Half a unit in the last digits of a ratio of two doubles. */
const ratioSlack = 1e-12

type Level = readonly [price: number, amount: number]
type Sample = { readonly value: number; readonly tickMs: number }

/** What the cortex remembers of one market. */
export type CortexState = {
  /** Volatility within the jump window, oldest first; at most one per evaluation. */
  readonly samples: readonly Sample[]
  readonly dvolTripTickMs: number | null
  readonly spreadDepthTripTickMs: number | null
  readonly spreadKillSinceTickMs: number | null
  readonly depthKillSinceTickMs: number | null
}

/** One look at a market; null is missing, not a number, or too old. */
export type CortexInput = {
  readonly tickMs: number
  readonly dvol: Sample | null
  readonly spreadBps: number | null
  /** USD in the top five levels of the thinner side. */
  readonly depthUsd: number | null
}

export type CortexStep = { readonly state: CortexState; readonly override: SafetyOverride }

export const cortexAtStart: CortexState = {
  samples: [],
  dvolTripTickMs: null,
  spreadDepthTripTickMs: null,
  spreadKillSinceTickMs: null,
  depthKillSinceTickMs: null,
}

/**
 * Judges one market (contract 2.3). A collapse that lasts kills; a thin or wide market and a jump
 * of volatility force ReduceOnly for their cooldown; what is not known forces it as long as it is
 * not known, and never kills.
 */
export function stepCortex(
  before: CortexState,
  input: CortexInput,
  limits: CortexLimits,
): CortexStep {
  const { tickMs, spreadBps, depthUsd } = input
  const samples = samplesWith(before.samples, input, limits)
  const isThinOrWide =
    (spreadBps !== null && spreadBps > limits.spreadMaxBps) ||
    (depthUsd !== null && depthUsd < limits.depthMinUsd)
  const isWideToKill = spreadBps !== null && spreadBps >= limits.spreadKillBps
  const isThinToKill = depthUsd !== null && depthUsd <= limits.depthKillMinUsd
  const state: CortexState = {
    samples,
    dvolTripTickMs: hasJumped(samples, limits) ? tickMs : before.dvolTripTickMs,
    spreadDepthTripTickMs: isThinOrWide ? tickMs : before.spreadDepthTripTickMs,
    spreadKillSinceTickMs: heldSince(before.spreadKillSinceTickMs, isWideToKill, tickMs),
    depthKillSinceTickMs: heldSince(before.depthKillSinceTickMs, isThinToKill, tickMs),
  }
  return { state, override: overrideOf(state, input, limits) }
}

function overrideOf(state: CortexState, input: CortexInput, limits: CortexLimits): SafetyOverride {
  const { tickMs } = input
  const hasCollapsed =
    hasHeldFor(state.spreadKillSinceTickMs, limits.killWindowS, tickMs) ||
    hasHeldFor(state.depthKillSinceTickMs, limits.killWindowS, tickMs)
  if (hasCollapsed) return { kind: 'ForceKill' }
  if (isCooling(state.dvolTripTickMs, limits.dvolCooldownS, tickMs)) {
    return { kind: 'ForceReduceOnly', cooldownS: limits.dvolCooldownS }
  }
  if (isCooling(state.spreadDepthTripTickMs, limits.spreadDepthCooldownS, tickMs)) {
    return { kind: 'ForceReduceOnly', cooldownS: limits.spreadDepthCooldownS }
  }
  const isUnknown = input.dvol === null || input.spreadBps === null || input.depthUsd === null
  return isUnknown ? { kind: 'ForceReduceOnly', cooldownS: 0 } : noOverride
}

/** The samples of the window that ends with the newest one. */
function samplesWith(
  samples: readonly Sample[],
  { dvol, tickMs }: CortexInput,
  limits: CortexLimits,
): readonly Sample[] {
  const isNew = dvol !== null && dvol.tickMs !== samples.at(-1)?.tickMs
  const all = isNew ? [...samples, dvol] : samples
  const endTickMs = all.at(-1)?.tickMs ?? tickMs
  const isWithin = (sample: Sample) => endTickMs - sample.tickMs <= limits.dvolJumpWindowS * 1_000
  return all.every(isWithin) ? all : all.filter(isWithin)
}

function hasJumped(samples: readonly Sample[], limits: CortexLimits): boolean {
  const newest = samples.at(-1)
  if (newest === undefined) return false
  const lowest = Math.min(...samples.map(({ value }) => value))
  return (newest.value - lowest) / lowest >= limits.dvolJump - ratioSlack
}

/** Spread in basis points of the middle; null without two sides that make sense. */
export function spreadBps(bestBid: number | null, bestAsk: number | null): number | null {
  if (bestBid === null || bestAsk === null) return null
  const bps = ((bestAsk - bestBid) / ((bestAsk + bestBid) / 2)) * 10_000
  return bestBid > 0 && bestAsk >= bestBid && Number.isFinite(bps) ? bps : null
}

/**
 * USD that stands in the top five levels of the thinner side: the sum of price times quantity in
 * coins, level by level. Of a market whose amounts are in USD that product is the amount itself.
 *
 * @returns null when a level is no number
 */
export function depthUsd(
  kind: InstrumentKind,
  bids: readonly Level[],
  asks: readonly Level[],
): number | null {
  const isInUsd = kind === 'perpetual' || kind === 'inverse_future'
  const side = (levels: readonly Level[]) =>
    levels
      .slice(0, depthLevels)
      .reduce((sum, [price, amount]) => sum + (isInUsd ? amount : price * amount), 0)
  const depth = Math.min(side(bids), side(asks))
  return Number.isFinite(depth) && depth >= 0 ? depth : null
}
