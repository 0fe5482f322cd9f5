import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { eventually } from '../../support/eventually.ts'
import {
  createWorld,
  killCommand,
  rest,
  rowsOf,
  type SafetyWorld,
  takePosition,
} from './support/safety-world.ts'

let world: SafetyWorld
afterEach(() => world.close())

/** Phase that the file on the disk says is under way. */
function phaseOnDisk(): string | null {
  const file = join(world.redis.layout.safetyStateDir, 'episode.json')
  const stored = JSON.parse(readFileSync(file, 'utf8')) as {
    state: { episode: { current: string | null } | null }
  }
  return stored.state.episode?.current ?? null
}

const delay = (method: string, delayMs: number) =>
  world.venue.control('POST', '/faults', { kind: 'delay', match: { method }, delayMs })

test.each([
  ['mass_cancel', 'private/cancel_all'],
  ['in_flight_wait', null],
  ['sweep', 'private/get_open_orders'],
  ['close', 'private/get_positions'],
])('a safety plane killed during %s ends the episode with proof', async (phase, slowMethod) => {
  world = await createWorld()
  const [executor] = await Promise.all([
    world.startComponent('executor'),
    world.startComponent('orchestrator'),
  ])
  await takePosition(world)
  await rest(world)
  const safety = await world.startSafety()
  await eventually('ready', async () => (await world.status())?.ready)
  if (slowMethod !== null) await delay(slowMethod, 400)
  const { episode } = await world.ackOf(await world.send(killCommand('L2')))
  await eventually(phase, () => phaseOnDisk() === phase)
  await safety.kill()
  expect(phaseOnDisk()).toBe(phase)
  await world.venue.control('DELETE', '/faults')

  await world.startSafety()
  const ended = await eventually('the proof', async () => {
    const status = await world.status()
    return status?.episode?.confirmed ? status : undefined
  })
  expect(ended.episode).toMatchObject({ episode, level: 'L2', finished: true })
  expect(executor.child.signalCode).toBe('SIGKILL')
  expect(await world.desk()).toEqual({ orders: [], positions: [] })
  const rows = await eventually('the end on record', async () => {
    const audit = await world.audit()
    return rowsOf(audit, 'EPISODE_FINISHED').length > 0 ? audit : undefined
  })
  expect(rowsOf(rows, 'EPISODE_STARTED')).toHaveLength(1)
  expect(rowsOf(rows, 'EPISODE_RESUMED')).toMatchObject([{ phase, correlation_id: episode }])
  const finished = rowsOf(rows, 'PHASE_FINISHED').map((row) => row['phase'])
  expect(new Set(finished.slice(0, finished.indexOf('state') + 1)).size).toBe(
    finished.indexOf('state') + 1,
  )
})

test('a safety plane killed again and again still ends the episode', async () => {
  world = await createWorld()
  await Promise.all([world.startComponent('executor'), world.startComponent('orchestrator')])
  await rest(world)
  let safety = await world.startSafety()
  await eventually('ready', async () => (await world.status())?.ready)
  await world.ackOf(await world.send(killCommand('L1')))
  for (const lifeMs of [5, 40, 90, 160]) {
    await new Promise((resolve) => setTimeout(resolve, lifeMs))
    await safety.kill()
    safety = await world.startSafety()
  }
  await eventually('the proof', async () => (await world.status())?.episode?.confirmed)
  expect((await world.desk()).orders).toEqual([])
  expect(await world.status()).toMatchObject({ kill_switch_mode: 'HARD_STOP' })
})

test('a switch that only Redis remembers is proven anew, never taken for open', async () => {
  world = await createWorld()
  await Promise.all([world.startComponent('executor'), world.startComponent('orchestrator')])
  const admin = await world.redis.link('admin')
  const thrown = { mode: 'HARD_STOP', episode: 'lost-episode', reason: 'OPERATOR_COMMAND' }
  await admin.run((redis) =>
    redis.hset('safety:killswitch:state', { ...thrown, since_ns: '1', generation: '41' }),
  )
  await rest(world)
  await world.startSafety()
  const status = await eventually('the proof', async () => {
    const seen = await world.status()
    return seen?.episode?.confirmed ? seen : undefined
  })
  expect(status.episode).toMatchObject({ episode: 'lost-episode', trigger: 'RECORDED_STATE' })
  expect(status.kill_switch_mode).toBe('HARD_STOP')
  const state = await admin.run((redis) => redis.hget('safety:killswitch:state', 'generation'))
  expect(state).toMatchObject({ value: '42' })
  expect((await world.desk()).orders).toEqual([])
})

test('a switch that Redis remembers is not lowered by a start without Redis', async () => {
  world = await createWorld()
  await Promise.all([world.startComponent('executor'), world.startComponent('orchestrator')])
  const thrown = { mode: 'HARD_STOP', episode: 'lost-episode', reason: 'OPERATOR_COMMAND' }
  const admin = await world.redis.link('admin')
  await admin.run((redis) =>
    redis.hset('safety:killswitch:state', { ...thrown, since_ns: '1', generation: '41' }),
  )
  await world.redis.kill()
  await rest(world)
  await world.startSafety()
  await eventually('our order gone', async () => (await world.desk()).orders.length === 0)
  await world.redis.restart()
  const status = await eventually('the proof at the recorded level', async () => {
    const seen = await world.status()
    return seen?.kill_switch_mode === 'HARD_STOP' ? seen : undefined
  })
  expect(status.episode?.level).toBe('L1')
  const rows = await eventually('the raise on record', async () => {
    const raised = rowsOf(await world.audit(), 'EPISODE_RAISED')
    return raised.length > 0 ? raised : undefined
  })
  expect(rows).toMatchObject([{ level: 'L1', trigger: 'RECORDED_STATE' }])
})

test('a state that somebody wiped from Redis is put back', async () => {
  world = await createWorld()
  await Promise.all([world.startComponent('executor'), world.startComponent('orchestrator')])
  await world.startSafety()
  await world.ackOf(await world.send(killCommand('L0')))
  await eventually('the proof', async () => (await world.status())?.episode?.confirmed)
  const admin = await world.redis.link('admin')
  await admin.run((redis) => redis.del('safety:killswitch:state'))
  await eventually('the state is back', async () => {
    const mode = await admin.run((redis) => redis.hget('safety:killswitch:state', 'mode'))
    return mode.ok && mode.value === 'SOFT_STOP'
  })
  expect(rowsOf(await world.audit(), 'SWITCH_STATE_WRITTEN').length).toBeGreaterThan(0)
})
