import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { RedisKeyListener, RedisLink } from '@bulkhead/shared/runtime/redis-link.ts'
import { eventually } from '../../../support/eventually.ts'
import { startSafetyRedis, type TestRedis } from '../../../support/redis.ts'

const unhandled: unknown[] = []
const note = (error: unknown) => unhandled.push(error)

let redis: TestRedis
let isStopped = false
const signal = (name: 'SIGSTOP' | 'SIGCONT') => {
  redis.server().kill(name)
  isStopped = name === 'SIGSTOP'
}

beforeAll(async () => {
  process.on('unhandledRejection', note)
  redis = await startSafetyRedis()
})
afterEach(() => {
  if (isStopped) signal('SIGCONT')
})
afterAll(async () => {
  await redis.close()
  process.off('unhandledRejection', note)
  expect(unhandled).toEqual([])
})

const heartbeat = 'safety:heartbeat:executor'
const inbox = 'safety:audit:in:executor'
const set = (link: RedisLink, value: string) =>
  link.run((commands) => commands.set(heartbeat, value))
const valueNow = async () => {
  const admin = await redis.link('admin')
  const read = await admin.run((commands) => commands.get(heartbeat))
  return read.ok ? read.value : read.failure
}
const inboxNow = async () => {
  const admin = await redis.link('admin')
  const read = await admin.run((commands) => commands.lrange(inbox, 0, -1))
  return read.ok ? read.value : [read.failure.code]
}
const clientsNamed = async (name: string) => {
  const admin = await redis.link('admin')
  const read = await admin.run((commands) => commands.client('LIST') as Promise<string>)
  return read.ok ? read.value.split('\n').filter((line) => line.includes(`name=${name} `)) : []
}
const isBack = (link: RedisLink) => eventually('the link is back', () => link.isReady)

describe('a link to a server that does not answer', () => {
  test('reports a timed-out command within its deadline and gives the socket up at once', async () => {
    const link = await redis.link('trading')
    signal('SIGSTOP')
    const startedMs = performance.now()
    const late = await set(link, 'late')
    const tookMs = performance.now() - startedMs
    expect(late).toMatchObject({ ok: false, failure: { code: 'REDIS_TIMED_OUT' } })
    expect(tookMs).toBeGreaterThan(290)
    expect(tookMs).toBeLessThan(2_000)
    expect(link.isReady).toBe(false)
    const next = await set(link, 'next')
    expect(next).toMatchObject({ ok: false, failure: { code: 'REDIS_UNREACHABLE' } })
    signal('SIGCONT')
    await isBack(link)
  })

  /**
   * What can land late: exactly what the given-up socket had handed to the kernel before it was
   * destroyed, once, when the server reads it. Nothing of it is sent over another connection.
   */
  test('lets land late only what the old socket carried, and only once', async () => {
    const link = await redis.link('trading')
    signal('SIGSTOP')
    const timedOut = await link.run((commands) => commands.rpush(inbox, 'carried'))
    expect(timedOut).toMatchObject({ failure: { code: 'REDIS_TIMED_OUT' } })
    const refused = await link.run((commands) => commands.rpush(inbox, 'while-down'))
    expect(refused).toMatchObject({ failure: { code: 'REDIS_UNREACHABLE' } })
    signal('SIGCONT')
    await isBack(link)
    await link.run((commands) => commands.rpush(inbox, 'after'))
    await sleep(300)
    expect(await inboxNow()).toEqual(['carried', 'after'])
  })

  test('drops what Node still held back for the old socket', async () => {
    const link = await redis.link('trading')
    await (await redis.link('admin')).run((commands) => commands.del(inbox))
    signal('SIGSTOP')
    const filler = 'x'.repeat(4_000_000)
    const timedOut = await Promise.all([
      link.run((commands) => commands.rpush(inbox, filler)),
      link.run((commands) => commands.rpush(inbox, 'behind the filler')),
    ])
    expect(timedOut.every((result) => !result.ok)).toBe(true)
    signal('SIGCONT')
    await isBack(link)
    await sleep(2_500)
    expect(await inboxNow()).toEqual([])
  })

  test('answers every one of many calls, each within the deadline', async () => {
    const link = await redis.link('trading')
    signal('SIGSTOP')
    const startedMs = performance.now()
    const calls = Array.from({ length: 200 }, async (_, at) => {
      await sleep(at)
      return set(link, String(at))
    })
    const results = await Promise.all(calls)
    expect(results.some((result) => result.ok)).toBe(false)
    expect(performance.now() - startedMs).toBeLessThan(3_000)
    signal('SIGCONT')
    await isBack(link)
    expect((await set(link, 'again')).ok).toBe(true)
  })

  test('comes back when the server stood still while it was connecting', async () => {
    signal('SIGSTOP')
    const link = new RedisLink(redis.config('trading'), redis.password('trading'), 'test-early')
    link.open()
    expect(await link.waitUntilReady(1_200)).toBe(false)
    expect(await set(link, 'early')).toMatchObject({ failure: { code: 'REDIS_UNREACHABLE' } })
    signal('SIGCONT')
    await isBack(link)
    expect((await set(link, 'in time')).ok).toBe(true)
    link.close()
  })

  test('lets go of its socket at once when it is closed', async () => {
    const link = new RedisLink(redis.config('trading'), redis.password('trading'), 'test-closing')
    link.open()
    await link.waitUntilReady(5_000)
    signal('SIGSTOP')
    const pending = set(link, 'pending')
    link.close()
    const startedMs = performance.now()
    expect(await pending).toMatchObject({ ok: false, failure: { code: 'REDIS_TIMED_OUT' } })
    expect(performance.now() - startedMs).toBeLessThan(250)
    signal('SIGCONT')
    await eventually(
      'no client left',
      async () => (await clientsNamed('test-closing')).length === 0,
    )
    expect(await set(link, 'closed')).toMatchObject({ failure: { code: 'REDIS_UNREACHABLE' } })
  })
})

