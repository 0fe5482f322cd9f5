import type { Side } from '../../venues/port.ts'
import type { SelfImpactLimits } from './config.ts'

/** Where nobody traded at all, a fraction is taken of this much. */
const publicUsdMin = 1

/** What was traded in one instrument within the window, in USD. */
export type Impact = {
  readonly publicUsd: number
  readonly ownBuyUsd: number
  readonly ownSellUsd: number
}

export function selfUsd({ ownBuyUsd, ownSellUsd }: Impact): number {
  return ownBuyUsd + ownSellUsd
}

/** Our part of all that was traded; the venue's public trades hold ours, too. */
export function selfFraction(impact: Impact): number {
  return selfUsd(impact) / Math.max(impact.publicUsd, publicUsdMin)
}

/**
 * Which rule an opening order breaks by what we traded ourselves, or null (contract 1.2.3). It
 * breaks none in a direction in which we did not trade: that does not feed on our own impact.
 */
export function brokenRule(
  impact: Impact,
  side: Side,
  limits: SelfImpactLimits,
): 'notional' | 'fraction' | null {
  const sameSideUsd = side === 'buy' ? impact.ownBuyUsd : impact.ownSellUsd
  if (!(sameSideUsd > 0)) return null
  const own = selfUsd(impact)
  if (own >= limits.notionalUsdTrip) return 'notional'
  const isLarge = own >= limits.selfNotionalUsdMin
  return isLarge && selfFraction(impact) >= limits.fractionTrip ? 'fraction' : null
}
