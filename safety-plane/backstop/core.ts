import type { BackstopState } from '@bulkhead/shared/contracts/status.ts'

/** What the exchange last said about one of its own switches. */
export type Observation = {
  /** Whether the last answer said that it is armed; null while none came. */
  readonly isArmed: boolean | null
  /** When the question of that answer was sent, by the monotonic clock. */
  readonly askedTickMs: number
}

export const notObserved: Observation = { isArmed: null, askedTickMs: 0 }

/**
 * Armed only on the exchange's word, and only while that word is young enough to hold; stale when
 * it was armed and has not been confirmed since; absent when it never was or is known not to be.
 */
export function backstopState(
  { isArmed, askedTickMs }: Observation,
  tickMs: number,
  ageMsMax: number,
): BackstopState {
  if (isArmed !== true) return 'absent'
  return tickMs - askedTickMs <= ageMsMax ? 'armed' : 'stale'
}

/** A countdown is started anew at a third of its time, so that two lost requests do no harm. */
export const refreshMsOf = (timeoutMs: number) => Math.floor(timeoutMs / 3)