describe('a link to a server that is gone', () => {
  test('queues nothing while down and reconnects by itself', async () => {
    const link = await redis.link('trading')
    await set(link, 'before')
    await redis.kill()
    await eventually('the loss is noticed', () => !link.isReady)
    const down = await Promise.all([set(link, 'down-1'), set(link, 'down-2')])
    expect(down.map((result) => result.ok || result.failure.code)).toEqual([
      'REDIS_UNREACHABLE',
      'REDIS_UNREACHABLE',
    ])
    await redis.restart()
    await isBack(link)
    await sleep(200)
    expect(await valueNow()).toBe('before')
    expect((await set(link, 'after')).ok).toBe(true)
  })

  test('says that the outcome is unknown when the connection broke while waiting', async () => {
    const link = await redis.link('trading')
    signal('SIGSTOP')
    const pending = set(link, 'in the air')
    isStopped = false
    await redis.kill()
    expect(await pending).toMatchObject({ ok: false, failure: { code: 'REDIS_TIMED_OUT' } })
    await redis.restart()
    await isBack(link)
  })

  test('refuses calls before it was opened', async () => {
    const link = new RedisLink(redis.config('trading'), redis.password('trading'), 'test-unopened')
    expect(link.isReady).toBe(false)
    expect(await set(link, 'x')).toMatchObject({ failure: { code: 'REDIS_UNREACHABLE' } })
    expect(await link.waitUntilReady(20)).toBe(false)
    link.close()
  })

  test('says why it is not connected', async () => {
    const link = new RedisLink(redis.config('trading'), 'wrong password', 'test-wrong')
    link.open()
    const refused = await eventually('a reason', async () => {
      const result = await set(link, 'x')
      return !result.ok && result.failure.message.includes('WRONGPASS') ? result.failure : undefined
    })
    expect(refused.code).toBe('REDIS_UNREACHABLE')
    expect(refused.message).not.toContain('wrong password')
    link.close()
  })
})

describe('a call', () => {
  test('that Redis answers with an error is refused and costs no connection', async () => {
    const link = await redis.link('trading')
    const denied = await link.run((commands) => commands.get('safety:audit:log'))
    expect(denied).toMatchObject({ ok: false, failure: { code: 'REDIS_REFUSED' } })
    expect(link.isReady).toBe(true)
  })

  test('that throws or rejects by itself is a fault, not an exception', async () => {
    const link = await redis.link('trading')
    const thrown = await link.run(() => {
      throw new Error('at once')
    })
    const rejected = await link.run(() => Promise.reject(new Error('later')))
    const odd = await link.run(() => Promise.reject('no error object'))
    expect([thrown.ok, rejected.ok, odd.ok]).toEqual([false, false, false])
    expect(link.isReady).toBe(true)
  })

  test('that never settles ends at the deadline', async () => {
    const link = await redis.link('trading')
    const hung = await link.run(() => new Promise<string>(() => {}))
    expect(hung).toMatchObject({ ok: false, failure: { code: 'REDIS_TIMED_OUT' } })
    await isBack(link)
  })

  test('of two steps does not take its second step to the next connection', async () => {
    const link = await redis.link('trading')
    const broken = await link.run(async (commands) => {
      await commands.set(heartbeat, 'step one')
      commands.stream.destroy()
      await sleep(20)
      return commands.set(heartbeat, 'step two')
    })
    expect(broken).toMatchObject({ ok: false, failure: { code: 'REDIS_UNREACHABLE' } })
    await isBack(link)
    await sleep(100)
    expect(await valueNow()).toBe('step one')
  })

  test('that hangs over a reconnect does not take the new socket down with it', async () => {
    const link = await redis.link('trading')
    const hanging = (async () => {
      await sleep(150)
      return link.run(() => new Promise<string>(() => {}))
    })()
    await link.run(() => new Promise<string>(() => {}))
    await isBack(link)
    await hanging
    expect(link.isReady).toBe(true)
  })
})

describe('a key listener', () => {
  const pattern = '__keyspace@0__:safety:heartbeat:*'
  const listen = (onChange: (key: string) => void, patterns = [pattern]) =>
    new RedisKeyListener(
      redis.config('safety'),
      redis.password('safety'),
      'test-listener',
      patterns,
      onChange,
    )

  test('hears of a key that changed, and again after the server restarted', async () => {
    const heard: string[] = []
    const listener = listen((key) => heard.push(key))
    listener.open()
    const link = await redis.link('trading')
    const hears = () =>
      eventually('a notification', async () => {
        await set(link, String(heard.length))
        return heard.length > 0
      })
    await hears()
    await redis.restart()
    heard.length = 0
    await hears()
    expect(new Set(heard)).toEqual(new Set([heartbeat]))
    listener.close()
    await eventually('gone', async () => (await clientsNamed('test-listener')).length === 0)
  })

  test('hears again after the server stood still', async () => {
    const heard: string[] = []
    const listener = listen((key) => heard.push(key))
    listener.open()
    const link = await redis.link('trading')
    signal('SIGSTOP')
    await set(link, 'x')
    await sleep(700)
    signal('SIGCONT')
    await eventually('a notification', async () => {
      await set(link, 'y')
      return heard.length > 0
    })
    listener.close()
  })

  test('goes on trying quietly when its pattern is not allowed', async () => {
    const listener = listen(() => {}, ['*'])
    listener.open()
    await sleep(400)
    listener.close()
    await eventually('gone', async () => (await clientsNamed('test-listener')).length === 0)
  })
})
