/**
 * How old a value is by this process's own monotonic clock since it was last seen to change (D-02).
 * A key that expired keeps ageing (D-03); one that was never seen has no age.
 */
export type Seen = {
  readonly value: string
  /** Age that the value claimed at its first sight, in milliseconds; 0 for every later change. */
  readonly ageAtSightMs: number
  readonly sightTickMs: number
}

/**
 * Takes one look at a value.
 *
 * @param seen what was seen before, undefined at the first look
 * @param value what is there now; null when the key is missing
 * @param claimedAgeMs age by wall clock, believed only at first sight and only where it makes older
 */
export function observe(
  seen: Seen | undefined,
  value: string | null,
  claimedAgeMs: number,
  tickMs: number,
): Seen | undefined {
  if (value === null) return seen
  if (seen === undefined) {
    return { value, ageAtSightMs: Math.max(0, claimedAgeMs), sightTickMs: tickMs }
  }
  return seen.value === value ? seen : { value, ageAtSightMs: 0, sightTickMs: tickMs }
}

/** Age in milliseconds, or null when never seen. */
export function ageMsOf(seen: Seen | undefined, tickMs: number): number | null {
  if (seen === undefined) return null
  return Math.max(0, seen.ageAtSightMs + tickMs - seen.sightTickMs)
}
