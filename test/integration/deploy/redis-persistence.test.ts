import { readFileSync, statSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { redisUsers } from '../../../deploy/redis/users.ts'
import { startSafetyRedis, type TestRedis } from '../../support/redis.ts'

describe('safety Redis persistence', () => {
  let redis: TestRedis
  beforeAll(async () => {
    redis = await startSafetyRedis()
  })
  afterAll(() => redis.close())

  test('an acknowledged write is there after SIGKILL and restart', async () => {
    const safety = await redis.link('safety')
    await safety.run((commands) => commands.xadd('safety:audit:log', '*', 'action', 'BEFORE_KILL'))
    await redis.restart()
    expect(await safety.waitUntilReady(5_000)).toBe(true)
    const entries = await safety.run((commands) => commands.xrange('safety:audit:log', '-', '+'))
    expect(JSON.stringify(entries)).toContain('BEFORE_KILL')
  })

  test('runs with the settings that the design demands', async () => {
    const safety = await redis.link('safety')
    const settings = await safety.run((commands) =>
      commands.config(
        'GET',
        'appendonly',
        'appendfsync',
        'save',
        'maxmemory-policy',
        'protected-mode',
      ),
    )
    expect(settings).toMatchObject({ ok: true })
    const text = JSON.stringify(settings)
    for (const value of ['"yes"', '"always"', '"noeviction"']) expect(text).toContain(value)
  })

  test('passwords are random, differ, and only their owner can read them', () => {
    const passwords = redisUsers.map((user) => {
      const file = redis.files.logins[user].passwordFile
      expect(statSync(file).mode & 0o777).toBe(0o400)
      return readFileSync(file, 'utf8').trim()
    })
    expect(new Set(passwords).size).toBe(redisUsers.length)
    for (const password of passwords) expect(password).toMatch(/^[0-9a-f]{64}$/)
    const aclFile = readFileSync(`${redis.layout.redisDir}/users.acl`, 'utf8')
    for (const password of passwords) expect(aclFile).not.toContain(password)
  })
})
