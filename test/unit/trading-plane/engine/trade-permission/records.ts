import { randomUUID } from 'node:crypto'
import type { IntentRecord } from '@bulkhead/trading-plane/ledger/records.ts'
import { perpetual } from '../harness.ts'

/** An opening order as an earlier run recorded it. */
export function recordedIntent(
  createdMs: number,
  change: Partial<IntentRecord> = {},
): IntentRecord {
  return {
    type: 'intent',
    label: randomUUID(),
    intent_id: randomUUID(),
    strategy_id: 'quoter',
    group_id: randomUUID(),
    leg_index: 0,
    instrument: perpetual.name,
    currency: perpetual.currency,
    side: 'buy',
    amount_steps: 10,
    price_ticks: 118_000,
    amount: '100',
    price: '59000',
    time_in_force: 'good_til_cancelled',
    post_only: false,
    reduce_only: false,
    created_ms: createdMs,
    ...change,
  }
}
