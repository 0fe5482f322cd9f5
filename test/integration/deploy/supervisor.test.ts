import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { ChildSpec } from '../../../deploy/bootstrap/child.ts'
import { type RestartPolicy, Supervisor } from '../../../deploy/bootstrap/supervisor.ts'
import { eventually } from '../../support/eventually.ts'

const program = `process.stdout.write('{"ready":true}\\n'); setInterval(() => {}, 1000)`

let directory: string
let isArmed: boolean
let asked: number
let supervisor: Supervisor
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'bulkhead-test-'))
  isArmed = false
  asked = 0
  supervisor = new Supervisor({
    cgroups: undefined,
    say: () => {},
    isArmed: () => {
      asked += 1
      return Promise.resolve(isArmed)
    },
    onChange: () => {},
  })
})
afterEach(async () => {
  await supervisor.stop([['executor']])
  rmSync(directory, { recursive: true })
})

async function startExecutor(policy: RestartPolicy): Promise<number> {
  const spec: ChildSpec = {
    component: 'executor',
    argv: [process.execPath, '-e', program],
    errorLogFile: join(directory, 'error.log'),
    announces: true,
    readyMsMax: 10_000,
    restartDelayMs: 10,
  }
  const started = await supervisor.start(spec, policy)
  if (!started.ok) throw new Error(started.failure.message)
  return started.value.pid
}

async function startAndKill(policy: RestartPolicy): Promise<number> {
  const pid = await startExecutor(policy)
  process.kill(pid, 'SIGKILL')
  return pid
}

test('what was severed stays down until the kill switch is NORMAL, and then comes back', async () => {
  const pid = await startAndKill('while_armed')
  await eventually('several refused looks', () => asked >= 5)
  expect(supervisor.children).toEqual([])
  isArmed = true
  const child = await eventually('the return', () => supervisor.child('executor'))
  expect(child.pid).not.toBe(pid)
})

test('what must always run comes back without asking the kill switch', async () => {
  const pid = await startAndKill('always')
  await eventually('the return', () => {
    const child = supervisor.child('executor')
    return child !== undefined && child.pid !== pid && child
  })
  expect(asked).toBe(0)
})

test('what was cut stays away until it is restored, under its own policy', async () => {
  const pid = await startExecutor('always')
  await supervisor.cut(['executor'])
  // Twenty times its restart delay: long enough for a restart that must not come.
  await new Promise((resolve) => setTimeout(resolve, 200))
  expect(supervisor.child('executor')).toBeUndefined()
  await supervisor.restore(['executor'])
  expect(supervisor.child('executor')?.pid).not.toBe(pid)
  expect(supervisor.children).toHaveLength(1)
})
