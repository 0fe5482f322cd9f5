import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createLogger, runId } from '@bulkhead/shared/runtime/log.ts'

let folder: string
let file: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'bulkhead-test-'))
  file = join(folder, 'log', 'executor.log')
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const secret = 'hunter2-Zm9v"\\x'
const written = () => readFileSync(file, 'utf8')
const lines = () =>
  written()
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>)

describe('logs', () => {
  test('carry component, run, process, level in words and ISO time', () => {
    createLogger('executor', { file }).warn({ orders: 3 }, 'book is stale')
    expect(lines()).toEqual([
      {
        level: 'warn',
        time: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/) as string,
        component: 'executor',
        run_id: runId,
        pid: process.pid,
        orders: 3,
        msg: 'book is stale',
      },
    ])
  })

  test('stand in the file when the call returns, in a file for its owner only', () => {
    const log = createLogger('executor', { file })
    log.info('one')
    expect(lines()).toHaveLength(1)
    expect(statSync(file).mode & 0o777).toBe(0o600)
  })

  test('say nothing below their level', () => {
    createLogger('executor', { file, level: 'error' }).warn('quiet')
    expect(written()).toBe('')
  })

  test.each([
    'secret',
    'password',
    'clientSecret',
    'client_secret',
    'apiSecret',
    'apiKey',
    'api_key',
    'key',
    'key_hex',
    'masterKey',
    'signature',
    'sig',
    'token',
    'accessToken',
    'refresh_token',
    'Authorization',
    'passphrase',
  ])('replace the value of %s at any depth', (name) => {
    const log = createLogger('executor', { file })
    log.info({ [name]: secret }, 'flat')
    log.info({ a: { [name]: secret } }, 'nested')
    log.info({ a: { b: { [name]: secret } } }, 'deeper')
    if (!['key', 'sig'].includes(name)) {
      log.info({ a: [{ b: { c: { d: [{ [name]: secret }] } } }] }, 'deepest')
    }
    expect(written()).not.toContain('hunter2')
    expect(lines().every((line) => typeof line['msg'] === 'string')).toBe(true)
    expect(written()).toContain('[redacted]')
  })

  test('replace secrets in texts that quote a request', () => {
    const log = createLogger('executor', { file })
    const error = new Error('GET /auth?client_id=me&client_secret=hunter2&scope=all failed')
    log.error({ err: error }, 'deri-hmac-sha256 id=me,ts=1,sig=hunter2,nonce=5')
    expect(written()).not.toContain('hunter2')
    expect(written()).toContain('client_id=me&client_secret=[redacted]&scope=all')
    expect(written()).toContain('id=me,ts=1,sig=[redacted],nonce=5')
  })

  test('leave out the arguments of a failed Redis command, which for AUTH are the password', () => {
    const command = { name: 'auth', args: ['safety', secret] }
    const error = Object.assign(new Error('WRONGPASS'), { command })
    createLogger('executor', { file }).error({ err: error }, 'no connection')
    expect(written()).not.toContain('hunter2')
    expect(written()).toContain('WRONGPASS')
  })

  test('take time in proportion to the length of a line', () => {
    const log = createLogger('executor', { file })
    const startedMs = performance.now()
    for (const part of ['x', 'secret', 'secret":"', 'sig=', '\\', '"']) {
      log.info(part.repeat(200_000 / part.length))
    }
    expect(performance.now() - startedMs).toBeLessThan(2_000)
  })

  test('keep what is no secret', () => {
    createLogger('executor', { file }).info({ keyspace: 'a', signal: 'SIGTERM', design: 'x' }, 'ok')
    expect(lines()[0]).toMatchObject({ keyspace: 'a', signal: 'SIGTERM', design: 'x' })
  })

  test('lose lines on a full disk, not the process', () => {
    const log = createLogger('executor', { file: '/dev/full' })
    const big = 'x'.repeat(100_000)
    for (let line = 0; line < 50; line += 1) expect(() => log.info(big)).not.toThrow()
  })
})
