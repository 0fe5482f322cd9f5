import type { LedgerRecord } from '@bulkhead/trading-plane/ledger/records.ts'
import { scanLedger } from '@bulkhead/trading-plane/ledger/recovery.ts'

/** What the exchange says it was sent and holds, asked with another key than the executor's. */
export type VenueTruth = {
  readonly orders: readonly { readonly orderId: string; readonly label: string }[]
  readonly positionUsd: number
}

export type Finding = {
  readonly code:
    | 'DUPLICATE_DISPATCH'
    | 'SENT_WITHOUT_RECORD'
    | 'DECIDED_TWICE'
    | 'TRADE_TWICE'
    | 'POSITION_DIFFERS'
    | 'LEDGER_REFUSED'
  readonly detail: string
}

/** Amount of one step of BTC-PERPETUAL, in USD. */
const stepUsd = 10

/** Everything that is wrong between a ledger and its venue after any number of crashes. */
export function compare(ledgerDir: string, venue: VenueTruth): readonly Finding[] {
  const records: LedgerRecord[] = []
  const scanned = scanLedger(ledgerDir, 'executor', false, (record) => records.push(record))
  if (!scanned.ok) return [{ code: 'LEDGER_REFUSED', detail: JSON.stringify(scanned.failure) }]
  const decided = records.flatMap((record) => (record.type === 'dispatch' ? [record.label] : []))
  const trades = records.flatMap((record) => (record.type === 'trade' ? [record] : []))
  const labels = venue.orders.map(({ label }) => label)
  const ledgerUsd = trades.reduce(
    (sum, { side, steps }) => sum + (side === 'buy' ? steps : -steps) * stepUsd,
    0,
  )
  const differs = ledgerUsd !== venue.positionUsd
  return [
    ...repeated(labels).map((detail) => ({ code: 'DUPLICATE_DISPATCH' as const, detail })),
    ...repeated(decided).map((detail) => ({ code: 'DECIDED_TWICE' as const, detail })),
    ...repeated(trades.map(({ trade_id: id }) => id)).map((detail) => ({
      code: 'TRADE_TWICE' as const,
      detail,
    })),
    ...labels
      .filter((label) => !decided.includes(label))
      .map((detail) => ({ code: 'SENT_WITHOUT_RECORD' as const, detail })),
    ...(differs
      ? [{ code: 'POSITION_DIFFERS' as const, detail: `${ledgerUsd} and ${venue.positionUsd}` }]
      : []),
  ]
}

function repeated(values: readonly string[]): string[] {
  const seen = new Set<string>()
  return values.filter((value) => {
    const isAgain = seen.has(value)
    seen.add(value)
    return isAgain
  })
}
