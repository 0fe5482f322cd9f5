import { cpSync, mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { redisKeys } from '@bulkhead/shared/contracts/redis-keys.ts'
import { verifyAuditChains } from '@bulkhead/shared/runtime/audit-verify.ts'
import { AuditWriter } from '@bulkhead/shared/runtime/audit-writer.ts'
import type { RedisLink } from '@bulkhead/shared/runtime/redis-link.ts'
import { systemClock } from '@bulkhead/shared/runtime/system-clock.ts'
import { eventually } from '../../support/eventually.ts'
import { startSafetyRedis, type TestRedis } from '../../support/redis.ts'
import { chainOf, createDrain, loggedEntries, pushTo } from './support/audit-world.ts'
import { spawnNode } from './support/process.ts'

const drainFile = join(import.meta.dirname, 'support/audit-drain-process.ts')
let redis: TestRedis
let link: RedisLink
let trading: RedisLink

beforeEach(async () => {
  redis = await startSafetyRedis()
  link = await redis.link('safety', 'patient')
  trading = await redis.link('trading', 'patient')
  mkdirSync(redis.layout.auditDir, { recursive: true })
})
afterEach(() => redis.close())

const lengthOf = async (key: string) => {
  const read = await link.run((commands) => commands.llen(key))
  return read.ok ? read.value : Number.NaN
}
const of = (rows: readonly Record<string, string>[], writer: string) =>
  rows.filter((row) => row['writer'] === writer)

test('a drain killed again and again loses no entry and writes none twice', async () => {
  const linkText = JSON.stringify({ ...redis.config('safety'), commandTimeoutMs: 2_000 })
  const lines = [chainOf('executor', 1_500), chainOf('orchestrator', 1_500)] as const
  for (let round = 0; round < 5; round += 1) {
    const drain = spawnNode(drainFile, [linkText, redis.layout.auditDir, '20'])
    await pushTo(trading, 'executor', lines[0].slice(round * 300, round * 300 + 300))
    await pushTo(trading, 'orchestrator', lines[1].slice(round * 300, round * 300 + 300))
    const soFar = await loggedEntries(link)
    await eventually('some entries', async () => (await loggedEntries(link)).length > soFar.length)
    await drain.kill()
  }
  const last = createDrain(redis, link)
  await eventually('empty inboxes', async () => {
    await last.settle()
    const waiting = ['executor', 'orchestrator'].flatMap((component) => [
      lengthOf(redisKeys.auditInbox(component)),
      lengthOf(redisKeys.auditInWork(component)),
    ])
    return (await Promise.all(waiting)).every((length) => length === 0)
  })
  const rows = await loggedEntries(link)
  const places = rows.map(({ writer, chain, seq }) => `${writer}/${chain}/${seq}`)
  expect(places.length).toBe(new Set(places).size)
  expect([of(rows, 'executor').length, of(rows, 'orchestrator').length]).toEqual([1_500, 1_500])
  expect(verifyAuditChains(rows).faults).toEqual([])
})

test('two drains at once write each entry once', async () => {
  await pushTo(trading, 'executor', chainOf('executor', 400))
  const other = await redis.link('safety', 'patient')
  const drains = [createDrain(redis, link), createDrain(redis, other)]
  await eventually('an empty inbox', async () => {
    await Promise.all(drains.map((drain) => drain.settle()))
    const keys = [redisKeys.auditInbox('executor'), redisKeys.auditInWork('executor')]
    return (await Promise.all(keys.map(lengthOf))).every((length) => length === 0)
  })
  const rows = of(await loggedEntries(link), 'executor')
  expect(rows.map(({ subject }) => Number(subject))).toEqual(
    Array.from({ length: 400 }, (_, at) => at + 1),
  )
})

test('a writer that floods holds up no other and is cut at its bound', async () => {
  const flood = chainOf('executor', 1_000, undefined, 'x'.repeat(8_000))
  for (let round = 0; round < 3; round += 1) await pushTo(trading, 'executor', flood)
  await pushTo(trading, 'orchestrator', chainOf('orchestrator', 20))
  const drain = createDrain(redis, link)
  drain.request()
  await eventually(
    'the quiet writer',
    async () => of(await loggedEntries(link), 'orchestrator').length === 20,
  )
  const writers = (await loggedEntries(link)).map(({ writer }) => writer)
  expect(writers.lastIndexOf('orchestrator')).toBeLessThan(200)
  await drain.settle()
  const cut = await eventually('the cut on record', async () => {
    await drain.settle()
    return (await loggedEntries(link)).find(({ action }) => action === 'AUDIT_INBOX_CUT')
  })
  expect(cut).toMatchObject({ writer: 'dead_man_switch', subject: 'executor' })
  expect(Number(cut?.['entries'])).toBeGreaterThan(1_000)
})

test('a flood of what is no entry leaves one line with a number', async () => {
  await pushTo(
    trading,
    'executor',
    Array.from({ length: 500 }, (_, at) => `junk ${at}`),
  )
  const drain = createDrain(redis, link)
  await eventually('an empty inbox', async () => {
    await drain.settle()
    return (await lengthOf(redisKeys.auditInbox('executor'))) === 0
  })
  await drain.settle()
  const rows = await loggedEntries(link)
  expect(rows.map(({ action }) => action)).toEqual(['AUDIT_ENTRY_REJECTED'])
})

test('nobody can push a value that fills the server', async () => {
  const value = 'x'.repeat(2 * 1_024 * 1_024)
  const pushed = await trading.run((commands) => commands.rpush('safety:audit:in:executor', value))
  expect(pushed.ok).toBe(false)
  expect(await lengthOf(redisKeys.auditInbox('executor'))).toBe(0)
})

test('an honest writer whose inbox nobody drains turns to its spool, and all arrives later', async () => {
  const spoolFile = join(redis.home, 'executor.spool')
  const component = 'executor'
  const chain = 'crowded-run'
  const options = { link: trading, component, chain, clock: systemClock, spoolFile, inboxMax: 50 }
  const writer = new AuditWriter(options)
  const places: string[] = []
  for (let at = 1; at <= 400; at += 1) {
    const record = { action: 'TESTED', subject: String(at), correlationId: '' }
    const receipt = await writer.record(record)
    places.push(receipt.ok ? receipt.value.where : receipt.failure)
  }
  expect(await lengthOf(redisKeys.auditInbox('executor'))).toBeLessThan(60)
  expect(places.filter((place) => place === 'spool').length).toBeGreaterThan(300)
  const drain = createDrain(redis, link)
  const rows = await eventually(
    'all entries',
    async () => {
      await drain.settle()
      await writer.deliverSpool()
      const logged = await loggedEntries(link)
      return logged.length >= 400 && logged
    },
    20_000,
  )
  expect(rows.map(({ subject }) => Number(subject))).toEqual(
    Array.from({ length: 400 }, (_, at) => at + 1),
  )
  writer.close()
})

test('a number that had not arrived when it was sealed still gets in after a restart', async () => {
  const lines = chainOf('executor', 4)
  await pushTo(trading, 'executor', [lines[0]!, lines[1]!, lines[3]!])
  let tickMs = 0
  const clock = { ...systemClock, monotonicMs: () => tickMs }
  const drain = createDrain(redis, link, clock)
  await drain.settle()
  tickMs = 60_000
  await drain.settle()
  await drain.seal()
  expect(of(await loggedEntries(link), 'executor').map(({ subject }) => subject)).toEqual([
    '1',
    '2',
    '4',
  ])
  await pushTo(trading, 'executor', [lines[2]!])
  await createDrain(redis, link).settle()
  expect(of(await loggedEntries(link), 'executor').map(({ subject }) => subject)).toEqual([
    '1',
    '2',
    '4',
    '3',
  ])
})

test('an older append-only file put in place of the newer one is noticed at once', async () => {
  const files = redis.layout.redisDir
  const copy = join(redis.home, 'older')
  await pushTo(trading, 'executor', chainOf('executor', 3))
  const drain = createDrain(redis, link)
  await drain.settle()
  cpSync(files, copy, { recursive: true })
  await pushTo(trading, 'executor', chainOf('executor', 3))
  await drain.settle()
  await drain.seal()
  await drain.settle()
  await redis.kill()
  rmSync(files, { recursive: true })
  cpSync(copy, files, { recursive: true })
  await redis.restart()
  const fresh = await redis.link('safety', 'patient')
  const again = createDrain(redis, fresh)
  await again.settle()
  await again.settle()
  const rows = await loggedEntries(fresh)
  expect(rows.at(-1)).toMatchObject({ action: 'AUDIT_LOG_SHORTENED', writer: 'dead_man_switch' })
})
