import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { redisKeys } from '@bulkhead/shared/contracts/redis-keys.ts'
import { hashOf } from '@bulkhead/shared/runtime/audit-chain.ts'
import { createLogger } from '@bulkhead/shared/runtime/log.ts'
import type { RedisLink } from '@bulkhead/shared/runtime/redis-link.ts'
import { recordOfFields } from '@bulkhead/shared/runtime/stream-fields.ts'
import { systemClock } from '@bulkhead/shared/runtime/system-clock.ts'
import type { AuditDrain } from '@bulkhead/safety-plane/audit/loop.ts'
import { SealFile } from '@bulkhead/safety-plane/audit/seals.ts'
import { AuditArchive } from '../../../control-plane/audit/archive.ts'
import { AuditFollower } from '../../../control-plane/audit/follower.ts'
import { runCli, writeStackFile } from '../../support/control-api.ts'
import { startSafetyRedis, type TestRedis } from '../../support/redis.ts'
import { chainOf, createDrain, pushTo } from '../safety-plane/support/audit-world.ts'

type Row = { readonly id: string; readonly fields: Readonly<Record<string, string>> }

/**
 * The true history: entries 1 to 12 of the executor are sealed and archived, 13 to 18 sealed, 19 to
 * 21 neither.
 */
const chain = 'executor-run'
let redis: TestRedis
let admin: RedisLink
let drain: AuditDrain
let sealKey: KeyObject
let rows: readonly Row[]
let olderRedisDir: string
let files: string

beforeAll(async () => {
  redis = await startSafetyRedis()
  const { layout, home } = redis
  mkdirSync(layout.auditDir, { recursive: true })
  mkdirSync(dirname(layout.auditSealPublicFile), { recursive: true })
  const keys = generateKeyPairSync('ed25519')
  sealKey = keys.privateKey
  const pem = String(keys.publicKey.export({ type: 'spki', format: 'pem' }))
  writeFileSync(layout.auditSealPublicFile, pem)
  writeStackFile({ redis, url: 'http://127.0.0.1:9', keyFile: () => '/nonexistent' })
  admin = await redis.link('admin', 'patient')
  const link = await redis.link('safety', 'patient')
  drain = createDrain(redis, link, systemClock, sealKey)
  const lines = chainOf('executor', 21, chain)
  await record(lines.slice(0, 12))
  await record(chainOf('orchestrator', 4), 'orchestrator')
  await seal()
  const archive = new AuditArchive(layout.auditArchiveFile)
  const log = createLogger('test', { level: 'fatal' })
  await new AuditFollower(await redis.link('control', 'patient'), archive, log).tick()
  archive.close()
  olderRedisDir = join(home, 'older-redis')
  cpSync(layout.redisDir, olderRedisDir, { recursive: true })
  await record(lines.slice(12, 18))
  await seal()
  await record(lines.slice(18))
  rows = await readRows()
  files = join(home, 'true-files')
  cpSync(layout.auditDir, files, { recursive: true })
})
afterAll(() => redis.close())

beforeEach(async () => {
  rmSync(redis.layout.auditDir, { recursive: true })
  cpSync(files, redis.layout.auditDir, { recursive: true })
  await writeRows(rows)
})

async function record(lines: readonly string[], component = 'executor'): Promise<void> {
  await pushTo(await redis.link('admin', 'patient'), component, lines)
  await drain.settle()
}

async function seal(): Promise<void> {
  await drain.seal()
  await drain.settle()
}

async function readRows(): Promise<Row[]> {
  const read = await admin.run((commands) => commands.xrange(redisKeys.auditLog, '-', '+'))
  if (!read.ok) throw new Error(read.failure.message)
  return read.value.map(([id, fields]) => ({ id, fields: recordOfFields(fields) }))
}

