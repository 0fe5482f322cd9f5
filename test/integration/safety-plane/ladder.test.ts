import { afterEach, expect, test } from 'vitest'
import { cancelStepsMax } from '@bulkhead/safety-plane/kill-sequence/cancel.core.ts'
import { eventually } from '../../support/eventually.ts'
import {
  createWorld,
  fastLadder,
  killCommand,
  rest,
  rowsOf,
  type SafetyWorld,
  takePosition,
} from './support/safety-world.ts'

/** Every rung can be seen for a while, also on a busy machine. */
const ladder = {
  ...fastLadder,
  softStopAfterMs: 1_000,
  hardStopAfterMs: 3_000,
  emergencyAfterMs: 6_000,
  bootGraceMs: 10_000,
}

const worlds: SafetyWorld[] = []
afterEach(async () => {
  for (const world of worlds.splice(0)) await world.close()
})

async function open(overrides: Readonly<Record<string, unknown>> = {}): Promise<SafetyWorld> {
  const world = await createWorld(overrides)
  worlds.push(world)
  return world
}

test('ST-01: a stopped component climbs the whole ladder and everything of ours is gone', async () => {
  const world = await open({ ladder })
  const [executor, orchestrator] = await Promise.all([
    world.startComponent('executor'),
    world.startComponent('orchestrator'),
  ])
  await takePosition(world)
  await rest(world)
  await rest(world, 'sell', true)
  await world.startSafety()
  await eventually('ready', async () => (await world.status())?.ready)

  process.kill(orchestrator.pid, 'SIGSTOP')

  await eventually(
    'soft stop',
    async () => (await world.status())?.kill_switch_mode === 'SOFT_STOP',
  )
  await eventually('only the reduce-only order rests', async () => {
    const { orders } = await world.desk()
    return orders.length === 1 && orders[0]!.reduce_only
  })
  expect(executor.child.signalCode).toBeNull()
  await eventually(
    'hard stop',
    async () => (await world.status())?.kill_switch_mode === 'HARD_STOP',
  )
  await executor.exited
  expect(executor.child.signalCode).toBe('SIGKILL')
  const done = await eventually('a proven emergency', async () => {
    const status = await world.status()
    return status?.episode?.level === 'L2' && status.episode.confirmed ? status : undefined
  })
  await orchestrator.exited
  expect(done).toMatchObject({ kill_switch_mode: 'EMERGENCY', watchdog_state: 'TRIGGERED' })
  expect(await world.desk()).toEqual({ orders: [], positions: [] })

  const rows = await eventually('the end in the audit log', async () => {
    const audit = await world.audit()
    const ends = rowsOf(audit, 'EPISODE_FINISHED').filter(
      ({ level, confirmed }) => level === 'L2' && confirmed === 'true',
    )
    return ends.length > 0 ? audit : undefined
  })
  const starts = [...rowsOf(rows, 'EPISODE_STARTED'), ...rowsOf(rows, 'EPISODE_RAISED')]
  expect(starts.map(({ level, component, trigger }) => [level, component, trigger])).toEqual([
    ['L0', 'orchestrator', 'HEARTBEAT_STALE'],
    ['L1', 'orchestrator', 'HEARTBEAT_STALE'],
    ['L2', 'orchestrator', 'HEARTBEAT_STALE'],
  ])
  for (const { overshoot_us } of starts) expect(Number(overshoot_us)).toBeGreaterThanOrEqual(0)
  const kills = rowsOf(rows, 'KILL_VERIFIED').filter(({ method }) => method === 'pid')
  expect(kills.map(({ component }) => component)).toEqual(['executor', 'orchestrator'])
  const sweeps = rowsOf(rows, 'PHASE_FINISHED').filter(({ phase }) => phase === 'sweep')
  expect(sweeps.at(-1)).toMatchObject({ read_1: '0', read_2: '0', outcome: 'confirmed' })
})

test('a dead component is found although Redis was away for a while', async () => {
  const world = await open({ ladder })
  const [executor] = await Promise.all([
    world.startComponent('executor'),
    world.startComponent('orchestrator'),
  ])
  await world.startSafety()
  await eventually('ready', async () => (await world.status())?.ready)
  await world.redis.restart()
  await executor.kill()
  await eventually('the emergency', async () => {
    const status = await world.status()
    return status?.episode?.level === 'L2' && status.episode.component === 'executor'
  })
})

test('a hard stop by an operator is not raised by the silence it caused', async () => {
  const world = await open({
    marketDataFailsafe: { component: 'market_data_adapter', heartbeatAgeMsMax: 1_000 },
  })
  const [executor, , marketData] = await Promise.all([
    world.startComponent('executor'),
    world.startComponent('orchestrator'),
    world.startComponent('market_data_adapter'),
  ])
  await takePosition(world)
  const safety = await world.startSafety()
  await eventually('ready', async () => (await world.status())?.ready)
  await world.ackOf(await world.send(killCommand('L1')))
  await executor.exited
  await marketData.kill()
  await eventually('the proof', async () => (await world.status())?.episode?.confirmed)
  await safety.kill()
  await world.startSafety()
  const status = await eventually('the end of the boot grace', async () => {
    const seen = await world.status()
    return (seen?.uptime_ms ?? 0) > fastLadder.bootGraceMs + 200 ? seen : undefined
  })
  expect(status).toMatchObject({ kill_switch_mode: 'HARD_STOP', episode: { confirmed: true } })
  expect(status.watch.find(({ component }) => component === 'executor')?.health).toBe('CRITICAL')
  expect(rowsOf(await world.audit(), 'EPISODE_RAISED')).toEqual([])
  expect((await world.desk()).positions).toHaveLength(1)
})

test('market data that stops flowing is a hard stop, once', async () => {
  const world = await open({
    marketDataFailsafe: { component: 'market_data_adapter', heartbeatAgeMsMax: 1_000 },
  })
  const [executor, , marketData] = await Promise.all([
    world.startComponent('executor'),
    world.startComponent('orchestrator'),
    world.startComponent('market_data_adapter'),
  ])
  await world.startSafety()
  await eventually('ready', async () => (await world.status())?.ready)
  await marketData.kill()
  await executor.exited
  const status = await eventually('the proof', async () => {
    const seen = await world.status()
    return seen?.episode?.confirmed ? seen : undefined
  })
  expect(status.episode).toMatchObject({ level: 'L1', trigger: 'MARKET_DATA_FAILSAFE' })
})

test('a soft stop of more orders than one pass may cancel spares the reduce-only one', async () => {
  const world = await createWorld({}, { credits: { matching: { rate: 50, burst: 20 } } })
  worlds.push(world)
  await world.startComponent('executor')
  await world.startComponent('orchestrator')
  await takePosition(world)
  await rest(world, 'sell', true)
  for (let count = 0; count <= cancelStepsMax; count += 1) await rest(world)
  await world.startSafety()
  await eventually('ready', async () => (await world.status())?.ready)

  await world.send(killCommand('L0'))

  const done = await eventually(
    'a proven soft stop',
    async () => {
      const status = await world.status()
      return status?.episode?.confirmed ? status : undefined
    },
    20_000,
  )
  expect(done.kill_switch_mode).toBe('SOFT_STOP')
  const { orders } = await world.desk()
  expect(orders.map(({ reduce_only: reduceOnly }) => reduceOnly)).toEqual([true])
  const [cancel] = rowsOf(await world.audit(), 'PHASE_FINISHED').filter(
    ({ phase }) => phase === 'mass_cancel',
  )
  expect(cancel).toMatchObject({ outcome: 'unconfirmed', left: 'for the sweep' })
})
