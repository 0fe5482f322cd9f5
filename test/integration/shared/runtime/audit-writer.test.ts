import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { AuditEntry } from '@bulkhead/shared/contracts/audit-entry.ts'
import { chainIdOf } from '@bulkhead/shared/runtime/audit-chain.ts'
import { AuditWriter, type AuditWriterOptions } from '@bulkhead/shared/runtime/audit-writer.ts'
import { verifyAuditChains } from '@bulkhead/shared/runtime/audit-verify.ts'
import type { RedisLink } from '@bulkhead/shared/runtime/redis-link.ts'
import { systemClock } from '@bulkhead/shared/runtime/system-clock.ts'
import { eventually } from '../../../support/eventually.ts'
import { startSafetyRedis, type TestRedis } from '../../../support/redis.ts'

const inbox = 'safety:audit:in:executor'
let redis: TestRedis
let link: RedisLink
let admin: RedisLink
let folder: string
let spoolFile: string
let runs = 0

beforeAll(async () => {
  redis = await startSafetyRedis()
})
afterAll(() => redis.close())
beforeEach(async () => {
  if (redis.server().signalCode !== null) await redis.restart()
  link = await redis.link('trading')
  admin = await redis.link('admin')
  await admin.run((commands) => commands.del(inbox))
  folder = mkdtempSync(join(tmpdir(), 'bulkhead-test-'))
  spoolFile = join(folder, 'audit', 'executor.spool')
})
afterEach(() => {
  redis.server().kill('SIGCONT')
  link.close()
  rmSync(folder, { recursive: true, force: true })
})

function writerOf(options: Partial<AuditWriterOptions> = {}): AuditWriter {
  runs += 1
  const chain = `run-${String(runs).padStart(5, '0')}`
  return new AuditWriter({
    link,
    component: 'executor',
    chain,
    clock: systemClock,
    spoolFile,
    ...options,
  })
}
const recordOf = (subject: string) => ({ action: 'TESTED', subject, correlationId: '' })
const wroteTo = async (writer: AuditWriter, subject: string) => {
  const receipt = await writer.record(recordOf(subject))
  return receipt.ok ? receipt.value.where : receipt.failure
}
async function delivered(): Promise<AuditEntry[]> {
  const lines = await admin.run((commands) => commands.lrange(inbox, 0, -1))
  if (!lines.ok) throw new Error(lines.failure.message)
  return lines.value.map((line) => JSON.parse(line) as AuditEntry)
}
const subjectsOf = (entries: readonly AuditEntry[]) => entries.map(({ subject }) => subject)
const faultsOf = (entries: readonly AuditEntry[]) => verifyAuditChains(entries).faults
const goDown = async () => {
  await redis.kill()
  await eventually('the loss is noticed', () => !link.isReady)
}
const comeBack = async () => {
  await redis.restart()
  for (const opened of [link, admin]) expect(await opened.waitUntilReady(5_000)).toBe(true)
}