/** Replaces the log, as somebody with all rights on Redis can. */
async function writeRows(all: readonly Row[]): Promise<void> {
  const written = await admin.run((commands) =>
    Promise.all([
      commands.del(redisKeys.auditLog),
      ...all.map(({ id, fields }) =>
        commands.xadd(redisKeys.auditLog, id, ...Object.entries(fields).flat()),
      ),
    ]),
  )
  if (!written.ok) throw new Error(written.failure.message)
}

const at = (seq: number) =>
  rows.findIndex(({ fields }) => fields['chain'] === chain && fields['seq'] === String(seq))
const forge = (row: Row): Row => ({ ...row, fields: { ...row.fields, subject: 'forged' } })
const rehash = (row: Row): Row => ({
  ...row,
  fields: { ...row.fields, hash: hashOf(row.fields) },
})

/** Rewrites the executor's chain from `seq` on, every hash and link made right again. */
function rechained(seq: number): Row[] {
  let prev = rows[at(seq)]!.fields['prev']!
  return rows.map((row) => {
    if (row.fields['chain'] !== chain || Number(row.fields['seq']) < seq) return row
    const forged = forge({ ...row, fields: { ...row.fields, prev } })
    prev = hashOf(forged.fields)
    return rehash(forged)
  })
}

function inArchive(statement: string): void {
  const database = new DatabaseSync(redis.layout.auditArchiveFile)
  for (const name of ['insert', 'update', 'delete']) {
    database.exec(`DROP TRIGGER audit_entries_${name}`)
  }
  database.exec(statement)
  database.close()
}
const archivedSeq = (seq: number) =>
  `WHERE chain = '${chain}' AND json_extract(entry, '$.seq') = '${seq}'`

const seals = () => readFileSync(redis.layout.auditHeadsFile, 'utf8').trimEnd().split('\n')
const writeSeals = (lines: readonly string[]) =>
  writeFileSync(redis.layout.auditHeadsFile, lines.map((line) => `${line}\n`).join(''))

async function verify() {
  const { code, out, err } = await runCli(redis.home, ['audit', 'verify', '--json'])
  if (out === '') throw new Error(err)
  const summary = JSON.parse(out) as { whole: boolean; first: Record<string, unknown> | null }
  expect(code).toBe(summary.whole ? 0 : 1)
  return summary
}

test('a true history is whole', async () => {
  expect(await verify()).toMatchObject({ whole: true, first: null, archived: 17, seals: 2 })
})

describe('an attack on the log', () => {
  const attacks: readonly [string, () => readonly Row[], Record<string, unknown>][] = [
    ['deletes an entry', () => rows.toSpliced(at(14), 1), { code: 'SEQ_GAP', seq: 14 }],
    [
      'deletes an entry that is archived',
      () => rows.toSpliced(at(5), 1),
      { code: 'LOG_ENTRY_MISSING', seq: 5 },
    ],
    [
      'edits an entry',
      () => rows.with(at(20), forge(rows[at(20)]!)),
      { code: 'HASH_MISMATCH', seq: 20 },
    ],
    [
      'edits an entry and hashes it anew',
      () => rows.with(at(15), rehash(forge(rows[at(15)]!))),
      { code: 'PREV_MISMATCH', seq: 15 },
    ],
    [
      'edits an archived entry and hashes it anew',
      () => rows.with(at(5), rehash(forge(rows[at(5)]!))),
      { code: 'COPIES_DIFFER', seq: 5 },
    ],
    [
      'lets two entries change places',
      () =>
        rows
          .with(at(15), { ...rows[at(15)]!, fields: rows[at(16)]!.fields })
          .with(at(16), { ...rows[at(16)]!, fields: rows[at(15)]!.fields }),
      { code: 'SEQ_OUT_OF_ORDER', seq: 15 },
    ],
    [
      'cuts the end off',
      () => rows.slice(0, at(15)),
      { code: 'SEALED_HEAD_MISSING', seq: 15, untilSeq: 18 },
    ],
    ['empties it', () => [], { code: 'LOG_ENTRY_MISSING', seq: 1 }],
    [
      'forks a chain',
      () => {
        const id = rows.at(-1)!.id.replace(/^\d+/, (ms) => String(Number(ms) + 1))
        return [...rows, rehash(forge({ id, fields: rows[at(16)]!.fields }))]
      },
      { code: 'ENTRY_FORKED', seq: 16 },
    ],
    [
      'forges a chain from an entry on, every hash made right',
      () => rechained(14),
      { code: 'SEALED_HEAD_DIFFERS', seq: 13, untilSeq: 18 },
    ],
    [
      'forges it from an archived entry on',
      () => rechained(4),
      { code: 'COPIES_DIFFER', seq: 4, untilSeq: 4 },
    ],
  ]
  test.each(attacks)('%s', async (_what, attack, fault) => {
    await writeRows(attack())
    const expected = { writer: 'executor', chain, where: expect.any(String), ...fault }
    expect((await verify()).first).toMatchObject(expected)
  })

  test('that forges what is neither sealed nor archived is seen at the next seal', async () => {
    await writeRows(rechained(20))
    expect((await verify()).whole).toBe(true)
    await seal()
    expect((await verify()).first).toMatchObject({
      code: 'SEALED_HEAD_DIFFERS',
      writer: 'executor',
      seq: 19,
      untilSeq: 21,
    })
  })
})

