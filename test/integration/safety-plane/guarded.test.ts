import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { farewellBeat, redisKeys } from '@bulkhead/shared/contracts/redis-keys.ts'
import { RedisLink } from '@bulkhead/shared/runtime/redis-link.ts'
import { readSecretsOrExit } from '@bulkhead/shared/runtime/secrets.ts'
import { eventually } from '../../support/eventually.ts'
import {
  createWorld,
  fastLadder,
  killCommand,
  resetCommand,
  rowsOf,
  type SafetyWorld,
} from './support/safety-world.ts'
import type { StartedProcess } from './support/process.ts'

const bot = 'nautilus'
const ladder = { ...fastLadder, bootGraceMs: 2_500 }

const worlds: SafetyWorld[] = []
const links: RedisLink[] = []
afterEach(async () => {
  for (const link of links.splice(0)) link.close()
  for (const world of worlds.splice(0)) await world.close()
})

/** Executor and orchestrator beat, a bot is provisioned, and the safety plane watches. */
async function open(): Promise<SafetyWorld & { readonly safety: StartedProcess }> {
  const watched = (component: string, expected: string) => ({
    component,
    expected,
    killable: true,
    cgroup: null,
    uid: process.getuid?.() ?? 0,
    containerCommand: null,
  })
  const watch = [
    watched('executor', 'at_boot'),
    watched('orchestrator', 'at_boot'),
    watched(bot, 'once_seen'),
  ]
  const world = await createWorld({ watch, ladder, severAtHardStop: ['executor', bot] }, {}, [bot])
  worlds.push(world)
  await Promise.all(['executor', 'orchestrator'].map((name) => world.startComponent(name)))
  const safety = await world.startSafety()
  await eventually('ready', async () => (await world.status())?.ready)
  return { ...world, safety }
}

const watchOf = async (world: SafetyWorld) =>
  (await world.status())?.watch.find(({ component }) => component === bot)

const untilHealth = (world: SafetyWorld, health: string) =>
  eventually(health, async () => (await watchOf(world))?.health === health)

/** Long enough for a silence that counts to have reached the first rung. */
async function pastTheFirstRung(world: SafetyWorld): Promise<void> {
  const startMs = (await world.status())?.uptime_ms ?? 0
  const waitMs = ladder.bootGraceMs + 2 * ladder.softStopAfterMs
  await eventually('time', async () => ((await world.status())?.uptime_ms ?? 0) - startMs > waitMs)
}

const modeOf = async (world: SafetyWorld) => (await world.status())?.kill_switch_mode

async function sayFarewell(world: SafetyWorld): Promise<void> {
  const config = world.redis.guardConfig(bot)
  const { password } = readSecretsOrExit({ password: config.passwordFile })
  const link = new RedisLink(config, password, 'test-guard')
  links.push(link)
  link.open()
  await link.waitUntilReady(5_000)
  const key = redisKeys.heartbeat(bot)
  const said = await link.run((redis) => redis.set(key, farewellBeat, 'PX', 6_000))
  expect(said.ok).toBe(true)
}

test('a guarded bot that nobody started is absent, and the desk goes on', async () => {
  const world = await open()
  await pastTheFirstRung(world)
  expect(await watchOf(world)).toMatchObject({ health: 'ABSENT', age_ms: null })
  expect(await modeOf(world)).toBe('NORMAL')
})

test('its silence climbs the ladder from the first beat on and severs it at L1', async () => {
  const world = await open()
  const guarded = await world.startComponent(bot)
  await untilHealth(world, 'HEALTHY')
  process.kill(guarded.pid, 'SIGSTOP')
  await eventually('soft stop', async () => (await modeOf(world)) === 'SOFT_STOP')
  await eventually('hard stop', async () => (await modeOf(world)) === 'HARD_STOP')
  await guarded.exited
  expect(guarded.child.signalCode).toBe('SIGKILL')
  const killed = await eventually('the kill in the audit', async () => {
    const rows = rowsOf(await world.audit(), 'KILL_VERIFIED')
    return rows.find(({ component }) => component === bot)
  })
  expect(killed).toMatchObject({ method: 'pid' })
})

test('a farewell counts when nothing of the bot is left', async () => {
  const world = await open()
  const guarded = await world.startComponent(bot)
  await untilHealth(world, 'HEALTHY')
  // Only the death of a process that was seen alive can be verified (decision D-40).
  const remembered = join(String(world.config['stateDir']), 'identities.json')
  await eventually('its process is known', () => {
    return existsSync(remembered) && readFileSync(remembered, 'utf8').includes(bot)
  })
  await guarded.kill()
  await sayFarewell(world)
  await untilHealth(world, 'ABSENT')
  await pastTheFirstRung(world)
  expect(await modeOf(world)).toBe('NORMAL')
})

test('a farewell of a bot that lives on is silence', async () => {
  const world = await open()
  const guarded = await world.startComponent(bot)
  await untilHealth(world, 'HEALTHY')
  process.kill(guarded.pid, 'SIGSTOP')
  await sayFarewell(world)
  await eventually('soft stop', async () => (await modeOf(world)) === 'SOFT_STOP')
})

test('a bot that died while nobody watched is missed by the next run', async () => {
  const world = await open()
  const guarded = await world.startComponent(bot)
  await untilHealth(world, 'HEALTHY')
  await world.safety.kill()
  await guarded.kill()
  const admin = await world.redis.link('admin')
  await admin.run((redis) => redis.del(redisKeys.heartbeat(bot)))
  await world.startSafety()
  await eventually('an emergency', async () => (await modeOf(world)) === 'EMERGENCY')
  const rows = await eventually('its cause', async () => {
    const started = rowsOf(await world.audit(), 'EPISODE_STARTED')
    return started.length > 0 ? started : undefined
  })
  expect(rows[0]).toMatchObject({ component: bot, trigger: 'HEARTBEAT_NEVER_SEEN' })
})

test('a bot that ended after the safety plane was stopped in order is not missed', async () => {
  const world = await open()
  const guarded = await world.startComponent(bot)
  await untilHealth(world, 'HEALTHY')
  world.safety.child.kill('SIGTERM')
  await world.safety.exited
  await guarded.kill()
  const admin = await world.redis.link('admin')
  await admin.run((redis) => redis.del(redisKeys.heartbeat(bot)))
  await world.startSafety()
  await untilHealth(world, 'ABSENT')
  await pastTheFirstRung(world)
  expect(await modeOf(world)).toBe('NORMAL')
})

test('a kill is proven though the bot never ran, and a reset does not wait for it', async () => {
  const world = await open()
  await world.send(killCommand('L1'))
  const episode = await eventually('a proven hard stop', async () => {
    const status = await world.status()
    return status?.episode?.confirmed === true && status.episode.finished
      ? status.episode
      : undefined
  })
  expect(episode.level).toBe('L1')
  await world.ackOf(await world.send(resetCommand(episode.episode)))
  await world.startComponent('executor')
  await eventually('a reset', async () => (await modeOf(world)) === 'NORMAL')
  await pastTheFirstRung(world)
  expect(await modeOf(world)).toBe('NORMAL')
  expect((await watchOf(world))?.health).toBe('ABSENT')
})
