import { spawnSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { redisKeys } from '@bulkhead/shared/contracts/redis-keys.ts'
import { readSeals } from '@bulkhead/shared/runtime/audit-seal.ts'
import { verifyAuditTrail } from '@bulkhead/shared/runtime/audit-verify.ts'
import { checkSeals } from '@bulkhead/shared/runtime/audit-verify-seals.ts'
import { AuditWriter } from '@bulkhead/shared/runtime/audit-writer.ts'
import { createLogger } from '@bulkhead/shared/runtime/log.ts'
import type { RedisLink } from '@bulkhead/shared/runtime/redis-link.ts'
import { recordOfFields } from '@bulkhead/shared/runtime/stream-fields.ts'
import { systemClock } from '@bulkhead/shared/runtime/system-clock.ts'
import { SealFile } from '@bulkhead/safety-plane/audit/seals.ts'
import { LogTrimmer } from '@bulkhead/safety-plane/audit/trim.ts'
import { AuditArchive, readArchive } from '../../../control-plane/audit/archive.ts'
import { ArchiveClaims } from '../../../control-plane/audit/claims.ts'
import { AuditFollower } from '../../../control-plane/audit/follower.ts'
import { startSafetyRedis, type TestRedis } from '../../support/redis.ts'
import { chainOf, createDrain, loggedEntries, pushTo } from './support/audit-world.ts'

const kept = { entriesKept: 10, ageKeptMs: 100 }
const log = createLogger('test', { level: 'silent' })
const lines = chainOf('executor', 60)
let redis: TestRedis
let safety: RedisLink
let control: RedisLink
let trading: RedisLink
let archiveFile: string
let archive: AuditArchive

beforeEach(async () => {
  redis = await startSafetyRedis()
  ;[safety, control, trading] = await Promise.all([
    redis.link('safety', 'patient'),
    redis.link('control', 'patient'),
    redis.link('trading', 'patient'),
  ])
  mkdirSync(redis.layout.auditDir, { recursive: true })
  archiveFile = redis.layout.auditArchiveFile
  archive = new AuditArchive(archiveFile)
})
afterEach(async () => {
  archive.close()
  await redis.close()
})

/** The wall clock an hour on, so that what was just written is old. */
const later = { ...systemClock, wallMs: () => Date.now() + 3_600_000 }

const claims = (clock = later) =>
  new ArchiveClaims({ link: control, archiveFile, kept, intervalMs: 0, clock, log })
const follow = () => new AuditFollower(control, archive, log).tick()

function trimmer(clock = later): LogTrimmer {
  const component = 'dead_man_switch'
  const spoolFile = redis.layout.auditSpoolFile(component)
  const chain = randomUUID()
  const options = { link: safety, component, chain, clock: systemClock, spoolFile } as const
  const seals = new SealFile(redis.layout.auditHeadsFile, null)
  seals.read()
  const writer = new AuditWriter(options)
  const settle = () => createDrain(redis, safety).settle()
  return new LogTrimmer({ link: safety, writer, seals, kept, settle, clock, log })
}

async function record(entries: readonly string[], seal = true): Promise<void> {
  await pushTo(trading, 'executor', entries)
  const drain = createDrain(redis, safety)
  await drain.settle()
  if (seal) await drain.seal()
  await drain.settle()
}

async function faults() {
  const rows = await safety.run((commands) => commands.xrange(redisKeys.auditLog, '-', '+'))
  if (!rows.ok) throw new Error(rows.failure.message)
  const { sealed } = checkSeals(readSeals(redis.layout.auditHeadsFile), null)
  const where = 'log' as const
  const found = rows.value.map(([place, fields]) => ({
    where,
    place,
    fields: recordOfFields(fields),
  }))
  const archived = [...readArchive(archiveFile)].map(({ id, entry }) => ({
    where: 'archive' as const,
    place: id,
    fields: entry,
  }))
  return verifyAuditTrail({ archive: archived, log: found, pending: [], sealed }).faults
}

const lengthNow = async () => (await loggedEntries(safety)).length

test('what is archived, sealed and old leaves the log, and chains go on whole', async () => {
  await record(lines.slice(0, 40))
  await follow()
  await claims().tick()
  expect(await trimmer().tick()).toBe('trim')
  expect(await lengthNow()).toBe(kept.entriesKept + 1)
  await record(lines.slice(40))
  const rows = await loggedEntries(safety)
  expect(rows.filter(({ writer }) => writer === 'executor').at(-1)).toMatchObject({ seq: '60' })
  expect(rows.find(({ action }) => action === 'LOG_TRIMMED')).toMatchObject({ entries: '31' })
  expect(await faults()).toEqual([])
  expect(await trimmer().tick()).toBe('done')
})

test('nothing leaves before it is archived', async () => {
  await record(lines)
  await claims().tick()
  expect(await trimmer().tick()).toBeUndefined()
  expect(await lengthNow()).toBe(61)
})

test('nothing leaves before a seal covers it', async () => {
  await record(lines, false)
  await follow()
  await claims().tick()
  expect(await trimmer().tick()).toBe('CLAIM_NOT_SEALED')
  expect(await lengthNow()).toBe(60)
})

test('nothing leaves while it is young, and the archive does not even ask', async () => {
  await record(lines)
  await follow()
  const young = { ...systemClock, wallMs: () => Date.now() - 60_000 }
  await claims(young).tick()
  expect(await trimmer().tick()).toBeUndefined()
  await claims().tick()
  expect(await trimmer(young).tick()).toBe('CLAIM_TOO_YOUNG')
  expect(await lengthNow()).toBe(61)
})

test.each([
  ['edited', `UPDATE audit_entries SET entry = json_set(entry, '$.subject', 'x')`],
  ['lost', 'DELETE FROM audit_entries'],
])('an archive with an entry that was %s claims nothing', async (_what, statement) => {
  await record(lines)
  await follow()
  const database = new DatabaseSync(archiveFile)
  for (const name of ['update', 'delete']) database.exec(`DROP TRIGGER audit_entries_${name}`)
  database.exec(`${statement} WHERE json_extract(entry, '$.seq') = '7'`)
  database.close()
  const asked = claims()
  await asked.tick()
  expect(asked.differs).toBe(true)
  expect(await trimmer().tick()).toBeUndefined()
  expect(await lengthNow()).toBe(61)
})

test.each([
  ['no claim at all', 'x', 'CLAIM_MALFORMED'],
  [
    'a claim on what the log does not hold',
    JSON.stringify({ through_id: '99999999999999-0', entries: 1, digest: 'a'.repeat(64) }),
    'CLAIM_DIFFERS_FROM_LOG',
  ],
])('%s trims nothing and is told once', async (_what, text, reason) => {
  await record(lines)
  await control.run((commands) => commands.set(redisKeys.auditArchived, text))
  const looking = trimmer()
  expect([await looking.tick(), await looking.tick()]).toEqual([reason, reason])
  await createDrain(redis, safety).settle()
  const rows = await loggedEntries(safety)
  const refused = rows.filter(({ action }) => action === 'LOG_TRIM_REFUSED')
  expect(refused.map((row) => row['reason'])).toEqual([reason])
  expect(rows).toHaveLength(62)
})

test('an archive that was closed in the middle goes on where it ended', async () => {
  await record(lines.slice(0, 20))
  await follow()
  archive.close()
  await record(lines.slice(20))
  archive = new AuditArchive(archiveFile)
  await follow()
  const seqs = [...readArchive(archiveFile)]
    .filter(({ entry }) => entry['writer'] === 'executor')
    .map(({ entry }) => Number(entry['seq']))
  expect(seqs).toEqual(Array.from({ length: 60 }, (_, at) => at + 1))
})

/** A file system of one's own needs root. */
if (process.getuid?.() === 0) {
  test('an archive on a full disk says so, claims nothing, and goes on when there is room', async () => {
    const mount = join(redis.home, 'disk')
    mkdirSync(mount)
    expect(spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=192k', 'tmpfs', mount]).status).toBe(0)
    try {
      archive.close()
      archiveFile = join(mount, 'archive.sqlite')
      archive = new AuditArchive(archiveFile)
      await record(chainOf('executor', 120, undefined, 'x'.repeat(4_000)))
      const follower = new AuditFollower(control, archive, log)
      await follower.tick()
      expect(follower.state).toBe('ARCHIVE_FAILED')
      await claims().tick()
      expect(await trimmer().tick()).toBeUndefined()
      expect(await lengthNow()).toBe(121)
      expect(spawnSync('mount', ['-o', 'remount,size=16m', mount]).status).toBe(0)
      await follower.tick()
      expect(follower.state).toBe('FOLLOWING')
      await claims().tick()
      expect(await trimmer().tick()).toBe('trim')
      expect(await faults()).toEqual([])
    } finally {
      archive.close()
      spawnSync('umount', ['-l', mount])
      archive = new AuditArchive(redis.layout.auditArchiveFile)
    }
  })
}
