import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { signCommand } from '@bulkhead/shared/runtime/command-signing.ts'
import { eventually } from '../../support/eventually.ts'
import type { StartedProcess } from './support/process.ts'
import {
  createWorld,
  post,
  resetCommand,
  rest,
  rowsOf,
  type SafetyWorld,
  takePosition,
} from './support/safety-world.ts'

let world: SafetyWorld
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
  const [one] = await Promise.all([
    world.startComponent('executor'),
    world.startComponent('orchestrator'),
  ])
  executor = one
  await takePosition(world)
  await world.startSafety()
  await eventually('ready', async () => (await world.status())?.ready)
})
afterAll(() => world.close())

describe('a network hiccup in the middle of a hedge', () => {
  test('AT-203, AT-237: what adds risk is cancelled and the reduce-only hedge rests on', async () => {
    await rest(world)
    await rest(world, 'sell', true)
    executor.child.kill('SIGSTOP')
    const stopped = await eventually('a proven soft stop', async () => {
      const status = await world.status()
      return status?.episode?.confirmed ? status : undefined
    })
    executor.child.kill('SIGCONT')
    expect(stopped).toMatchObject({
      kill_switch_mode: 'SOFT_STOP',
      episode: { level: 'L0', trigger: 'HEARTBEAT_STALE', component: 'executor' },
    })
    const { orders, positions } = await world.desk()
    expect(orders.map((order) => order.reduce_only)).toEqual([true])
    expect(positions).toHaveLength(1)
    expect(executor.child.signalCode).toBe(null)
  })

  test('ST-OD-KS_1: only the signed reset of an ADMIN ends it, never the recovery', async () => {
    await eventually('the executor is healthy again', async () => {
      const watch = (await world.status())?.watch
      return watch?.find(({ component }) => component === 'executor')?.health === 'HEALTHY'
    })
    const { episode = '' } = (await world.status())?.episode ?? {}
    const unsigned = signCommand(resetCommand(episode), Buffer.alloc(32))
    await post(world.control, JSON.stringify(unsigned))
    await eventually('the refusal of the unsigned one', async () =>
      rowsOf(await world.audit(), 'COMMAND_REFUSED').some(
        (row) => row['reason'] === 'SIGNATURE_INVALID',
      ),
    )
    for (const [at, operator] of ['admin', 'risk', 'operator', 'viewer'].entries()) {
      if (at === 0) continue
      const refused = await world.ackOf(await world.send(resetCommand(episode, operator), at))
      expect(refused).toMatchObject({ outcome: 'REFUSED', reason: 'PERMISSION_DENIED' })
    }
    expect(await world.status()).toMatchObject({
      kill_switch_mode: 'SOFT_STOP',
      watchdog_state: 'TRIGGERED',
    })
    const reset = await world.ackOf(await world.send(resetCommand(episode)))
    expect(reset).toMatchObject({ outcome: 'EXECUTED', episode })
    await eventually('armed again', async () => {
      const status = await world.status()
      return status?.kill_switch_mode === 'NORMAL' && status.watchdog_state === 'ARMED'
    })
  })
})
