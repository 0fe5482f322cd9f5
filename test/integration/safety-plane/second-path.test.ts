import { readFileSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { redisKeys } from '@bulkhead/shared/contracts/redis-keys.ts'
import { eventually } from '../../support/eventually.ts'
import type { StartedProcess } from './support/process.ts'
import { createWorld, rest, rowsOf, type SafetyWorld } from './support/safety-world.ts'

const ladder = {
  softStopAfterMs: 1_000,
  hardStopAfterMs: 2_500,
  emergencyAfterMs: 60_000,
  bootGraceMs: 10_000,
  watchedHeartbeatIntervalMs: 50,
  pollIntervalMs: 50,
  redisGoneAfterMs: 300,
  redisSilentAfterMs: 300,
}
let world: SafetyWorld
let executor: StartedProcess
let orchestrator: StartedProcess

/** Whose silence reached which rung, in the words of the watcher's own log. */
const rungs = () =>
  readFileSync(String(world.config['logFile']), 'utf8')
    .split('\n')
    .filter((line) => line.includes('reached its threshold'))
    .map((line) => JSON.parse(line) as { level: string; component: string })
    .filter(({ component }) => component !== 'dead_man_switch')
const spool = () => readFileSync(world.redis.layout.auditSpoolFile('dead_man_switch'), 'utf8')

beforeEach(async () => {
  world = await createWorld({ ladder, liveness: { timeoutMs: 400 } })
  const watch = world.config['watch'] as { component: string; livenessSocket?: string }[]
  watch[0]!.livenessSocket = world.redis.layout.livenessSocket
  watch[1]!.livenessSocket = `${world.redis.layout.livenessSocket}.2`
  ;[executor, orchestrator] = await Promise.all([
    world.startComponent('executor'),
    world.startComponent('orchestrator'),
  ])
  await rest(world)
  await world.startSafety()
  await eventually('ready', async () => (await world.status())?.ready)
  await world.redis.kill()
  await eventually('the soft stop', async () => (await world.desk()).orders.length === 0)
})
afterEach(() => world.close())

const isAlive = ({ child }: StartedProcess) => child.exitCode === null && child.signalCode === null

async function redisBack(): Promise<void> {
  await world.redis.restart()
  await eventually('Redis is back', () => world.auditor.isReady)
}

/** The kill as the audit log tells it once Redis is back. */
async function raises() {
  await redisBack()
  return eventually('the raise on record', async () => {
    const raised = rowsOf(await world.audit(), 'EPISODE_RAISED')
    return raised.length > 0 ? raised : undefined
  })
}

describe('with the safety Redis lost', () => {
  test('an executor that hangs is severed, and what answers meanwhile climbs no rung', async () => {
    executor.child.kill('SIGSTOP')
    await eventually('the death of the executor', () => executor.child.signalCode === 'SIGKILL')
    expect(isAlive(orchestrator)).toBe(true)
    await eventually('the kill in the spool', () => spool().includes('KILL_VERIFIED'))
    expect(await raises()).toMatchObject([
      { level: 'L1', trigger: 'HEARTBEAT_STALE', component: 'executor' },
    ])
    const status = await eventually('the proof', async () => {
      const seen = await world.status()
      return seen?.episode?.confirmed ? seen : undefined
    })
    expect(status).toMatchObject({ kill_switch_mode: 'HARD_STOP', episode: { level: 'L1' } })
    expect(new Set(rungs().map(({ component }) => component))).toEqual(new Set(['executor']))
  })

  test('an executor that died raises the kill', async () => {
    await executor.kill()
    await eventually('the raise in the spool', () => spool().includes('EPISODE_RAISED'))
    expect(await raises()).toMatchObject([{ level: 'L1', component: 'executor' }])
    expect(isAlive(orchestrator)).toBe(true)
  })

  test('SAFE_MODE outlasts the loss, which alone kills nobody', async () => {
    await redisBack()
    const status = await eventually('a new status', async () => {
      const seen = await world.status()
      return seen?.kill_switch_mode === 'NORMAL' ? undefined : seen
    })
    expect(status).toMatchObject({ kill_switch_mode: 'SOFT_STOP', watchdog_state: 'SAFE_MODE' })
    await eventually('the state in Redis', async () => {
      const kept = await world.auditor.run((redis) => redis.get(redisKeys.watchdogState))
      return kept.ok && kept.value === 'SAFE_MODE'
    })
    expect([isAlive(executor), isAlive(orchestrator)]).toEqual([true, true])
    expect(rowsOf(await world.audit(), 'EPISODE_RAISED')).toEqual([])
  })
})
