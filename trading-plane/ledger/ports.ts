import type { Result } from '@bulkhead/shared/kernel/result.ts'
import type { LedgerPurpose } from './purpose.core.ts'
import type { LedgerRecord } from './records.ts'

/**
 * A record that waits longer than this for the disk says that the ledger is stuck: the executor no
 * longer counts as alive, and what takes risk away waits for the disk no more (decision D-71).
 */
export const stuckAfterMs = 2_000

/** What was promised of a record: it is in the ring, or on the disk (contract 2.4). */
export type LedgerReceipt = {
  readonly seq: number
  readonly acknowledged: 'recorded' | 'durable'
}

/**
 * The ledger as the rest of the plane sees it (design 6.3). How records reach the disk may change
 * underneath; what a resolved `append` means may not.
 */
export type Ledger = {
  /**
   * Takes a record and resolves once it is what its policy demands, in the order of the calls: with
   * the default configuration everything that orders depend on is durable then. LEDGER_FULL means
   * that it was not taken, and is said at once: a record of which nothing was said yet was taken. A
   * write or sync error is never a result: it stops the process.
   *
   * @param purpose how much of the room it may use; all of it by default, which is for what has
   *   happened already
   */
  append(
    record: LedgerRecord,
    purpose?: LedgerPurpose,
  ): Promise<Result<LedgerReceipt, 'LEDGER_FULL'>>
  /** A record was refused, and there is no room yet for one that adds risk. */
  readonly isCrowded: boolean
  /** Sequence number of the last durable record. */
  readonly durableSeq: number
  /** Monotonic time since which the oldest record waits for the disk; null when none does. */
  readonly waitingSinceTickMs: number | null
  /** Waits for what was taken, then closes the file and gives up the lock. */
  close(): Promise<void>
}
