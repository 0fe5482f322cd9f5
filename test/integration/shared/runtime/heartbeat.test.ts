import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Clock } from '@bulkhead/shared/kernel/clock.ts'
import { HeartbeatEmitter } from '@bulkhead/shared/runtime/heartbeat.ts'
import type { RedisLink } from '@bulkhead/shared/runtime/redis-link.ts'
import { eventually } from '../../../support/eventually.ts'
import { startSafetyRedis, type TestRedis } from '../../../support/redis.ts'

/** A clock that the test turns. */
class HandClock implements Clock {
  tickMs = 1_000
  wallTimeMs = 1_763_625_600_000
  monotonicMs = () => this.tickMs
  wallMs = () => this.wallTimeMs
  wallNs = () => BigInt(this.wallTimeMs) * 1_000_000n
}

let redis: TestRedis
let link: RedisLink
let admin: RedisLink
let clock: HandClock
beforeAll(async () => {
  redis = await startSafetyRedis()
  link = await redis.link('trading')
  admin = await redis.link('admin')
})
afterAll(() => redis.close())
beforeEach(() => {
  clock = new HandClock()
})

const beatKey = 'safety:heartbeat:executor'
const progressKey = 'safety:progress:executor'
const read = async <T>(call: Parameters<typeof admin.run<T>>[0]) => {
  const result = await admin.run(call)
  if (!result.ok) throw new Error(result.failure.message)
  return result.value
}
const valueNow = async () => BigInt((await read((commands) => commands.get(beatKey))) ?? '-1')
const ttlNow = (key: string) => read((commands) => commands.pttl(key))
const outcome = (result: Awaited<ReturnType<HeartbeatEmitter['beat']>>) =>
  result.ok ? result.value : result.failure.code

describe('heartbeat', () => {
  test('writes the wall time in nanoseconds and the progress that stands behind it', async () => {
    const emitter = new HeartbeatEmitter(link, 'executor', clock)
    expect(outcome(await emitter.beat({ tick: '7', ledger_seq: '41' }))).toBe(true)
    expect(await valueNow()).toBe(1_763_625_600_000_000_000n)
    expect(await read((commands) => commands.hgetall(progressKey))).toEqual({
      tick: '7',
      ledger_seq: '41',
      beat_ns: '1763625600000000000',
    })
  })

  test('ST-16: lives six seconds in the safety Redis after its last beat, its progress too', async () => {
    const emitter = new HeartbeatEmitter(link, 'executor', clock)
    await emitter.beat({ tick: '1' })
    for (const key of [beatKey, progressKey]) {
      const ttlMs = await ttlNow(key)
      expect(ttlMs).toBeGreaterThan(5_500)
      expect(ttlMs).toBeLessThanOrEqual(6_000)
    }
    await sleep(3_000)
    clock.tickMs += 3_000
    await emitter.beat({ tick: '2' })
    expect(await ttlNow(beatKey)).toBeGreaterThan(5_500)
    await sleep(5_600)
    expect(await read((commands) => commands.exists(beatKey, progressKey))).toBe(2)
    const left = () => read((commands) => commands.exists(beatKey, progressKey))
    await eventually('both expired', async () => (await left()) === 0, 600)
  })

  test('is written no more often than its interval says, by the monotonic clock', async () => {
    const emitter = new HeartbeatEmitter(link, 'executor', clock, 500)
    const outcomes: unknown[] = []
    for (const advanceMs of [0, 0, 100, 390, 10, 499, 5_000]) {
      clock.tickMs += advanceMs
      clock.wallTimeMs += 60_000
      outcomes.push(outcome(await emitter.beat({})))
    }
    expect(outcomes).toEqual([true, false, false, false, true, true, true])
  })

  test('keeps the pace of a loop whose timer fires a little early', async () => {
    const emitter = new HeartbeatEmitter(link, 'executor', clock, 500)
    for (const advanceMs of [0, 499.1, 500.2, 498.9]) {
      clock.tickMs += advanceMs
      expect(outcome(await emitter.beat({}))).toBe(true)
    }
  })

  test('has a value that grows at every beat, even when the wall clock stands still or steps back', async () => {
    const emitter = new HeartbeatEmitter(link, 'executor', clock)
    const values: bigint[] = []
    for (const stepMs of [0, 0, -3_600_000, 1, 7_200_000]) {
      clock.tickMs += 500
      clock.wallTimeMs += stepMs
      await emitter.beat({})
      values.push(await valueNow())
    }
    const grows = values.every((value, at) => at === 0 || value > (values[at - 1] as bigint))
    expect(grows).toBe(true)
    expect(values[4]).toBe(BigInt(clock.wallTimeMs) * 1_000_000n)
  })

  test('never has two beats under way', async () => {
    const emitter = new HeartbeatEmitter(link, 'executor', clock)
    const first = emitter.beat({ tick: 'first' })
    clock.tickMs += 10_000
    expect(emitter.isDue).toBe(false)
    expect(outcome(await emitter.beat({ tick: 'second' }))).toBe(false)
    expect(outcome(await first)).toBe(true)
    expect(emitter.isDue).toBe(true)
  })

  test('reports a Redis that is silent within the deadline and beats again when it is back', async () => {
    const emitter = new HeartbeatEmitter(link, 'executor', clock)
    redis.server().kill('SIGSTOP')
    try {
      expect(outcome(await emitter.beat({}))).toBe('REDIS_TIMED_OUT')
      clock.tickMs += 500
      expect(outcome(await emitter.beat({}))).toBe('REDIS_UNREACHABLE')
    } finally {
      redis.server().kill('SIGCONT')
    }
    await link.waitUntilReady(5_000)
    clock.tickMs += 500
    expect(outcome(await emitter.beat({}))).toBe(true)
  })

  test('says nothing by itself: a loop that is stuck falls silent', async () => {
    const emitter = new HeartbeatEmitter(link, 'executor', clock)
    await emitter.beat({})
    const before = await valueNow()
    clock.tickMs += 60_000
    await sleep(600)
    expect(await valueNow()).toBe(before)
    expect(emitter.isDue).toBe(true)
  })
})
