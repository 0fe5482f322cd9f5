import { afterAll, beforeAll, expect, test } from 'vitest'
import { redisKeys } from '@bulkhead/shared/contracts/redis-keys.ts'
import type { RedisLink } from '@bulkhead/shared/runtime/redis-link.ts'
import { eventually } from '../../support/eventually.ts'
import type { StartedProcess } from './support/process.ts'
import { createWorld, killCommand, rowsOf, type SafetyWorld } from './support/safety-world.ts'

let world: SafetyWorld
let admin: RedisLink
let executor: StartedProcess

beforeAll(async () => {
  const ladder = {
    softStopAfterMs: 1_000,
    hardStopAfterMs: 60_000,
    emergencyAfterMs: 120_000,
    bootGraceMs: 20_000,
    watchedHeartbeatIntervalMs: 50,
    pollIntervalMs: 50,
  }
  world = await createWorld({ ladder })
  admin = await world.redis.link('admin')
  const [one] = await Promise.all([
    world.startComponent('executor'),
    world.startComponent('orchestrator'),
  ])
  executor = one
  await world.startSafety()
  await eventually('ready', async () => (await world.status())?.ready)
})
afterAll(() => world.close())

test('heartbeats that are text, negative, endless or no string at all are silence', async () => {
  const key = redisKeys.heartbeat('executor')
  executor.child.kill('SIGSTOP')
  const odd = ['alive', '-1', '1e30', '9'.repeat(40), '0x10', ' 7 ', '']
  let at = 0
  await eventually('the soft stop, whatever stands there', async () => {
    const value = odd[at % (odd.length + 1)]
    at += 1
    await admin.run((redis) => redis.del(key))
    if (value === undefined) await admin.run((redis) => redis.hset(key, { beat: '1' }))
    else await admin.run((redis) => redis.set(key, value))
    return (await world.status())?.kill_switch_mode === 'SOFT_STOP'
  })
  const [start] = await eventually('the start on record', async () => {
    const rows = rowsOf(await world.audit(), 'EPISODE_STARTED')
    return rows.length > 0 ? rows : undefined
  })
  expect(start).toMatchObject({ trigger: 'HEARTBEAT_STALE', component: 'executor', level: 'L0' })
})

test('a registry of the wrong type neither hides who is known nor leads to a stranger', async () => {
  await admin.run((redis) => redis.set(redisKeys.pid('executor'), 'no hash'))
  await admin.run((redis) => redis.set(redisKeys.rbacOperator('admin'), 'no hash either'))
  await admin.run((redis) => redis.set(redisKeys.progress('orchestrator'), '7'))
  const refused = await world.send(killCommand('L1'))
  // A record that cannot be read gives no right; the command waits until it can be.
  await admin.run((redis) => redis.del(redisKeys.rbacOperator('admin')))
  expect(await world.ackOf(refused)).toMatchObject({ outcome: 'EXECUTED' })
  await eventually('the death of the executor', () => executor.child.signalCode === 'SIGKILL')
  const rows = await eventually('the kills on record', async () => {
    const kills = rowsOf(await world.audit(), 'KILL_VERIFIED')
    return kills.length > 0 ? kills : undefined
  })
  expect(rows).toMatchObject([{ component: 'executor', method: 'pid' }])
})

test('two commands at once are each answered once and make one kill', async () => {
  const [soft, hard] = [killCommand('L0'), killCommand('L2')]
  await Promise.all([world.send(soft), world.send(hard)])
  const acks = await Promise.all([soft, hard].map(({ command_id: id }) => world.ackOf(id)))
  expect(acks.map(({ outcome }) => outcome)).toEqual(['EXECUTED', 'EXECUTED'])
  expect(new Set(acks.map(({ episode }) => episode)).size).toBe(1)
  await eventually('the emergency', async () => {
    return (await world.status())?.kill_switch_mode === 'EMERGENCY'
  })
  expect(rowsOf(await world.audit(), 'EPISODE_STARTED')).toHaveLength(1)
})