describe('audit writer', () => {
  test('pushes entries to the inbox in the order of the calls, chained, and gives receipts', async () => {
    const writer = writerOf()
    const subjects = Array.from({ length: 250 }, (_, at) => `s-${at}`)
    const receipts = await Promise.all(subjects.map((subject) => writer.record(recordOf(subject))))
    const entries = await delivered()
    expect(subjectsOf(entries)).toEqual(subjects)
    expect(faultsOf(entries)).toEqual([])
    expect(receipts.map((receipt) => receipt.ok && receipt.value)).toEqual(
      entries.map(({ seq, hash }) => ({ seq: Number(seq), hash, where: 'redis' })),
    )
    expect(writer.head).toEqual({ seq: 250, hash: entries[249]?.hash })
    expect(existsSync(spoolFile)).toBe(false)
  })

  test('spools while Redis is down and delivers in order when it is back', async () => {
    const writer = writerOf()
    expect(await wroteTo(writer, 'before')).toBe('redis')
    await goDown()
    expect(await wroteTo(writer, 'down-1')).toBe('spool')
    expect(await wroteTo(writer, 'down-2')).toBe('spool')
    expect(await writer.deliverSpool()).toEqual({ ok: false, failure: 'REDIS_UNREACHABLE' })
    await comeBack()
    expect(await writer.deliverSpool()).toEqual({ ok: true, value: 2 })
    expect(await wroteTo(writer, 'after')).toBe('redis')
    const entries = await delivered()
    expect(subjectsOf(entries)).toEqual(['before', 'down-1', 'down-2', 'after'])
    expect(faultsOf(entries)).toEqual([])
  })

  test('lets no entry overtake one that still waits in the spool', async () => {
    const writer = writerOf()
    await goDown()
    await wroteTo(writer, 'down')
    await comeBack()
    const late = await Promise.all(['a', 'b', 'c'].map((subject) => wroteTo(writer, subject)))
    expect(late).toEqual(['spool', 'spool', 'spool'])
    await eventually('all delivered', async () => (await delivered()).length >= 4)
    await eventually('direct again', async () => (await wroteTo(writer, 'd')) === 'redis')
    const entries = await delivered()
    expect(subjectsOf(entries).slice(0, 4)).toEqual(['down', 'a', 'b', 'c'])
    expect(faultsOf(entries)).toEqual([])
    writer.close()
  })

  test('keeps the chain whole when Redis stops answering amid many calls', async () => {
    const writer = writerOf()
    await wroteTo(writer, 'before')
    redis.server().kill('SIGSTOP')
    const calls = Array.from({ length: 300 }, (_, at) => wroteTo(writer, `s-${at}`))
    const startedMs = performance.now()
    expect(new Set(await Promise.all(calls))).toEqual(new Set(['spool']))
    expect(performance.now() - startedMs).toBeLessThan(10_000)
    redis.server().kill('SIGCONT')
    await link.waitUntilReady(5_000)
    expect(await writer.deliverSpool()).toMatchObject({ ok: true })
    const entries = await delivered()
    expect(faultsOf(entries)).toEqual([])
    expect(new Set(subjectsOf(entries)).size).toBe(301)
    expect(verifyAuditChains(entries).heads.get(chainIdOf(entries[0] as AuditEntry))).toEqual(
      writer.head,
    )
  })

  test('delivers what a crashed run left, torn line excluded, before its own spool', async () => {
    const crashed = writerOf()
    await goDown()
    await wroteTo(crashed, 'left behind')
    crashed.close()
    writeFileSync(spoolFile, '{"torn', { flag: 'a' })
    const writer = writerOf()
    expect(await wroteTo(writer, 'own')).toBe('spool')
    await comeBack()
    expect(await writer.deliverSpool()).toEqual({ ok: true, value: 2 })
    const entries = await delivered()
    expect(subjectsOf(entries)).toEqual(['left behind', 'own'])
    expect(faultsOf(entries)).toEqual([])
  })

  test('records in Redis at once although an older run left a spool', async () => {
    const crashed = writerOf()
    await goDown()
    await wroteTo(crashed, 'left behind')
    await comeBack()
    expect(await wroteTo(writerOf(), 'own')).toBe('redis')
  })

  test('says that it is unavailable when neither Redis nor the disk takes an entry', async () => {
    writeFileSync(dirname(spoolFile), 'in the way')
    const writer = writerOf()
    await goDown()
    expect(await wroteTo(writer, 'a')).toBe('AUDIT_UNAVAILABLE')
    expect(await wroteTo(writer, 'b')).toBe('AUDIT_UNAVAILABLE')
    await comeBack()
    expect(await wroteTo(writer, 'c')).toBe('redis')
    const entries = await delivered()
    expect(subjectsOf(entries)).toEqual(['a', 'b', 'c'])
    expect(faultsOf(entries)).toEqual([])
  })

  test('keeps the chain whole when the spool is full', async () => {
    const writer = writerOf({ spoolBytesMax: 800 })
    await goDown()
    const outcomes = []
    for (const subject of ['a', 'b', 'c', 'd']) outcomes.push(await wroteTo(writer, subject))
    expect(outcomes).toEqual(['spool', 'spool', 'AUDIT_UNAVAILABLE', 'AUDIT_UNAVAILABLE'])
    await comeBack()
    await writer.deliverSpool()
    expect(await wroteTo(writer, 'e')).toBe('redis')
    const entries = await delivered()
    expect(subjectsOf(entries)).toEqual(['a', 'b', 'c', 'd', 'e'])
    expect(faultsOf(entries)).toEqual([])
  })

  test('refuses one entry more than its bound without a gap in the chain', async () => {
    const writer = writerOf({ inFlightMax: 2 })
    const outcomes = await Promise.all(['a', 'b', 'c'].map((subject) => wroteTo(writer, subject)))
    expect(outcomes).toEqual(['redis', 'redis', 'AUDIT_UNAVAILABLE'])
    expect(await wroteTo(writer, 'd')).toBe('redis')
    expect(faultsOf(await delivered())).toEqual([])
  })

  test('keeps a bound on what it remembers while nothing can be recorded', async () => {
    writeFileSync(dirname(spoolFile), 'in the way')
    const writer = writerOf({ inFlightMax: 3 })
    await goDown()
    for (let at = 0; at < 10; at += 1) expect(await wroteTo(writer, 'x')).toBe('AUDIT_UNAVAILABLE')
    await comeBack()
    await eventually('recorded again', async () => (await wroteTo(writer, 'z')) === 'redis')
    const entries = await delivered()
    expect(subjectsOf(entries).slice(0, 3)).toEqual(['x', 'x', 'x'])
    expect(faultsOf(entries)).toEqual([])
  })

  test('has nothing to deliver when nothing was spooled', async () => {
    expect(await writerOf().deliverSpool()).toEqual({ ok: true, value: 0 })
  })

  test('says that the spool cannot be read, and does not reject', async () => {
    mkdirSync(`${spoolFile}.draining`, { recursive: true })
    expect(await writerOf().deliverSpool()).toEqual({ ok: false, failure: 'SPOOL_UNREADABLE' })
  })
})
