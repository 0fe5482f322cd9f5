import { expect } from 'vitest'
import { redisKeys } from '@bulkhead/shared/contracts/redis-keys.ts'
import type { LedgerRecord } from '@bulkhead/trading-plane/ledger/records.ts'
import { scanLedger } from '@bulkhead/trading-plane/ledger/recovery.ts'
import { eventually } from '../../../support/eventually.ts'
import { deskTest, restingPrice } from '../desk-test.ts'

deskTest('an executor that trades keeps a whole ledger, copies it, and tells', async (ready) => {
  const { desk, hand } = ready
  const intent = hand.place({ limit_price: restingPrice(hand) })
  await hand.until(intent, 'open')
  const records: LedgerRecord[] = []
  const { ledgerDir } = desk.redis.layout
  const scanned = scanLedger(ledgerDir, 'executor', false, (record) => records.push(record))
  expect(scanned.ok).toBe(true)
  const types = records.map(({ type }) => type)
  expect(types.slice(0, 3)).toEqual(['run', 'intent', 'dispatch'])
  const auditor = await desk.redis.link('auditor')
  const copied = await eventually('the copy is there', async () => {
    const read = await auditor.run((redis) => redis.xlen(redisKeys.ledgerCopy('executor')))
    return read.ok && read.value >= records.length ? read.value : undefined
  })
  expect(copied).toBeGreaterThanOrEqual(records.length)
  const status = await desk.until('told', ({ counters }) => counters['wal_backup_lag'] === 0)
  expect(status.counters).toMatchObject({
    wal_queue_capacity: 8_192,
    wal_queue_enqueue_failures: 0,
    wal_write_errors: 0,
    wal_backup_missed: 0,
    wal_backup_state: 0,
  })
})
