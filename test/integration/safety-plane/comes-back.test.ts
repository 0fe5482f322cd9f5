import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { eventually } from '../../support/eventually.ts'
import {
  createWorld,
  fastLadder,
  killCommand,
  rowsOf,
  type SafetyWorld,
} from './support/safety-world.ts'
import {
  isAlive,
  makeGroup,
  openSevering,
  type Severing,
  targetOf,
  writableMount,
} from './support/severing.ts'

let world: SafetyWorld | undefined
let bench: Severing | undefined
afterEach(async () => {
  await world?.close()
  await bench?.close()
  world = undefined
  bench = undefined
})

test('what was severed and runs again is severed again while the kill stands', async () => {
  const nobody = [{ kind: 'webhook', name: 'nobody', url: 'http://127.0.0.1:9/' }]
  world = await createWorld({ notify: { channels: nobody, tries: 1 } })
  const opened = world
  await opened.startComponent('orchestrator')
  const first = await opened.startComponent('executor')
  await opened.startSafety()
  await eventually('ready', async () => (await opened.status())?.ready)
  await opened.send(killCommand('L1'))
  await eventually('confirmed', async () => (await opened.status())?.episode?.confirmed)
  expect(isAlive(first.pid)).toBe(false)
  const severed = rowsOf(await opened.audit(), 'KILL_VERIFIED').length
  const second = await opened.startComponent('executor')
  await eventually('the second death', () => !isAlive(second.pid))
  const rows = await eventually('its proof', async () => {
    const audit = await opened.audit()
    return rowsOf(audit, 'KILL_VERIFIED').length > severed ? audit : undefined
  })
  expect(rowsOf(rows, 'TARGET_REAPPEARED')).toMatchObject([{ components: 'executor', level: 'L1' }])
  expect(rowsOf(rows, 'EPISODE_REPEATED')).toMatchObject([
    { trigger: 'TARGET_REAPPEARED', component: 'executor' },
  ])
  expect(rowsOf(rows, 'KILL_INTENDED').at(-1)).toMatchObject({ pid: String(second.pid) })
  await eventually('an alert of it', async () => {
    const tried = rowsOf(await opened.audit(), 'ALERT_NOT_DELIVERED')
    return tried.some(({ alert }) => alert?.startsWith('TARGET_REAPPEARED:executor:'))
  })
  await eventually('confirmed anew', async () => (await opened.status())?.episode?.confirmed)
  expect((await opened.status())?.kill_switch_mode).toBe('HARD_STOP')
})

describe('a component that something starts again at once', () => {
  const mount = writableMount()
  const restart = `
while true; do sh -c 'echo $$ > "$0" && exec sleep 1000' "$0"; done`

  test('is reported as long as it comes back, and proven dead once nothing starts it', async () => {
    if (mount === null) {
      // Without groups of its own nothing but its registration says who it is.
      bench = await openSevering()
      const victim = bench.victim()
      await bench.register(victim.identity())
      expect(await bench.severed(targetOf())).toMatchObject({ isDead: true })
      return
    }
    const group = makeGroup(mount)
    const parent = spawn('sh', ['-c', restart, join(group.directory, 'cgroup.procs')], {
      stdio: 'ignore',
    })
    const { component, uid, cgroup, containerCommand } = targetOf({ cgroup: group.path })
    const watch = [{ component, uid, cgroup, containerCommand, killable: true }]
    const ladder = { ...fastLadder, bootGraceMs: 60_000 }
    try {
      await eventually('the component', () => group.pids().length > 0)
      const opened = await createWorld({ watch, ladder, cgroupMount: mount })
      world = opened
      await opened.startSafety()
      await eventually('ready', async () => (await opened.status())?.ready)
      await opened.send(killCommand('L1'))
      await eventually('a report', async () => {
        const rows = await opened.audit()
        const seen = [...rowsOf(rows, 'TARGET_REAPPEARED'), ...rowsOf(rows, 'KILL_UNCONFIRMED')]
        return seen.length >= 2
      })
      expect(isAlive(parent.pid ?? 0)).toBe(true)
      parent.kill('SIGKILL')
      await eventually('proof', async () => {
        const isEmpty = group.pids().length === 0
        return isEmpty && (await opened.status())?.episode?.confirmed
      })
    } finally {
      parent.kill('SIGKILL')
      await group.remove()
    }
  })
})
