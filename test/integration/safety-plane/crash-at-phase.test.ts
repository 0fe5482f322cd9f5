import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { killPhases } from '@bulkhead/shared/contracts/kill-switch.ts'
import { eventually } from '../../support/eventually.ts'
import {
  createWorld,
  killCommand,
  rest,
  rowsOf,
  type SafetyWorld,
  takePosition,
} from './support/safety-world.ts'

const preload = join(import.meta.dirname, 'support/crash-at.mjs')

/** Both sides of what is written last before a phase begins; after every phase at least. */
const places = [
  'before fence',
  'after fence',
  'after mass_cancel',
  'before sever',
  'after sever',
  'after in_flight_wait',
  'before sweep',
  'after sweep',
  'after close',
  'after state',
  'after notify',
]

type Performed = { readonly phase: string; readonly performed: number }
let world: SafetyWorld
beforeAll(async () => {
  world = await createWorld()
})
afterAll(() => world.close())

/** Phases that the file on the disk says are done, with how often each was performed. */
function donePhases(): Performed[] {
  const file = join(world.redis.layout.safetyStateDir, 'episode.json')
  if (!existsSync(file)) return []
  const { state } = JSON.parse(readFileSync(file, 'utf8')) as {
    state: { episode: { phases: (Performed & { outcome: string | null })[] } | null }
  }
  return (state.episode?.phases ?? [])
    .filter(({ outcome }) => outcome === 'confirmed' || outcome === 'not_required')
    .map(({ phase, performed }) => ({ phase, performed }))
}

test('a safety plane killed at every phase boundary of one episode ends it with proof', async () => {
  const [executor] = await Promise.all([
    world.startComponent('executor'),
    world.startComponent('orchestrator'),
  ])
  await takePosition(world)
  await rest(world)
  const kill = killCommand('L2')
  await world.send(kill)
  let done: Performed[] = []
  for (const place of places) {
    const doomed = await world.startSafety({ preload, env: { CRASH_AT: place } })
    await eventually(`the crash ${place}`, () => doomed.child.signalCode === 'SIGKILL')
    // What was done stays done, and was not done again.
    expect(donePhases()).toEqual(expect.arrayContaining(done))
    done = donePhases()
  }
  await world.startSafety()

  const { episode } = await world.ackOf(kill.command_id)
  const status = await eventually('the proof', async () => {
    const seen = await world.status()
    return seen?.episode?.confirmed ? seen : undefined
  })
  expect(status).toMatchObject({
    kill_switch_mode: 'EMERGENCY',
    episode: { episode, level: 'L2', finished: true },
  })
  expect(donePhases()).toEqual(expect.arrayContaining(done))
  expect(executor.child.signalCode).toBe('SIGKILL')
  expect(await world.desk()).toEqual({ orders: [], positions: [] })

  const rows = await eventually('the whole story', async () => {
    const audit = await world.audit()
    const resumed = rowsOf(audit, 'EPISODE_RESUMED').map((row) => row['phase'])
    return resumed.includes('') ? audit : undefined
  })
  const resumed = new Set(rowsOf(rows, 'EPISODE_RESUMED').map((row) => row['phase']))
  expect(resumed).toEqual(new Set([...killPhases.filter((phase) => phase !== 'notify'), '']))
  const finished = rowsOf(rows, 'PHASE_FINISHED').map((row) => row['phase'])
  expect(finished.length).toBe(new Set(finished).size)
  expect(rows.every((row) => row['level'] === undefined || row['level'] === 'L2')).toBe(true)
  expect(new Set(rows.map((row) => row['correlation_id'])).has(episode)).toBe(true)
})
