import { spawnSync } from 'node:child_process'
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { tmpdir } from 'node:os'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { chainStart, hashOf, nextEntry } from '@bulkhead/shared/runtime/audit-chain.ts'
import { projectRoot } from '@bulkhead/shared/runtime/home.ts'
import { createLogger } from '@bulkhead/shared/runtime/log.ts'
import { AuditArchive } from '../../../control-plane/audit/archive.ts'
import { AuditFollower } from '../../../control-plane/audit/follower.ts'
import { runCli, writeStackFile } from '../../support/control-api.ts'
import { startSafetyRedis, type TestRedis } from '../../support/redis.ts'

const day = Date.UTC(2026, 10, 1)
const episode = 'episode-7'
let redis: TestRedis
let folder: string

beforeEach(async () => {
  redis = await startSafetyRedis()
  folder = mkdtempSync(join(tmpdir(), 'bulkhead-test-'))
  const { layout } = redis
  writeStackFile({ redis, url: 'http://127.0.0.1:9', keyFile: () => '/nonexistent' })
  const safety = await redis.link('safety', 'patient')
  let head = chainStart
  const rows: [string, ...string[]][] = []
  for (let at = 0; at < 60; at += 1) {
    const correlationId = at % 10 === 3 ? episode : ''
    const record = { action: 'TESTED', subject: String(at), correlationId }
    const entry = nextEntry(head, 'executor', 'export-run', BigInt(at), record)
    head = { seq: Number(entry.seq), hash: entry.hash }
    const id = `${day + at * 86_400_000}-0`
    rows.push([id, ...Object.entries(entry).flat()])
  }
  await safety.run((commands) =>
    Promise.all(rows.map((row) => commands.xadd('safety:audit:log', ...row))),
  )
  const archive = new AuditArchive(layout.auditArchiveFile)
  const log = createLogger('test', { level: 'silent' })
  await new AuditFollower(await redis.link('control', 'patient'), archive, log).tick()
  archive.close()
})
afterEach(async () => {
  await redis.close()
  rmSync(folder, { recursive: true })
})

const entriesOf = (text: string) =>
  text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, string>)
const subjectsOf = (text: string) => entriesOf(text).map(({ subject }) => Number(subject))
const days = (from: number, count: number) => Array.from({ length: count }, (_, at) => from + at)

test('TPP-RUNBOOK-7: the steps of the page extract audit data that a reviewer can check', () => {
  const page = readFileSync(join(projectRoot, 'docs/operate/audit.md'), 'utf8')
  const section = page.slice(page.indexOf('## Extract it for a review'))
  const steps = [...section.matchAll(/```sh\n([\s\S]*?)```/g)].map(([, step]) => step)
  expect(steps).toHaveLength(4)
  const home = join(folder, '.bulkhead')
  cpSync(redis.home, home, { recursive: true, filter: (file) => !file.endsWith('.sock') })
  mkdirSync(join(home, 'config'), { recursive: true })
  writeFileSync(join(home, 'data/audit/heads.jsonl'), '')
  writeFileSync(join(home, 'config/audit-seal.pub'), 'a key\n')
  const launcher = join(projectRoot, 'control-plane/cli/bulkhead.mjs')
  const verify = `"${process.execPath}" "${launcher}" audit verify --home "${redis.home}"`
  const script = steps
    .join('')
    .replaceAll('npx bulkhead audit verify', verify)
    .replaceAll('npx bulkhead audit export', `"${process.execPath}" "${launcher}" audit export`)
    .replaceAll('EPISODE', episode)
  const run = spawnSync('sh', ['-ec', script], {
    cwd: folder,
    encoding: 'utf8',
    env: { ...process.env, BULKHEAD_HOME: home },
  })
  expect(run.stderr).toContain('30 entries, 0 changed')
  expect(run.status).toBe(0)
  const read = (name: string) => readFileSync(join(folder, name), 'utf8')
  expect(JSON.parse(read('verdict.json'))).toMatchObject({ whole: true, first: null })
  expect(subjectsOf(read('november.jsonl'))).toEqual(days(0, 30))
  expect(subjectsOf(read('episode.jsonl'))).toEqual([3, 13, 23, 33, 43, 53])
  for (const { id, ...entry } of entriesOf(read('november.jsonl'))) {
    expect([id, hashOf(entry)]).toEqual([expect.stringMatching(/^\d+-0$/), entry['hash']])
  }
  expect(readdirSync(folder)).toEqual(expect.arrayContaining(['heads.jsonl', 'audit-seal.pub']))
  const sums = spawnSync('sha256sum', ['--check', 'SHA256SUMS'], { cwd: folder })
  expect(sums.status).toBe(0)
})

test('an export needs neither a stack nor Redis, and counts what was changed', async () => {
  await redis.kill()
  rmSync(redis.layout.stackFile)
  const span = ['--since', '2026-11-05T00:00:00Z', '--until', '2026-11-07T00:00:00+00:00']
  const good = await runCli(redis.home, ['audit', 'export', ...span])
  expect([good.code, subjectsOf(good.out)]).toEqual([0, [4, 5]])
  const database = new DatabaseSync(redis.layout.auditArchiveFile)
  database.exec('DROP TRIGGER audit_entries_update')
  database.exec(`UPDATE audit_entries SET entry = json_set(entry, '$.subject', '99')
    WHERE json_extract(entry, '$.seq') = '6'`)
  database.close()
  const changed = await runCli(redis.home, ['audit', 'export', ...span])
  expect([changed.code, changed.err]).toEqual([1, '2 entries, 1 changed since they were written\n'])
})

test('times that are none or have no zone, and an archive that is not there, are refused', async () => {
  const refused = async (...options: string[]) => {
    const { code, out } = await runCli(redis.home, ['audit', 'export', ...options])
    return [code, out]
  }
  expect(await refused('--since', 'yesterday')).toEqual([2, ''])
  expect(await refused('--until', '2026-11-05T00:00:00')).toEqual([2, ''])
  expect(await refused('--archive', '/nonexistent')).toEqual([3, ''])
})
