import { readFileSync, statSync } from 'node:fs'
import { createConnection } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { RedisLink } from '@bulkhead/shared/runtime/redis-link.ts'
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

  test('so is a transaction, and a value that took the place of an expired one', async () => {
    const [safety, guard] = [await redis.link('safety'), await redis.link('admin')]
    const inbox = 'safety:audit:in:executor:in-work'
    await guard.run((commands) => commands.rpush(inbox, 'moved'))
    await guard.run((commands) => commands.set('safety:progress:test', 'old', 'PX', 1))
    await safety.run((commands) =>
      commands.multi().xadd('safety:audit:log', '*', 'a', 'b').lrem(inbox, 1, 'moved').exec(),
    )
    await guard.run((commands) => commands.set('safety:progress:test', 'new'))
    const read = (link: RedisLink) =>
      link.run((commands) =>
        Promise.all([
          commands.xlen('safety:audit:log'),
          commands.llen(inbox),
          commands.get('safety:progress:test'),
        ]),
      )
    const before = await read(guard)
    await redis.restart()
    expect(await guard.waitUntilReady(5_000)).toBe(true)
    expect(before).toMatchObject({ ok: true, value: [expect.any(Number), 0, 'new'] })
    expect(await read(guard)).toEqual(before)
  })

  test('nobody gets in without a name, although the default user has every right', async () => {
    const socket = createConnection(redis.layout.redisSocket)
    socket.write(
      'PING\r\nAUTH default x\r\nAUTH x\r\nSET a b\r\nXTRIM safety:audit:log MAXLEN 0\r\n',
    )
    let replies = ''
    socket.on('data', (bytes) => (replies += bytes.toString()))
    await expect.poll(() => replies.split('\r\n').length, { timeout: 10_000 }).toBe(6)
    socket.destroy()
    expect(replies.match(/^-\w+/gm)).toEqual([
      '-NOAUTH',
      '-WRONGPASS',
      '-WRONGPASS',
      '-NOAUTH',
      '-NOAUTH',
    ])
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
