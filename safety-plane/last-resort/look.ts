import type { Result } from '@bulkhead/shared/kernel/result.ts'
import type { Position, SafetyVenue, VenueFault } from '../exchange/ports.ts'

/** What stands open at the exchange. `flat` only when every read answered and found nothing. */
export type RiskReport = {
  readonly flat: boolean
  /** Resting orders by the one and by the other endpoint; null where the read failed. */
  readonly orders: readonly [number | null, number | null]
  /** Null where the read failed. */
  readonly positions: readonly Position[] | null
  /** Codes of the reads that failed. */
  readonly faults: readonly string[]
}

/** Reads with the safety key what is at risk, and changes nothing. */
export async function lookAtRisk(venue: SafetyVenue): Promise<RiskReport> {
  const first = await venue.readOpenOrders('all')
  const second = await venue.readOpenOrders('by_part')
  const held = await venue.readPositions()
  const counts = [countOf(first), countOf(second)] as const
  const positions = held.ok ? held.value : null
  return {
    flat: counts[0] === 0 && counts[1] === 0 && positions?.length === 0,
    orders: counts,
    positions,
    faults: [first, second, held].flatMap((read) => (read.ok ? [] : [read.failure.code])),
  }
}

const countOf = (read: Result<readonly unknown[], VenueFault>): number | null =>
  read.ok ? read.value.length : null
