import { type ChildProcess, spawn } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { projectRoot } from '@bulkhead/shared/runtime/home.ts'
import { eventually } from '../../../support/eventually.ts'
import { type NotifySocket, openNotifySocket } from '../../../support/service-manager.ts'

let notify: NotifySocket
const started: ChildProcess[] = []
beforeEach(async () => {
  notify = await openNotifySocket()
})
afterEach(async () => {
  for (const child of started.splice(0)) child.kill('SIGKILL')
  await notify.close()
})

const moduleUrl = JSON.stringify(join(projectRoot, 'shared/runtime/service-manager.ts'))
const load = `const { serviceManager } = await import(${moduleUrl});`

type Run = { readonly pid: number; readonly child: ChildProcess; readonly stderr: () => string }

/** Runs a program in plain Node the way the service manager would start it. */
function run(program: string, environment: Record<string, string> = {}): Run {
  const child = spawn(process.execPath, ['--input-type=module', '-e', `${load} ${program}`], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, NOTIFY_SOCKET: notify.path, ...environment },
  })
  started.push(child)
  let stderr = ''
  child.stderr.on('data', (bytes: Buffer) => {
    stderr += bytes.toString()
  })
  return { pid: child.pid ?? 0, child, stderr: () => stderr }
}

const pets = () => notify.received.filter(({ text }) => text === 'WATCHDOG=1')

/** Children of a process, as /proc knows them. */
function childrenOf(pid: number): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((candidate) => {
      try {
        const stat = readFileSync(`/proc/${candidate}/stat`, 'utf8')
        return Number(stat.slice(stat.lastIndexOf(')') + 4).split(' ')[0]) === pid
      } catch {
        return false
      }
    })
}

describe('service manager', () => {
  test('is told READY=1 and STOPPING=1, in this order', async () => {
    run('serviceManager.ready(); serviceManager.stopping(); setInterval(() => {}, 1000)')
    await eventually('both messages', () => notify.received.length === 2)
    expect(notify.texts()).toEqual(['READY=1', 'STOPPING=1'])
  })

  test('gets at most one WATCHDOG=1 per third of its limit', async () => {
    run('setInterval(() => serviceManager.pet(), 5)', { WATCHDOG_USEC: '600000' })
    await eventually('six pets', () => pets().length >= 6)
    const seen = pets()
    const spanMs = seen.at(-1)!.tickMs - seen[0]!.tickMs
    expect(spanMs).toBeGreaterThan((seen.length - 1) * 200 - 50)
    expect(spanMs).toBeLessThan((seen.length - 1) * 600)
  })

  test('hears nothing more from a loop that is stuck, though helper and process live', async () => {
    const { pid, child } = run(
      `const timer = setInterval(() => serviceManager.pet(), 5)
       setTimeout(() => { for (;;) {} }, 700)`,
      { WATCHDOG_USEC: '300000' },
    )
    await eventually('pets', () => pets().length >= 2)
    await sleep(1_200)
    const before = pets().length
    await sleep(1_000)
    expect(pets().length).toBe(before)
    expect(childrenOf(pid)).toHaveLength(1)
    expect(child.exitCode).toBeNull()
  })

  test('hears nothing from a stopped process', async () => {
    const { child } = run('setInterval(() => serviceManager.pet(), 5)', {
      WATCHDOG_USEC: '300000',
    })
    await eventually('pets', () => pets().length >= 2)
    child.kill('SIGSTOP')
    await sleep(200)
    const before = pets().length
    await sleep(600)
    expect(pets().length).toBe(before)
    child.kill('SIGCONT')
    await eventually('pets again', () => pets().length > before)
  })

  test.each([
    ['without a limit', {}],
    ['with the limit of another process', { WATCHDOG_USEC: '300000', WATCHDOG_PID: '1' }],
  ])('gets no WATCHDOG=1 %s', async (_what, environment) => {
    run('serviceManager.ready(); setInterval(() => serviceManager.pet(), 5)', environment)
    await eventually('readiness', () => notify.texts().includes('READY=1'))
    await sleep(400)
    expect(pets()).toEqual([])
  })

  test('is spoken to by a new helper after the first one was killed', async () => {
    const { pid, stderr } = run('setInterval(() => serviceManager.pet(), 5)', {
      WATCHDOG_USEC: '300000',
    })
    await eventually('pets', () => pets().length >= 2)
    process.kill(childrenOf(pid)[0]!, 'SIGKILL')
    const before = pets().length
    await eventually('pets again', () => pets().length >= before + 2)
    expect(stderr().match(/SERVICE_MANAGER_UNREACHABLE/g)).toHaveLength(1)
  })

  test('that does not listen costs one line and nothing else', async () => {
    const { stderr, child } = run(
      `const timer = setInterval(() => serviceManager.pet(), 5)
       setTimeout(() => clearInterval(timer), 900)`,
      { NOTIFY_SOCKET: `${notify.path}-absent`, WATCHDOG_USEC: '150000' },
    )
    const code = await new Promise((resolve) => {
      child.once('exit', resolve)
    })
    expect(code).toBe(0)
    expect(stderr().match(/SERVICE_MANAGER_UNREACHABLE/g)).toHaveLength(1)
  })

  test('leaves no helper behind when the process is killed', async () => {
    const { pid, child } = run('serviceManager.ready(); setInterval(() => {}, 1000)')
    await eventually('readiness', () => notify.texts().includes('READY=1'))
    const [helper] = childrenOf(pid)
    child.kill('SIGKILL')
    await eventually('the end of the helper', () => !isAlive(helper!))
  })
})

function isAlive(pid: number): boolean {
  try {
    return !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  } catch {
    return false
  }
}
