import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { RedisLink } from '@bulkhead/shared/runtime/redis-link.ts'
import { LedgerCopy } from '@bulkhead/trading-plane/ledger/copy.ts'
import type { LedgerRecord } from '@bulkhead/trading-plane/ledger/records.ts'
import { eventually } from '../../../support/eventually.ts'
import { dispatch } from '../../../support/ledger-files.ts'
import { startSafetyRedis, type TestRedis } from '../../../support/redis.ts'

const key = 'wal:backup:executor'
let redis: TestRedis
let link: RedisLink
let copies: LedgerCopy[]
beforeEach(async () => {
  redis = await startSafetyRedis()
  link = await redis.link('trading')
  copies = []
})
afterEach(async () => {
  for (const copy of copies) await copy.stop()
  await redis.close()
})

function begin(records: readonly LedgerRecord[] = [], overrides = {}) {
  const ahead: number[] = []
  const copy = new LedgerCopy({
    link,
    component: 'executor',
    copyIntervalMs: 20,
    copyWaitingMax: 100,
    copyLengthMax: 10_000,
    recovered: { newest: records, lastSeq: records.length },
    onAhead: (seq) => ahead.push(seq),
    ...overrides,
  })
  copies.push(copy)
  return { copy, ahead }
}

const range = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, at) => from + at)
const takeAll = (copy: LedgerCopy, seqs: readonly number[]) => {
  for (const seq of seqs) copy.take(dispatch(seq), seq)
}
async function copied(): Promise<{ seq: number; record: unknown }[]> {
  const auditor = await redis.link('auditor')
  const read = await auditor.run((commands) => commands.xrange(key, '-', '+'))
  if (!read.ok) throw new Error(read.failure.code)
  return read.value.map(([id, fields]) => ({
    seq: Number(id.split('-')[0]),
    record: JSON.parse(fields[fields.indexOf('record') + 1] ?? 'null') as unknown,
  }))
}
const caughtUp = (copy: LedgerCopy) =>
  eventually('the copy has caught up', () => copy.counters()['wal_backup_lag'] === 0)

describe('the copy of the ledger in Redis', () => {
  it('holds every durable record in order, readable by the auditor', async () => {
    const { copy } = begin()
    takeAll(copy, range(1, 90))
    expect(copy.counters()).toMatchObject({ wal_backup_lag: 90, wal_backup_missed: 0 })
    await caughtUp(copy)
    const expected = range(1, 90).map((seq) => ({ seq, record: dispatch(seq) }))
    expect(await copied()).toEqual(expected)
    expect(copy.counters()).toMatchObject({ wal_backup_state: 0 })
  })

  it('goes on where a run ended, without a gap and without a repeat', async () => {
    const first = begin()
    takeAll(first.copy, range(1, 30))
    await first.copy.stop()
    const second = begin(range(1, 50).map((n) => dispatch(n)))
    takeAll(second.copy, range(51, 60))
    await caughtUp(second.copy)
    expect((await copied()).map(({ seq }) => seq)).toEqual(range(1, 60))
    expect(second.ahead).toEqual([])
  })

  it('says how far it is behind while Redis is gone, and then catches up', async () => {
    const { copy } = begin()
    takeAll(copy, range(1, 10))
    await caughtUp(copy)
    await redis.kill()
    takeAll(copy, range(11, 40))
    await eventually('it is behind', () => copy.counters()['wal_backup_state'] === 1)
    expect(copy.counters()['wal_backup_lag']).toBe(30)
    await redis.restart()
    await caughtUp(copy)
    expect((await copied()).map(({ seq }) => seq)).toEqual(range(1, 40))
  })

  it('is bounded: it leaves out the oldest when Redis is gone for long, and counts them', async () => {
    await redis.kill()
    const { copy } = begin()
    takeAll(copy, range(1, 150))
    expect(copy.counters()).toMatchObject({ wal_backup_missed: 50, wal_backup_lag: 150 })
    await redis.restart()
    await caughtUp(copy)
    expect((await copied()).map(({ seq }) => seq)).toEqual(range(51, 150))
  })

  it('keeps about as many records as configured, because the safety Redis evicts nothing', async () => {
    const { copy } = begin([], { copyWaitingMax: 5_000, copyLengthMax: 100 })
    takeAll(copy, range(1, 2_000))
    await caughtUp(copy)
    const kept = await copied()
    expect(kept.length).toBeLessThan(300)
    expect(kept.at(-1)?.seq).toBe(2_000)
  })

  it('that is ahead says that the ledger went back, and changes nothing of it', async () => {
    const first = begin()
    takeAll(first.copy, range(1, 30))
    await first.copy.stop()
    const { copy, ahead } = begin(range(1, 10).map((n) => dispatch(n)))
    takeAll(copy, [11, 12])
    await eventually('it is noticed', () => ahead.length > 0)
    expect(ahead).toEqual([11])
    expect(copy.counters()['wal_backup_state']).toBe(2)
    expect((await copied()).map(({ seq }) => seq)).toEqual(range(1, 30))
  })
})
