const DAY_MS = 86_400_000

/** Opening orders recorded on one UTC day. */
export type OpeningTally = {
  /** Days since the epoch; null before the first opening. */
  readonly day: number | null
  readonly openings: number
  /** One more was asked for than the day allows. */
  readonly isExceeded: boolean
  /** A moment was counted that cannot be one. It stays: the count can no longer be trusted. */
  readonly isCorrupt: boolean
}

export type OpeningsReading = {
  readonly openings: number
  readonly openingsMax: number
  readonly isExceeded: boolean
  readonly isCorrupt: boolean
}

export const emptyTally: OpeningTally = {
  day: null,
  openings: 0,
  isExceeded: false,
  isCorrupt: false,
}

/**
 * Counts one opening order. A clock that goes back never gives budget back: the later day stays.
 *
 * @param atMs wall clock of its record
 */
export function countOpening(tally: OpeningTally, atMs: number): OpeningTally {
  const day = dayOf(atMs)
  if (day === null) return { ...tally, isCorrupt: true }
  const isNewDay = tally.day === null || day > tally.day
  if (!isNewDay) return { ...tally, openings: tally.openings + 1 }
  return { ...tally, day, openings: 1, isExceeded: false }
}

/**
 * Asks for one more opening. The order that uses the last of the budget still goes; the one after
 * it is what exceeds it.
 */
export function askOpening(tally: OpeningTally, nowMs: number, openingsMax: number): OpeningTally {
  const isUsed = openingsAt(tally, nowMs, openingsMax).openings >= openingsMax
  return isUsed ? { ...tally, isExceeded: true } : tally
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
  const openings = isPast ? 0 : tally.openings
  return { openings, openingsMax, isExceeded: tally.isExceeded && !isPast, isCorrupt }
}

function dayOf(atMs: number): number | null {
  return Number.isFinite(atMs) && atMs >= 0 ? Math.floor(atMs / DAY_MS) : null
}
