import { mkdirSync, readFileSync } from 'node:fs'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { redisKeys } from '@bulkhead/shared/contracts/redis-keys.ts'
import { verifyAuditChains } from '@bulkhead/shared/runtime/audit-verify.ts'
import type { RedisLink } from '@bulkhead/shared/runtime/redis-link.ts'
import { SealFile } from '@bulkhead/safety-plane/audit/seals.ts'
import { startSafetyRedis, type TestRedis } from '../../support/redis.ts'
import { chainOf, createDrain, loggedEntries, pushTo } from './support/audit-world.ts'

let redis: TestRedis
let link: RedisLink
let trading: RedisLink

beforeEach(async () => {
  redis = await startSafetyRedis()
  link = await redis.link('safety')
  trading = await redis.link('trading')
  mkdirSync(redis.layout.auditDir, { recursive: true })
})
afterEach(() => redis.close())

const push = (lines: readonly string[], component = 'executor') => pushTo(trading, component, lines)
const logged = () => loggedEntries(link)
const subjects = async () => (await logged()).map(({ subject }) => subject)
const left = async (component = 'executor') => {
  const key = redisKeys.auditInWork(component)
  const read = await link.run((commands) => commands.llen(key))
  return read.ok ? read.value : Number.NaN
}

test('entries of several writers reach the log once each, in order, and verify', async () => {
  await push(chainOf('executor', 200))
  await push(chainOf('orchestrator', 30), 'orchestrator')
  await createDrain(redis, link).settle()
  const rows = await logged()
  expect(rows).toHaveLength(230)
  expect(verifyAuditChains(rows)).toMatchObject({ entries: 230, faults: [] })
  expect([await left(), await left('orchestrator')]).toEqual([0, 0])
})

test('a restart at any point of the way neither loses nor repeats an entry', async () => {
  const lines = chainOf('executor', 6)
  const inbox = redisKeys.auditInbox('executor')
  const inWork = redisKeys.auditInWork('executor')
  await push(lines.slice(0, 3))
  await createDrain(redis, link).settle()
  // One entry was appended but not yet let go of, the next one only taken off the inbox.
  await link.run((commands) => commands.rpush(redisKeys.auditInbox('dead_man_switch'), 'x'))
  await push([lines[2]!, lines[3]!])
  await link.run((commands) => commands.lmove(inbox, inWork, 'LEFT', 'RIGHT'))
  await push(lines.slice(4))
  await createDrain(redis, link).settle()
  const rows = (await logged()).filter(({ writer }) => writer === 'executor')
  expect(rows.map(({ subject }) => subject)).toEqual(['1', '2', '3', '4', '5', '6'])
  expect(await left()).toBe(0)
})

test('an entry that overtook another waits for it, also over a restart', async () => {
  const lines = chainOf('executor', 4)
  await push([lines[0]!, lines[2]!, lines[3]!])
  await createDrain(redis, link).settle()
  expect(await subjects()).toEqual(['1'])
  await push([lines[1]!])
  await createDrain(redis, link).settle()
  expect(await subjects()).toEqual(['1', '2', '3', '4'])
})

test('a spool delivered twice leaves no trace of the second time', async () => {
  const lines = chainOf('executor', 5)
  await push(lines)
  const drain = createDrain(redis, link)
  await drain.settle()
  await push(lines)
  await drain.settle()
  await createDrain(redis, link).settle()
  expect(await subjects()).toEqual(['1', '2', '3', '4', '5'])
})

test('what is no entry of its writer is reported and does not hold up the rest', async () => {
  const lines = chainOf('executor', 2)
  await push([lines[0]!, 'no json', ...chainOf('dead_man_switch', 1), lines[1]!])
  const drain = createDrain(redis, link)
  await drain.settle()
  await drain.settle()
  const rows = await logged()
  expect(rows.filter(({ writer }) => writer === 'executor')).toHaveLength(2)
  const rejected = rows.filter(({ action }) => action === 'AUDIT_ENTRY_REJECTED')
  expect(rejected.map(({ subject, count }) => [subject, count])).toEqual([['executor', '2']])
})

test('heads are sealed outside Redis and inside it, and betray a cut tail', async () => {
  await push(chainOf('executor', 3))
  const drain = createDrain(redis, link)
  await drain.settle()
  await drain.seal()
  await drain.settle()
  const rows = await logged()
  const { state } = new SealFile(redis.layout.auditHeadsFile, null).read()
  expect(rows.at(-1)).toMatchObject({ action: 'HEADS_SEALED', chains: '1' })
  expect(verifyAuditChains(rows, state).faults).toEqual([])
  const cut = rows.filter(({ subject }) => subject !== '3')
  expect(verifyAuditChains(cut, state).faults).toMatchObject([
    { code: 'SEALED_HEAD_MISSING', writer: 'executor', seq: 3 },
  ])
})

test('nothing is sealed while nothing but the last seal is new', async () => {
  await push(chainOf('executor', 1))
  const drain = createDrain(redis, link)
  for (let at = 0; at < 5; at += 1) {
    await drain.settle()
    await drain.seal()
  }
  const lines = readFileSync(redis.layout.auditHeadsFile, 'utf8').trim().split('\n')
  expect(lines).toHaveLength(1)
})

test('entries wait in the inbox while Redis is away and all arrive afterwards', async () => {
  const drain = createDrain(redis, link)
  await push(chainOf('executor', 2))
  await drain.settle()
  await redis.restart()
  const again = await redis.link('trading')
  const lines = chainOf('executor', 3)
  await again.run((commands) => commands.rpush(redisKeys.auditInbox('executor'), ...lines))
  const fresh = await redis.link('safety')
  await createDrain(redis, fresh).settle()
  expect(await subjects()).toHaveLength(5)
})
