import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { RedisLink } from '@bulkhead/shared/runtime/redis-link.ts'
import { eventually } from '../../support/eventually.ts'
import { spawnNode } from './support/process.ts'
import { createWorld, rest, type SafetyWorld } from './support/safety-world.ts'

const mainFile = join(import.meta.dirname, '../../../safety-plane/dead-man-switch/main.ts')

let world: SafetyWorld
let admin: RedisLink
beforeAll(async () => {
  world = await createWorld()
  admin = await world.redis.link('admin')
})
afterAll(() => world.close())

async function refusalOf(parts: Record<string, unknown>, launcher: readonly string[] = []) {
  const file = join(world.redis.home, 'config', 'refused.json')
  writeFileSync(file, JSON.stringify({ ...world.config, ...parts }))
  const started = spawnNode(mainFile, ['--config', file], launcher)
  const code = await started.exited
  return { code, stderr: started.stderr() }
}

const exchange = (parts: Record<string, unknown>) => ({
  exchange: { ...(world.config['exchange'] as object), ...parts },
})

test.each<[string, () => Record<string, unknown>]>([
  ['SAFETY_KEY_IS_TRADING_KEY', () => exchange({ tradingClientId: 'safety' })],
  ['SECRET_UNREADABLE', () => exchange({ clientSecretFile: 'no-such-file' })],
  ['OPERATORS_UNREADABLE', () => ({ operatorsFile: 'no-such-file' })],
  ['CGROUP_MOUNT_INVALID', () => ({ cgroupMount: world.redis.home })],
  ['STATE_DIR_UNWRITABLE', () => ({ stateDir: join(world.configFile, 'below-a-file') })],
  ['CONFIG_INVALID', () => ({ nobody_knows: 1 })],
])('does not start with %s', async (fault, parts) => {
  mkdirSync(join(world.redis.home, 'config'), { recursive: true })
  writeFileSync(world.configFile, '{}')
  const refusal = await refusalOf(parts())
  expect(refusal.code).toBe(2)
  expect(refusal.stderr).toContain(fault)
})

test('does not start with an operators file that others may read', async () => {
  const file = join(world.redis.home, 'operators-open')
  writeFileSync(file, JSON.stringify(world.operators))
  chmodSync(file, 0o444)
  expect(await refusalOf({ operatorsFile: file })).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('OPERATORS_TOO_OPEN') as string,
  })
})

test('does not start with a container command that counts on a shell', async () => {
  const command = 'KILL_CONTAINER_CMD_EXECUTOR=docker kill executor; reboot'
  expect(await refusalOf({}, ['env', command])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('CONTAINER_COMMAND_NEEDS_SHELL') as string,
  })
})

test('lists every fault of the host at once', async () => {
  const { stderr } = await refusalOf({ operatorsFile: 'none', cgroupMount: world.redis.home })
  expect(stderr).toContain('OPERATORS_UNREADABLE')
  expect(stderr).toContain('CGROUP_MOUNT_INVALID')
  expect(stderr).toContain('2 fault(s)')
})

test.each([
  ['REDIS_NOT_SYNCING_ALWAYS', 'appendfsync', 'everysec', 'always'],
  ['REDIS_EVICTS', 'maxmemory-policy', 'allkeys-lru', 'noeviction'],
  ['REDIS_SNAPSHOTS', 'save', '60 1', ''],
  ['REDIS_NOTIFICATIONS_OFF', 'notify-keyspace-events', '', 'K$l'],
  ['REDIS_NOT_APPENDING', 'appendonly', 'no', 'yes'],
])('does not start on a Redis with %s', async (fault, name, wrong, right) => {
  await admin.run((redis) => redis.config('SET', name, wrong))
  const refusal = await refusalOf({})
  await admin.run((redis) => redis.config('SET', name, right))
  expect(refusal.code).toBe(2)
  expect(refusal.stderr).toContain(fault)
})

test('stops cleanly on SIGTERM and takes its registration back', async () => {
  const safety = await world.startSafety()
  const registered = async () => {
    const read = await admin.run((redis) => redis.exists('safety:pid:dead_man_switch'))
    return read.ok ? read.value : Number.NaN
  }
  expect(await registered()).toBe(1)
  safety.child.kill('SIGTERM')
  expect(await safety.exited).toBe(0)
  expect(await registered()).toBe(0)
})

test('without a reachable Redis starts blind and stops softly', async () => {
  const alone = await createWorld()
  try {
    await rest(alone)
    await alone.redis.kill()
    await alone.startSafety()
    await eventually('our order gone', async () => (await alone.desk()).orders.length === 0)
  } finally {
    await alone.close()
  }
})
