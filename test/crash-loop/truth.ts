import type { LedgerRecord } from '@bulkhead/trading-plane/ledger/records.ts'
import { scanLedger } from '@bulkhead/trading-plane/ledger/recovery.ts'

/** What the exchange says it was sent and holds, asked with another key than the executor's. */
export type VenueTruth = {
  readonly orders: readonly { readonly orderId: string; readonly label: string }[]
  readonly positionsUsd: ReadonlyMap<string, number>
}

export type Finding = {
  readonly code:
    | 'DUPLICATE_DISPATCH'
    | 'SENT_WITHOUT_RECORD'
    | 'DECIDED_TWICE'
    | 'TRADE_TWICE'
    | 'POSITION_DIFFERS'
    | 'GROUP_UNFINISHED'
    | 'LEDGER_REFUSED'
  readonly detail: string
}

/** Amount of one step, in USD. */
const stepUsd: Readonly<Record<string, number>> = { 'BTC-PERPETUAL': 10, 'ETH-PERPETUAL': 1 }

/** Everything that is wrong between a ledger and its venue after any number of crashes. */
export function compare(ledgerDir: string, venue: VenueTruth): readonly Finding[] {
  const records: LedgerRecord[] = []
  const scanned = scanLedger(ledgerDir, 'executor', false, (record) => records.push(record))
  if (!scanned.ok) return [{ code: 'LEDGER_REFUSED', detail: JSON.stringify(scanned.failure) }]
  const decided = records.flatMap((record) => (record.type === 'dispatch' ? [record.label] : []))
  const trades = records.flatMap((record) => (record.type === 'trade' ? [record] : []))
  const labels = venue.orders.map(({ label }) => label)
  const ledgerUsd = new Map<string, number>()
  for (const { instrument, side, steps } of trades) {
    const usd = (side === 'buy' ? steps : -steps) * (stepUsd[instrument] ?? Number.NaN)
    ledgerUsd.set(instrument, (ledgerUsd.get(instrument) ?? 0) + usd)
  }
  const differing = [...new Set([...ledgerUsd.keys(), ...venue.positionsUsd.keys()])].filter(
    (name) => (ledgerUsd.get(name) ?? 0) !== (venue.positionsUsd.get(name) ?? 0),
  )
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
    ...differing.map((name) => ({
      code: 'POSITION_DIFFERS' as const,
      detail: `${name}: ${ledgerUsd.get(name)} and ${venue.positionsUsd.get(name)}`,
    })),
    ...unfinished(records).map((detail) => ({ code: 'GROUP_UNFINISHED' as const, detail })),
  ]
}

/** Groups of which the ledger tells no end. */
function unfinished(records: readonly LedgerRecord[]): string[] {
  const states = new Map<string, string>()
  for (const record of records) {
    if (record.type === 'group') states.set(record.group_id, 'New')
    if (record.type === 'group_state') states.set(record.group_id, record.state)
  }
  const ends = new Set(['Complete', 'Flattened'])
  return [...states].filter(([, state]) => !ends.has(state)).map((entry) => entry.join(' '))
}

function repeated(values: readonly string[]): string[] {
  const seen = new Set<string>()
  return values.filter((value) => {
    const isAgain = seen.has(value)
    seen.add(value)
    return isAgain
  })
}