describe('an attack on the archive', () => {
  test.each([
    [
      'edits an entry',
      () =>
        inArchive(
          `UPDATE audit_entries SET entry = json_set(entry, '$.subject', 'x') ${archivedSeq(5)}`,
        ),
      { code: 'HASH_MISMATCH', seq: 5, where: 'archive' },
    ],
    [
      'deletes an entry',
      () => inArchive(`DELETE FROM audit_entries ${archivedSeq(5)}`),
      { code: 'ARCHIVE_ENTRY_MISSING', seq: 5, where: 'archive' },
    ],
    [
      'overwrites the file',
      () => writeFileSync(redis.layout.auditArchiveFile, 'nothing to see here'),
      { code: 'LINE_UNREADABLE', where: 'archive' },
    ],
  ])('%s', async (_what, attack, fault) => {
    attack()
    expect((await verify()).first).toMatchObject(fault)
  })
})

describe('an attack on the seals', () => {
  test.each([
    [
      'edits a seal',
      () => writeSeals([seals()[0]!.replace(/"seq":\d+/, '"seq":1'), seals()[1]!]),
      { code: 'SEAL_FORGED', seq: 1 },
    ],
    ['removes the last seal', () => writeSeals([seals()[0]!]), { code: 'SEAL_MISSING', seq: 2 }],
    ['removes a seal', () => writeSeals([seals()[1]!]), { code: 'SEAL_CHAIN_BROKEN', seq: 2 }],
    [
      'makes seals with another key',
      () => {
        const file = redis.layout.auditHeadsFile
        const { state, lastId } = new SealFile(file, sealKey).read()
        rmSync(file)
        const forger = generateKeyPairSync('ed25519').privateKey
        new SealFile(file, forger).append(state, state, lastId, '1')
      },
      { code: 'SEAL_FORGED', seq: 1 },
    ],
  ])('%s', async (_what, attack, fault) => {
    attack()
    expect((await verify()).first).toMatchObject({ where: 'seals', ...fault })
  })
})

test('an older append-only file in place of the newer one is betrayed by the seals', async () => {
  await redis.kill()
  rmSync(redis.layout.redisDir, { recursive: true })
  cpSync(olderRedisDir, redis.layout.redisDir, { recursive: true })
  await redis.restart()
  expect((await verify()).first).toMatchObject({
    code: 'SEALED_HEAD_MISSING',
    writer: 'executor',
    seq: 13,
    untilSeq: 18,
  })
})
