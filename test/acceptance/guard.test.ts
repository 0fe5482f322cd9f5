import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { projectRoot } from '@bulkhead/shared/runtime/home.ts'
import { readProcessStat } from '@bulkhead/shared/runtime/process-identity.ts'
import { spawnStack, type StackProcess, startStackProcess } from '../support/stack-process.ts'
import { waitFor } from '../support/wait.ts'

const botFile = join(projectRoot, 'test/integration/trading-plane/guard/bot.py')

type Guarded = {
  readonly child: ChildProcess
  readonly output: () => string
  readonly exited: Promise<number | null>
}

type Component = {
  readonly component: string
  readonly silence: string
  readonly pid: number | null
}
type Status = {
  readonly trading_mode: string
  readonly kill_switch: { readonly mode: string }
  readonly components: readonly Component[]
}

const isAlive = (pid: number) => {
  const stat = readProcessStat(pid)
  return stat !== undefined && stat.state !== 'Z'
}

/** A bot of somebody else on a whole stack, by the printed commands only. */
describe('npx bulkhead guard', () => {
  let stack: StackProcess
  const guards: ChildProcess[] = []
  beforeAll(async () => {
    stack = await startStackProcess({ args: ['--guard', 'nautilus', '--guard', 'freqtrade'] })
  })
  afterAll(async () => {
    for (const child of guards) toGroup(child, 'SIGKILL')
    await stack.close()
  })

  const status = async () => {
    const { stdout } = await stack.cli('status', '--json')
    return JSON.parse(stdout) as Status
  }
  const seen = async () =>
    (await status()).components.find(({ component }) => component === 'nautilus')
  const untilSeen = (silence: string) =>
    waitFor(`nautilus ${silence}`, async () => (await seen())?.silence === silence, 30_000)
  const untilMode = (wanted: string) =>
    waitFor(`mode ${wanted}`, async () => (await status()).trading_mode === wanted, 30_000)

  /** As on a terminal: a group of its own, to which Ctrl-C goes as a whole. */
  const guard = (...args: string[]): Guarded => {
    const home = ['--home', stack.home]
    const words = ['guard', ...home, '--component', 'nautilus', '--', 'python3', botFile]
    const child = spawn(join(projectRoot, 'node_modules/.bin/bulkhead'), [...words, ...args], {
      cwd: projectRoot,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    guards.push(child)
    let output = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk: Buffer) => {
        output += chunk.toString()
      })
    }
    const exited = new Promise<number | null>((resolve) => {
      child.once('exit', (code) => resolve(code))
    })
    return { child, output: () => output, exited }
  }

  test('is told by npm start, and the bot that nobody runs yet stops nothing', async () => {
    const command = `npx bulkhead guard --home ${stack.home} --component nautilus -- COMMAND`
    await waitFor('the command', () => stack.output().includes(command))
    await untilMode('Active')
    expect(await seen()).toMatchObject({ silence: 'ABSENT', pid: null })
  })

  test('runs the bot, passes one Ctrl-C on once, and ends with the status of the bot', async () => {
    const guarded = guard('signals')
    await waitFor('the bot', () => guarded.output().includes('up'), 15_000)
    await untilSeen('FRESH')
    toGroup(guarded.child, 'SIGINT')
    await waitFor('the signal', () => guarded.output().includes('got SIGINT'))
    toGroup(guarded.child, 'SIGTERM')
    expect(await guarded.exited).toBe(9)
    expect(guarded.output().match(/got SIGINT/g)).toHaveLength(1)
    await untilSeen('ABSENT')
    expect((await status()).kill_switch.mode).toBe('NORMAL')
  })

  test.each(['../../executor', 'executor', 'a b; reboot'])('refuses the name %j', async (name) => {
    const refused = await stack.cli('guard', '--component', name, '--', 'echo', 'it ran')
    expect(refused.status).toBe(2)
    expect(refused.stdout).not.toContain('it ran')
    expect(refused.stderr).toContain('it guards: nautilus, freqtrade')
  })

  test('kill L1 severs the bot and all that it forked; a reset leaves it to its owner', async () => {
    await untilMode('Active')
    const file = join(stack.home, 'children')
    const guarded = guard('fork', file)
    await waitFor('its children', () => existsSync(file))
    await untilSeen('FRESH')
    const bot = (await seen())?.pid ?? 0
    const [child = 0, orphan = 0] = readFileSync(file, 'utf8').split(' ').map(Number)

    const killed = await stack.cli('kill', '--level', 'L1', '--reason', 'acceptance')
    expect(killed.stdout).toContain('Confirmed')
    expect(killed.status).toBe(0)
    expect(await guarded.exited).toBe(137)
    const hasCgroups = stack.stack().components.some(({ cgroup }) => cgroup !== null)
    expect([bot, child].filter(isAlive)).toEqual([])
    expect(isAlive(orphan)).toBe(!hasCgroups)
    if (isAlive(orphan)) process.kill(orphan, 'SIGKILL')
    expect(guarded.output()).toContain('the kill switch is thrown')
    const refused = guard('run')
    expect(await refused.exited).toBe(125)
    expect(refused.output()).toContain('KILL_SWITCH_THROWN HARD_STOP')

    await waitFor('an accepted reset', async () => {
      return (await stack.cli('reset', '--reason', 'acceptance')).status === 0
    })
    await untilMode('Active')
    expect(await seen()).toMatchObject({ silence: 'ABSENT', pid: null })
    const { stdout } = await stack.cli('audit', 'tail', '-n', '500')
    expect(stdout).toMatch(/KILL_VERIFIED.*nautilus/)
    for (const action of ['BOT_STARTED', 'BOT_ENDED']) expect(stdout).toContain(action)
    expect((await stack.cli('audit', 'verify')).status).toBe(0)
  })

  test('a bot that is stopped is reached by the ladder', async () => {
    const guarded = guard('run')
    await untilSeen('FRESH')
    const bot = (await seen())?.pid ?? 0
    process.kill(bot, 'SIGSTOP')
    await waitFor(
      'soft stop',
      async () => (await status()).kill_switch.mode === 'SOFT_STOP',
      30_000,
    )
    expect(isAlive(bot)).toBe(true)
    expect(await guarded.exited).toBe(137)
    expect(isAlive(bot)).toBe(false)
    expect(['HARD_STOP', 'EMERGENCY']).toContain((await status()).kill_switch.mode)
  })

  test.each(['../x', 'executor'])('npm start does not provision %j', async (name) => {
    const refused = await spawnStack({ args: ['--guard', name] })
    expect(await refused.exited).toBe(2)
    expect(refused.output()).toContain('--guard')
    await refused.close()
  })
})

function toGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  const hasEnded = child.exitCode !== null || child.signalCode !== null
  if (child.pid !== undefined && !hasEnded) process.kill(-child.pid, signal)
}
