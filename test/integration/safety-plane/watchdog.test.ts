import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { eventually } from '../../support/eventually.ts'
import { type NotifySocket, openNotifySocket } from '../../support/service-manager.ts'
import type { StartedProcess } from './support/process.ts'
import { createWorld, type SafetyWorld } from './support/safety-world.ts'

const limitMs = 1_500

let world: SafetyWorld
let notify: NotifySocket
let safety: StartedProcess
beforeEach(async () => {
  notify = await openNotifySocket()
  world = await createWorld()
  process.env['NOTIFY_SOCKET'] = notify.path
  process.env['WATCHDOG_USEC'] = String(limitMs * 1_000)
  try {
    safety = await world.startSafety()
  } finally {
    delete process.env['NOTIFY_SOCKET']
    delete process.env['WATCHDOG_USEC']
  }
})
afterEach(async () => {
  await world.close()
  await notify.close()
})

const pets = () => notify.received.filter(({ text }) => text === 'WATCHDOG=1')
const petsAgain = (count: number) => {
  const before = pets().length
  return eventually(`${count} more pets`, () => pets().length >= before + count)
}

/** Longest silence between two messages of the watchdog since a moment, and until now. */
function longestSilenceMs(sinceTickMs: number): number {
  const ticks = [sinceTickMs, ...pets().map(({ tickMs }) => tickMs), performance.now()]
  const seen = ticks.filter((tickMs) => tickMs >= sinceTickMs)
  return Math.max(...seen.slice(1).map((tickMs, at) => tickMs - seen[at]!))
}

test('the dead-man switch is ready, feeds its watchdog as it watches, and says that it stops', async () => {
  await petsAgain(3)
  expect(notify.texts().filter((text) => text === 'READY=1')).toHaveLength(1)
  safety.child.kill('SIGTERM')
  await eventually('that it stops', () => notify.texts().includes('STOPPING=1'))
  expect(await safety.exited).toBe(0)
})

test.each(['SIGKILL', 'SIGSTOP'] as const)(
  'a blind dead-man switch keeps its watchdog fed: Redis after %s',
  async (signal) => {
    await petsAgain(1)
    const startTickMs = performance.now()
    world.redis.server().kill(signal)
    await sleep(3 * limitMs)
    expect(longestSilenceMs(startTickMs)).toBeLessThan(limitMs)
    expect(safety.child.exitCode).toBeNull()
  },
)

test('a frozen dead-man switch does not feed its watchdog', async () => {
  await petsAgain(1)
  safety.child.kill('SIGSTOP')
  await sleep(200)
  const before = pets().length
  await sleep(2 * limitMs)
  expect(pets().length).toBe(before)
})
