import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { watcherIds } from '@bulkhead/shared/contracts/components.ts'
import {
  killSwitchStateSchema,
  strongestSwitchState,
} from '@bulkhead/shared/contracts/kill-switch.ts'
import { redisKeys } from '@bulkhead/shared/contracts/redis-keys.ts'
import { signCommand } from '@bulkhead/shared/runtime/command-signing.ts'
import { eventually } from '../../support/eventually.ts'
import type { StartedProcess } from './support/process.ts'
import {
  createWorld,
  killCommand,
  post,
  resetCommand,
  rest,
  rowsOf,
  type SafetyWorld,
} from './support/safety-world.ts'

const [first, second] = watcherIds
const ladder = {
  softStopAfterMs: 1_000,
  hardStopAfterMs: 2_500,
  emergencyAfterMs: 60_000,
  bootGraceMs: 20_000,
  watchedHeartbeatIntervalMs: 50,
  pollIntervalMs: 50,
}
let world: SafetyWorld
let executor: StartedProcess
let watchers: Record<(typeof watcherIds)[number], StartedProcess>

beforeEach(async () => {
  world = await createWorld({ watchers: [...watcherIds], ladder })
  const [one] = await Promise.all([
    world.startComponent('executor'),
    world.startComponent('orchestrator'),
  ])
  executor = one
  const [a, b] = await Promise.all([world.startSafety(), world.startSecond()])
  watchers = { [first]: a, [second]: b }
  for (const id of watcherIds) {
    await eventually(`${id} ready`, async () => (await world.status(id))?.ready)
  }
})
afterEach(async () => {
  for (const id of watcherIds) watchers[id].child.kill('SIGCONT')
  await world.close()
})

/** What everybody who asks takes the switch for. */
async function strongest() {
  const read = await world.auditor.run((redis) =>
    Promise.all(watcherIds.map((id) => redis.hgetall(redisKeys.killSwitchStateOf(id)))),
  )
  if (!read.ok) throw new Error(read.failure.message)
  return strongestSwitchState(
    read.value.map((fields) => killSwitchStateSchema.safeParse(fields).data),
  )
}

const sendTo = async (id: (typeof watcherIds)[number], level: 'L0' | 'L1') => {
  const key = Buffer.from(world.operators[0]!.key_hex, 'hex')
  await post(world.control, JSON.stringify(signCommand(killCommand(level), key)), id)
}

/** Both are in one proven kill, under one id. */
const untilOneEpisode = () =>
  eventually('one proven episode in both', async () => {
    const [a, b] = await Promise.all(watcherIds.map((id) => world.status(id)))
    const isProven = a?.episode?.confirmed === true && b?.episode?.confirmed === true
    return isProven && a.episode?.episode === b.episode?.episode ? [a, b] : undefined
  })

const untilResettable = () =>
  eventually('no obstacle in either', async () => {
    const views = await Promise.all(watcherIds.map(async (id) => (await world.status(id))?.reset))
    return views.every((view) => view?.obstacles.length === 0)
  })

describe('of two watchers', () => {
  test('either kills, both share one episode, and a reset is obeyed by both', async () => {
    await rest(world)
    await sendTo(second, 'L1')
    const [a, b] = await untilOneEpisode()
    expect(executor.child.signalCode).toBe('SIGKILL')
    expect((await world.desk()).orders).toEqual([])
    expect(a?.episode).toMatchObject({ level: 'L1', trigger: 'OTHER_WATCHER', component: second })
    expect(b?.episode).toMatchObject({ level: 'L1', trigger: 'OPERATOR_COMMAND' })
    expect(await strongest()).toMatchObject({ mode: 'HARD_STOP' })

    await untilResettable()
    const reset = await world.send(resetCommand(a!.episode!.episode))
    for (const id of watcherIds) {
      expect(await world.ackOf(reset, id)).toMatchObject({ outcome: 'EXECUTED' })
    }
    await world.startComponent('executor')
    await eventually('NORMAL for all', async () => (await strongest())?.mode === 'NORMAL')
  })

  test('both kill at once and agree on one id', async () => {
    executor.child.kill('SIGSTOP')
    await eventually('the death of the executor', () => executor.child.signalCode === 'SIGKILL')
    const [a] = await untilOneEpisode()
    expect(a?.episode?.level).toBe('L1')
    const rows = await eventually('both on record', async () => {
      const audit = await world.audit()
      return rowsOf(audit, 'EPISODE_STARTED').length === 2 ? audit : undefined
    })
    const writers = new Set(rowsOf(rows, 'EPISODE_STARTED').map((row) => row['writer']))
    expect(writers.size).toBe(2)
  })

  test('one that is frozen holds nobody back, and cannot be reset over its head', async () => {
    watchers[first].child.kill('SIGSTOP')
    await rest(world)
    executor.child.kill('SIGSTOP')
    await eventually('the death of the executor', () => executor.child.signalCode === 'SIGKILL')
    await eventually('the proof', async () => (await world.status(second))?.episode?.confirmed)
    expect(await strongest()).toMatchObject({ mode: 'HARD_STOP' })
    watchers[first].child.kill('SIGCONT')
    await untilOneEpisode()

    // It is dead now, with its switch thrown: the other must not re-arm half a desk.
    await watchers[first].kill()
    const { episode = '' } = (await strongest()) ?? {}
    await eventually('the hold on show', async () => {
      const view = (await world.status(second))?.reset
      return view?.obstacles.some(({ code }) => code === 'OTHER_WATCHER_HOLDS')
    })
    const reset = await world.send(resetCommand(episode))
    expect(await world.ackOf(reset, second)).toMatchObject({
      outcome: 'REFUSED',
      reason: 'EPISODE_UNCONFIRMED',
    })
    expect(await strongest()).toMatchObject({ mode: 'HARD_STOP' })
  })

  test('one that is compromised and says NORMAL talks nobody out of a kill', async () => {
    await watchers[second].kill()
    const liar = await world.redis.link('safety_2')
    await sendTo(first, 'L1')
    await eventually('the proof', async () => (await world.status(first))?.episode?.confirmed)
    const calm = { mode: 'NORMAL', episode: '', reason: '', since_ns: '9', generation: '999' }
    const lie = await liar.run((redis) => redis.hset(redisKeys.killSwitchStateOf(second), calm))
    expect(lie.ok).toBe(true)
    expect(await strongest()).toMatchObject({ mode: 'HARD_STOP' })
    const forged = await Promise.all([
      liar.run((redis) => redis.hset(redisKeys.killSwitchStateOf(first), calm)),
      liar.run((redis) => redis.set(redisKeys.watchdogStateOf(first), 'ARMED')),
      liar.run((redis) => redis.set(redisKeys.heartbeat(first), '1')),
      liar.run((redis) => redis.rpush(redisKeys.commands(first), 'x')),
      liar.run((redis) => redis.xadd(redisKeys.auditLog, '*', 'a', 'b')),
    ])
    expect(forged.map(({ ok }) => ok)).toEqual([false, false, false, false, false])
    expect(await world.status(first)).toMatchObject({ kill_switch_mode: 'HARD_STOP' })
  })
})
