import type { Result } from '@bulkhead/shared/kernel/result.ts'
import type { LedgerRecord } from './records.ts'

/** Proof that a record is on the disk. */
export type LedgerReceipt = { readonly seq: number }

/**
 * The ledger as the rest of the plane sees it (design 6.3). How records reach the disk may change
 * underneath; what a resolved `append` means may not.
 */
export type Ledger = {
  /**
   * Takes a record and resolves once it is durable, in the order of the calls. LEDGER_FULL means
   * that it was not taken. A write or sync error is never a result: it stops the process.
   */
  append(record: LedgerRecord): Promise<Result<LedgerReceipt, 'LEDGER_FULL'>>
  /** Sequence number of the last durable record. */
  readonly durableSeq: number
  /** Monotonic time since which the oldest record waits for the disk; null when none does. */
  readonly waitingSinceTickMs: number | null
  /** Waits for what was taken, then closes the file and gives up the lock. */
  close(): Promise<void>
}
