import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type StackProcess, startStackProcess } from '../support/stack-process.ts'
import { waitFor } from '../support/wait.ts'

type Status = {
  trading_mode: string
  mode_reasons: string[]
  executor_silent: boolean
  safety_redis: { reachable: boolean }
  kill_switch: { mode: string }
  components: { component: string; pid: number | null; silence: string }[]
  executor: { silent: boolean }
  orchestrator: { silent: boolean }
  safety: { silent: boolean }
}

/** Every process of the stack, killed by hand: the status must tell the truth within seconds. */
describe('the status shown is the truth when a process is killed by hand', () => {
  let stack: StackProcess
  beforeAll(async () => {
    stack = await startStackProcess()
  })
  afterAll(() => stack.close())

  const status = async (): Promise<Status> => {
    const url = new URL('/api/v1/status', stack.stack().dashboard_url)
    const reply = await fetch(url, { signal: AbortSignal.timeout(2_000) })
    return (await reply.json()) as Status
  }
  const pidOf = (component: string) => {
    const found = stack.stack().components.find((child) => child.component === component)
    if (found === undefined) throw new Error(`${component} is not running`)
    return found.pid
  }
  const untilStatus = (what: string, holds: (status: Status) => boolean, msMax = 45_000) =>
    waitFor(
      what,
      async () => {
        const seen = await status()
        return holds(seen) ? seen : undefined
      },
      msMax,
    )
  const kill = (component: string) => {
    const pid = pidOf(component)
    process.kill(pid, 'SIGKILL')
    return pid
  }
  const untilRestarted = (component: string, oldPid: number) =>
    waitFor(`${component} to come back`, () => pidOf(component) !== oldPid, 30_000)
  const untilActive = () => untilStatus('Active', ({ trading_mode: mode }) => mode === 'Active')

  test('executor: silent and not Active at once, reconciled and Active again after its restart', async () => {
    await untilActive()
    const pid = kill('executor')
    const seen = await untilStatus('a silent executor', ({ executor_silent: silent }) => silent)
    expect(seen.trading_mode).not.toBe('Active')
    expect(seen.mode_reasons.length).toBeGreaterThan(0)
    await untilRestarted('executor', pid)
    await untilActive()
  })

  test('orchestrator: shown silent, back after its restart', async () => {
    const pid = kill('orchestrator')
    await untilStatus('a silent orchestrator', ({ orchestrator }) => orchestrator.silent)
    await untilRestarted('orchestrator', pid)
    await untilStatus('a present orchestrator', ({ orchestrator }) => !orchestrator.silent)
  })

  test('dead-man switch: no new risk while nobody watches', async () => {
    await untilActive()
    const pid = kill('dead_man_switch')
    const seen = await untilStatus('a silent watcher', ({ safety }) => safety.silent)
    expect(seen.trading_mode).not.toBe('Active')
    await untilRestarted('dead_man_switch', pid)
    await untilActive()
  })

  test('paper exchange: not Active while the venue is gone', async () => {
    await untilActive()
    const pid = kill('paper_venue')
    await untilStatus('a mode other than Active', ({ trading_mode: mode }) => mode !== 'Active')
    await untilRestarted('paper_venue', pid)
  })

  test('control API: the CLI says that it cannot reach the stack, and the desk trades on', async () => {
    // Stopped first: a killed one could be back before the CLI asks.
    process.kill(pidOf('control_api'), 'SIGSTOP')
    const silent = await stack.cli('health')
    expect(silent.status).toBe(3)
    const pid = kill('control_api')
    await untilRestarted('control_api', pid)
    await waitFor('a healthy API', async () => (await stack.cli('health')).status === 0)
  })

  test('safety Redis: the status says so and the desk soft-stops until an ADMIN resets', async () => {
    const pid = kill('redis')
    await untilStatus('an unreachable Redis', ({ safety_redis: redis }) => !redis.reachable)
    expect((await status()).trading_mode).not.toBe('Active')
    await untilRestarted('redis', pid)
    await untilStatus('SOFT_STOP', ({ kill_switch: killSwitch }) => killSwitch.mode === 'SOFT_STOP')
    expect((await status()).trading_mode).not.toBe('Active')
    const reset = await waitFor(
      'an accepted reset',
      async () => {
        const answer = await stack.cli('reset', '--reason', 'redis is back')
        return answer.status === 0 ? answer : undefined
      },
      60_000,
    )
    expect(reset.status).toBe(0)
    await untilActive()
  })
})
