const DAY_MS = 86_400_000

/** Opening orders recorded on one UTC day. */
export type OpeningTally = {
  /** Days since the epoch; null before the first opening. */
  readonly day: number | null
  readonly openings: number
  /** A moment was counted that cannot be one. It stays: the count can no longer be trusted. */
  readonly isCorrupt: boolean
}

export type OpeningsReading = {
  readonly openings: number
  readonly openingsMax: number
  readonly isCorrupt: boolean
}

export const emptyTally: OpeningTally = { day: null, openings: 0, isCorrupt: false }

/**
 * Counts one opening order. A clock that goes back never gives budget back: the later day stays.
 *
 * @param atMs wall clock of its record
 */
export function countOpening(tally: OpeningTally, atMs: number): OpeningTally {
  const day = dayOf(atMs)
  if (day === null) return { ...tally, isCorrupt: true }
  const isNewDay = tally.day === null || day > tally.day
  return isNewDay ? { ...tally, day, openings: 1 } : { ...tally, openings: tally.openings + 1 }
}

/** What is used of today's budget. A tally of a day more than one ahead is corrupt. */
export function openingsAt(
  tally: OpeningTally,
  nowMs: number,
  openingsMax: number,
): OpeningsReading {
  const today = dayOf(nowMs)
  const isAhead = today !== null && tally.day !== null && tally.day > today + 1
  const isCorrupt = tally.isCorrupt || today === null || isAhead
  const isPast = today !== null && (tally.day === null || tally.day < today)
  return { openings: isPast ? 0 : tally.openings, openingsMax, isCorrupt }
}

function dayOf(atMs: number): number | null {
  return Number.isFinite(atMs) && atMs >= 0 ? Math.floor(atMs / DAY_MS) : null
}
