import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { checkConfig, loadConfig } from '@bulkhead/shared/runtime/config.ts'

const schema = z.strictObject({
  logFile: z.string(),
  pollMs: z.int().min(10).max(1_000).default(100),
  redis: z.strictObject({ socketPath: z.string(), tries: z.int().min(1).max(5) }),
  limits: z.array(z.strictObject({ usd: z.number().max(1e6) }).readonly()).default([]),
})
const whole = { logFile: '/log', redis: { socketPath: '/run/redis.sock', tries: 3 } }

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'bulkhead-test-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const fileWith = (text: string) => {
  const file = join(folder, 'config.json')
  writeFileSync(file, text)
  return file
}
const faultsOf = (raw: unknown) => {
  const checked = checkConfig(schema, raw)
  return checked.ok ? [] : checked.failure
}
const loaded = (raw: unknown) => {
  const checked = checkConfig(schema, raw)
  if (!checked.ok) throw new Error(JSON.stringify(checked.failure))
  return checked.value
}

describe('configuration', () => {
  test('is read from its file with the defaults filled in', () => {
    const read = loadConfig(schema, fileWith(JSON.stringify(whole)))
    expect(read).toMatchObject({ ok: true, value: { config: { ...whole, pollMs: 100 } } })
  })

  test('reports all faults at once, each with the path of its key', () => {
    const faults = faultsOf({
      pollMs: 5,
      redis: { socketPath: 7, tries: 2, retries: 1 },
      limits: [{ usd: 1 }, { usd: 2e6 }],
      extra: true,
    })
    expect(faults.map(({ path }) => path).toSorted()).toEqual([
      '(top level)',
      'limits.1.usd',
      'logFile',
      'pollMs',
      'redis',
      'redis.socketPath',
    ])
    expect(new Set(faults.map(({ code }) => code))).toEqual(new Set(['CONFIG_INVALID']))
  })

  test.each<[string, unknown, string, RegExp]>([
    ['an unknown key', { ...whole, pollMS: 1 }, '(top level)', /pollMS/],
    ['an unknown nested key', { ...whole, redis: { ...whole.redis, port: 1 } }, 'redis', /port/],
    ['a wrong type', { ...whole, logFile: 7 }, 'logFile', /string/],
    ['a number as text', { ...whole, pollMs: '100' }, 'pollMs', /number/],
    ['a fraction', { ...whole, pollMs: 10.5 }, 'pollMs', /int/],
    ['a missing key', { redis: whole.redis }, 'logFile', /string/],
    ['a null', { ...whole, redis: null }, 'redis', /object/],
    ['a number above its bound', { ...whole, pollMs: 1_001 }, 'pollMs', /1000/],
    ['a list in place of an object', [], '(top level)', /object/],
  ])('refuses %s and names it', (_what, raw, path, message) => {
    const faults = faultsOf(raw)
    expect(faults).toHaveLength(1)
    expect(faults[0]?.path).toBe(path)
    expect(faults[0]?.message).toMatch(message)
  })

  test('says that a file cannot be read', () => {
    const file = join(folder, 'absent.json')
    const read = loadConfig(schema, file)
    expect(read).toMatchObject({
      ok: false,
      failure: [{ code: 'CONFIG_FILE_UNREADABLE', path: file }],
    })
  })

  test.each(['', '{"logFile":', '{logFile: 1}', '\ufeff{}'])('says that %j is not JSON', (text) => {
    expect(loadConfig(schema, fileWith(text))).toMatchObject({
      ok: false,
      failure: [{ code: 'CONFIG_NOT_JSON' }],
    })
  })

  test('is frozen at every depth, also below what the schema froze itself', () => {
    const { config } = loaded({ ...whole, limits: [{ usd: 1 }] })
    const parts = [config, config.redis, config.limits, config.limits[0]]
    expect(parts.every((part) => Object.isFrozen(part))).toBe(true)
    const nested = z.strictObject({ a: z.strictObject({ b: z.strictObject({}) }).readonly() })
    const checked = checkConfig(nested, { a: { b: {} } })
    expect(checked.ok && Object.isFrozen(checked.value.config.a.b)).toBe(true)
  })

  test('has the same fingerprint whatever the order of its keys', () => {
    const turned = { redis: { tries: 3, socketPath: '/run/redis.sock' }, logFile: '/log' }
    expect(loaded(turned).configHash).toBe(loaded(whole).configHash)
    expect(loaded(whole).configHash).toMatch(/^[0-9a-f]{64}$/)
  })

  test('has the same fingerprint when a default is written out, another when a value differs', () => {
    expect(loaded({ ...whole, pollMs: 100 }).configHash).toBe(loaded(whole).configHash)
    expect(loaded({ ...whole, pollMs: 101 }).configHash).not.toBe(loaded(whole).configHash)
  })

  test('keeps its fingerprint from release to release', () => {
    expect(loaded(whole).configHash).toMatchInlineSnapshot(
      `"915b37ff6d07e5f09e70286a155a3659e733fe3927bdd2386d22ebd16af29b12"`,
    )
  })
})
