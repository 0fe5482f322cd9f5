/**
 * What a record is for. On a ledger that lags, what adds risk leaves room for what takes it away,
 * and both leave room for what has happened already (decision D-71).
 */
export type LedgerPurpose = 'opening' | 'reducing' | 'truth'

/** Part of the way to the disk that may be filled before a record is refused. */
const shares: Readonly<Record<LedgerPurpose, number>> = {
  opening: 1 / 2,
  reducing: 7 / 8,
  truth: 1,
}

/** How much of a capacity records of a purpose may fill; records or bytes. */
export function roomFor(purpose: LedgerPurpose, capacity: number): number {
  return Math.floor(shares[purpose] * capacity)
}
