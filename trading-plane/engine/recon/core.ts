import type { ToldTier } from '@bulkhead/shared/contracts/governed-actions.ts'

/** How far what our ledger explains may be from what the venue holds (refactor 6.1, D2). */
export type ReconConfig = {
  /** A repair below this difference, in percent, is done and told (T1). */
  readonly repairLowPct: number
  /** Up to here one person must agree (T2), beyond it two (T3). */
  readonly repairHighPct: number
  /** Beyond it nothing opens in the instrument. */
  readonly riskOffPct: number
  /** Where no money is real nobody is asked: the paper exchange forgets what it held. */
  readonly mustAsk: boolean
  /** Time between two readings of the account when nothing else wants one. */
  readonly readEveryMs: number
  /** Least time between two proposals of the same repair. */
  readonly proposeEveryMs: number
}

/**
 * The difference in percent of the smaller of both, so that neither side flatters it. What only one
 * of them knows of differs without bound.
 */
export function driftPct(ours: number, theirs: number): number {
  const smaller = Math.min(Math.abs(ours), Math.abs(theirs))
  const isOpposed = ours * theirs <= 0
  return isOpposed ? Number.POSITIVE_INFINITY : (Math.abs(ours - theirs) / smaller) * 100
}

/** Who must agree to a repair of that size. */
export function repairTier(
  pct: number,
  { repairLowPct, repairHighPct }: Pick<ReconConfig, 'repairLowPct' | 'repairHighPct'>,
): ToldTier {
  if (pct < repairLowPct) return 'T1'
  return pct <= repairHighPct ? 'T2' : 'T3'
}
