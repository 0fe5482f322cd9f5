import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { redisKeys } from '@bulkhead/shared/contracts/redis-keys.ts'
import type { RedisLink } from '@bulkhead/shared/runtime/redis-link.ts'
import { startSafetyRedis, type TestRedis } from '../../support/redis.ts'
import { spawnNode } from '../safety-plane/support/process.ts'

const mainFile = join(import.meta.dirname, '../../../trading-plane/start-condition/main.ts')

let redis: TestRedis
let admin: RedisLink
beforeAll(async () => {
  redis = await startSafetyRedis()
  admin = await redis.link('admin')
})
afterAll(() => redis.close())
beforeEach(() => admin.run((commands) => commands.del(redisKeys.killSwitchState)))

const setSwitch = (mode: string) =>
  admin.run((commands) =>
    commands.hset(redisKeys.killSwitchState, {
      mode,
      episode: mode === 'NORMAL' ? '' : 'episode-1',
      reason: mode === 'NORMAL' ? '' : 'OPERATOR_COMMAND',
      since_ns: '1',
      generation: '1',
    }),
  )

/** Runs the condition to its end. */
async function judge(parts: Record<string, unknown> = {}, waitMsMax = 300) {
  const file = join(redis.home, 'start_condition.json')
  writeFileSync(file, JSON.stringify({ redis: redis.config('trading'), waitMsMax, ...parts }))
  const run = spawnNode(mainFile, ['--config', file])
  const code = await run.exited
  return { code, stderr: run.stderr() }
}

test('lets the trading plane start while the switch is NORMAL', async () => {
  await setSwitch('NORMAL')
  expect(await judge()).toEqual({ code: 0, stderr: '' })
})

test.each(['SOFT_STOP', 'HARD_STOP', 'EMERGENCY'])(
  'refuses while the switch is %s',
  async (mode) => {
    await setSwitch(mode)
    expect(await judge({}, 30_000)).toEqual({
      code: 1,
      stderr: 'START_REFUSED KILL_SWITCH_THROWN\n',
    })
  },
)

test('refuses when there is no state, or one that nobody understands', async () => {
  const unknown = { code: 1, stderr: 'START_REFUSED KILL_SWITCH_UNKNOWN\n' }
  expect(await judge()).toEqual(unknown)
  await setSwitch('FINE')
  expect(await judge()).toEqual(unknown)
})

test('waits for the safety plane to write the state', async () => {
  const judged = judge({}, 10_000)
  await sleep(1_000)
  await setSwitch('NORMAL')
  expect(await judged).toEqual({ code: 0, stderr: '' })
})

test('refuses when Redis is not there', async () => {
  await setSwitch('NORMAL')
  const socketPath = join(redis.home, 'absent.sock')
  expect(await judge({ redis: { ...redis.config('trading'), socketPath } })).toEqual({
    code: 1,
    stderr: 'START_REFUSED SAFETY_REDIS_UNREACHABLE\n',
  })
})

test.each([
  ['the password file is missing', { redis: { passwordFile: 'none' } }, 'SECRET_UNREADABLE'],
  ['a key is unknown', { other: 1 }, 'CONFIG_INVALID'],
])('fails, which is not a refusal, when %s', async (_what, parts, fault) => {
  const { redis: overrides, ...others } = parts as { redis?: object }
  const judged = await judge({ redis: { ...redis.config('trading'), ...overrides }, ...others })
  expect(judged.code).toBe(255)
  expect(judged.stderr).toContain(fault)
})
