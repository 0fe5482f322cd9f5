import { BoundedQueue } from '@bulkhead/shared/kernel/queue.ts'
import type { At } from '../at.ts'
import type { RateWindow } from '../numbers/rate-window.ts'

type NakedCounts = {
  /** As recorded, by wall time. */
  readonly nakedMs: BoundedQueue<number>
  readonly nakedEvents: RateWindow
}

/** Accounts kept for the count of a day: one close takes longer than a day has for so many. */
export const nakedEventsMax = 10_000

export function createNakedTimes(): BoundedQueue<number> {
  return new BoundedQueue(nakedEventsMax)
}

/** An account that the ledger holds, by the wall time of its incident; the oldest gives way. */
export function noteNaked(nakedMs: BoundedQueue<number>, incidentMs: number): void {
  if (nakedMs.isFull) nakedMs.shift()
  nakedMs.push(incidentMs)
}

/** Counts the accounts of earlier runs by our own clock, once the ledger was read. */
export function countRecovered({ nakedMs, nakedEvents }: NakedCounts, at: At): void {
  // Accounts are recorded as their closes end; the count wants them in rising order.
  for (const incidentMs of nakedMs.toArray().toSorted((one, other) => one - other)) {
    nakedEvents.take(at.tickMs - Math.max(0, at.nowMs - incidentMs))
  }
}
