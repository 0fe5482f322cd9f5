import { ok, type Result } from '@bulkhead/shared/kernel/result.ts'
import type { LedgerFault } from '@bulkhead/trading-plane/ledger/faults.ts'
import type { LedgerRecord } from '@bulkhead/trading-plane/ledger/records.ts'
import { type Recovered, recoverLedger } from '@bulkhead/trading-plane/ledger/recovery.ts'

/** Recovers a ledger that is small enough to keep all its records. */
export function recoverAll(
  directory: string,
): Result<Recovered & { readonly records: readonly LedgerRecord[] }, LedgerFault> {
  const records: LedgerRecord[] = []
  const recovered = recoverLedger(directory, 'executor', (record) => records.push(record))
  return recovered.ok ? ok({ ...recovered.value, records }) : recovered
}
