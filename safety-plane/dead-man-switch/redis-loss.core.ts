/** When reads that fail mean that the safety Redis is lost (decision D-62). */
export type RedisLossLimits = {
  /** Nobody listens where Redis should: it has ended. */
  readonly redisGoneAfterMs: number
  /** Somebody listens and does not answer: it may be slow, and so may we. */
  readonly redisSilentAfterMs: number
  /** How many reads in a row must have failed besides: a stall of our own makes one come late. */
  readonly redisFailedReadsMin: number
}

/** Reads that failed since the last good one. */
export type FailingReads = {
  readonly sinceTickMs: number
  readonly count: number
  /** Whether the last of them found nobody listening. */
  readonly isGone: boolean
}

export function noteFailedRead(
  failing: FailingReads | null,
  tickMs: number,
  isGone: boolean,
): FailingReads {
  return { sinceTickMs: failing?.sinceTickMs ?? tickMs, count: (failing?.count ?? 0) + 1, isGone }
}

/** How long reads like these must have failed. */
export function lossAfterMs({ isGone }: FailingReads, limits: RedisLossLimits): number {
  return isGone ? limits.redisGoneAfterMs : limits.redisSilentAfterMs
}

/** When they will have proven that Redis is lost; null while they are too few. */
export function lossDueTickMs(
  failing: FailingReads | null,
  limits: RedisLossLimits,
): number | null {
  if (failing === null || failing.count < limits.redisFailedReadsMin) return null
  return failing.sinceTickMs + lossAfterMs(failing, limits)
}
