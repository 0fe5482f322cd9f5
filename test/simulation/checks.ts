import { readFileSimply, type SimpleEntry } from '../support/simple-ledger-reader.ts'
import type { Disk } from './disk.ts'

/** What must never happen; each is found by looking, never by asking the code that is checked. */
export const violations = [
  'DESK_CRASHED',
  'SENT_TWICE',
  'SENT_UNRECORDED',
  'ACKNOWLEDGED_LOST',
  'TRADE_RECORDED_TWICE',
  'TRADE_MISSING',
  'POSITION_DIFFERS',
  'ORDERS_DIFFER',
  'RECOVERY_NOT_IDEMPOTENT',
] as const
export type Violation = {
  readonly code: (typeof violations)[number]
  readonly detail: string
  readonly atMs: number
}

/** Every row on the disk, read by a reader that shares nothing with the product. */
export function rowsOn(disk: Disk): SimpleEntry[] {
  const entries: SimpleEntry[] = []
  let end = { chain: 0, batch: 0 }
  for (const name of disk.names) {
    end = readFileSimply(disk.read(name), end.chain, end.batch, entries)
  }
  return entries
}

/** Whether a text stands at least twice in what a power failure would leave: wish and dispatch. */
export function isTwiceDurable(disk: Disk, text: string): boolean {
  let found = 0
  for (const name of disk.names.toReversed()) {
    const bytes = disk.durable(name)
    for (let at = bytes.indexOf(text); at >= 0; at = bytes.indexOf(text, at + 1)) found += 1
    if (found >= 2) return true
  }
  return false
}

export type Folded = { readonly position: number; readonly tradeIds: readonly string[] }

/** The position that the trades in the ledger add up to; ten dollars a step. */
export function foldTrades(rows: readonly SimpleEntry[]): Folded {
  let position = 0
  const tradeIds: string[] = []
  for (const { row } of rows) {
    if (row[0] !== 'trade') continue
    const [, tradeId, , , side, steps] = row
    tradeIds.push(String(tradeId))
    position += (side === 'buy' ? 10 : -10) * Number(steps)
  }
  return { position, tradeIds }
}
