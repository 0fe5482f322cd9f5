import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { redisKeys } from '@bulkhead/shared/contracts/redis-keys.ts'
import { projectRoot } from '@bulkhead/shared/runtime/home.ts'
import { readProcessStat } from '@bulkhead/shared/runtime/process-identity.ts'
import { eventually } from '../../../support/eventually.ts'
import { bot, createGuardWorld, freePort, type GuardWorld, setDesk } from './guarded-bot.ts'

const worlds: GuardWorld[] = []
afterEach(async () => {
  for (const world of worlds.splice(0)) await world.close()
})

async function open(withCgroup = false): Promise<GuardWorld> {
  const world = await createGuardWorld(withCgroup)
  worlds.push(world)
  return world
}

const isAlive = (pid: number) => {
  const stat = readProcessStat(pid)
  return stat !== undefined && stat.state !== 'Z'
}

describe('a wrapped bot', () => {
  test('is registered as itself, and its guard beats while it lives', async () => {
    const world = await open()
    const guard = world.guardPython([], 'run')
    await world.untilBeating()
    const pid = await world.botPid()
    expect(pid).not.toBe(guard.pid)
    expect(readFileSync(`/proc/${pid}/cmdline`, 'utf8')).toContain('bot.py')
    expect(await world.identity()).toMatchObject({ start_ticks: readProcessStat(pid)?.startTicks })
    await eventually('its output', () => guard.stdout().includes('up'))
  })

  test('that is stopped falls silent, and is heard again when it goes on', async () => {
    const world = await open()
    const guard = world.guardPython([], 'run')
    await world.untilBeating()
    const pid = await world.botPid()
    process.kill(pid, 'SIGSTOP')
    await world.untilSilent()
    expect(guard.stderr()).toContain('PROCESS_STOPPED')
    process.kill(pid, 'SIGCONT')
    await world.untilBeating()
  })

  test('in a cgroup falls silent with any of its processes stopped, or with all frozen', async () => {
    const world = await open(true)
    const file = join(world.redis.home, 'children')
    const guard = world.guardPython(['--cgroup'], 'fork', file)
    if (world.cgroups === undefined) {
      // Without the right to make cgroups a bot that must have one is not started.
      expect(await guard.exited).toBe(125)
      return
    }
    await world.untilBeating()
    await eventually('its children', () => existsSync(file))
    const [child = 0] = readFileSync(file, 'utf8').split(' ').map(Number)
    process.kill(child, 'SIGSTOP')
    await world.untilSilent()
    process.kill(child, 'SIGCONT')
    await world.untilBeating()
    const freezer = join(world.cgroups.directoryOf(world.cgroups.groupOf(bot)), 'cgroup.freeze')
    writeFileSync(freezer, '1')
    await world.untilSilent()
    expect(guard.stderr()).toContain('PROCESS_FROZEN')
    writeFileSync(freezer, '0')
    await world.untilBeating()
    process.kill(guard.pid, 'SIGTERM')
    expect(await guard.exited).toBe(143)
  })

  test('whose health address hangs falls silent', async () => {
    const world = await open()
    const port = await freePort()
    const options = ['--liveness', `http://127.0.0.1:${port}/health`, '--liveness-age', '0.6']
    const guard = world.guardPython(options, 'http', String(port))
    await world.untilBeating()
    await world.untilVerdict('ALIVE')
    process.kill(await world.botPid(), 'SIGUSR1')
    await world.untilSilent()
    expect(guard.stderr()).toContain('EVIDENCE_STALE')
  })

  test('whose health address answers with an error was never alive', async () => {
    const world = await open()
    const port = await freePort()
    const options = ['--liveness', `http://127.0.0.1:${port}/`, '--start-grace', '1']
    const guard = world.guardPython(options, 'http', String(port), '503')
    await eventually('its verdict', () => guard.stderr().includes('EVIDENCE_MISSING'))
    await world.untilSilent()
  })

  test('whose file no longer changes falls silent', async () => {
    const world = await open()
    const file = join(world.redis.home, 'beat')
    const options = ['--liveness-file', file, '--liveness-age', '0.5', '--start-grace', '5']
    const guard = world.guardPython(options, 'touch', file)
    await world.untilVerdict('ALIVE')
    await world.untilBeating()
    process.kill(await world.botPid(), 'SIGUSR1')
    await world.untilSilent()
    expect(guard.stderr()).toContain('EVIDENCE_STALE')
  })

  test('that prints no more falls silent, and all that it printed came through', async () => {
    const world = await open()
    const guard = world.guardPython(['--liveness-output', '0.5'], 'print')
    await eventually('output', () => guard.stdout().includes('line 5\n'))
    await world.untilVerdict('ALIVE')
    await world.untilBeating()
    process.kill(await world.botPid(), 'SIGUSR1')
    await world.untilSilent()
    expect(guard.stderr()).toContain('EVIDENCE_STALE')
    expect(guard.stdout()).toMatch(/^line 1\nline 2\nline 3\n/)
  })

  test('that beats by itself is registered, handed its keys, and not beaten for', async () => {
    const world = await open()
    const guard = world.guardPython(['--liveness', 'none'], 'environment')
    await eventually('up', () => guard.stdout().includes('up'))
    expect(guard.stdout()).toContain('BULKHEAD_REDIS_PASSWORD_FILE')
    await world.botPid()
    await world.untilSilent()
    expect(await world.beat()).toBeNull()
  })

  test('beats by the lines of Python that the page for integrators gives', async () => {
    const world = await open()
    const page = readFileSync(join(projectRoot, 'docs/integrate/guard.md'), 'utf8')
    const snippet = /```python\n(import os\n[\s\S]+?)```/.exec(page)?.[1] ?? ''
    const loop =
      '\nheartbeat = Heartbeat()\nwhile True:\n    heartbeat.beat()\n    time.sleep(0.02)\n'
    world.guard('--liveness', 'none', '--', 'python3', '-c', snippet + loop)
    await world.untilBeating()
    await world.redis.restart()
    await setDesk(await world.redis.link('safety'), 'NORMAL')
    await world.untilBeating()
  })

  test('gets nothing of ours unless it beats by itself', async () => {
    const world = await open()
    const guard = world.guardPython([], 'environment')
    await eventually('up', () => guard.stdout().includes('up'))
    expect(guard.stdout()).toContain('up []')
  })
})

describe('an end', () => {
  test.each([0, 7, 125])('with status %d is passed on', async (status) => {
    const world = await open()
    const guard = world.guardPython([], 'exit', String(status), '0.2')
    expect(await guard.exited).toBe(status)
  })

  test('in order takes leave and unregisters', async () => {
    const world = await open()
    const guard = world.guardPython([], 'exit', '0', '0.3')
    await world.botPid()
    expect(await guard.exited).toBe(0)
    expect(await world.identity()).toEqual({})
    expect(await world.beat()).toBe('left')
    const entries = (await world.audit()).join('\n')
    for (const word of ['BOT_STARTED', 'BOT_ENDED', 'ALIVE']) expect(entries).toContain(word)
    expect(entries).not.toContain('bot.py')
  })

  test('out of order leaves the claim and says no farewell', async () => {
    const world = await open()
    const guard = world.guardPython([], 'run')
    await world.untilBeating()
    const pid = await world.botPid()
    process.kill(pid, 'SIGKILL')
    expect(await guard.exited).toBe(137)
    expect(await world.identity()).toMatchObject({ pid: String(pid) })
    expect(await world.beat()).toMatch(/^\d+$/)
    expect(guard.stderr()).toContain('not in order')
  })

  test('asked for by signals, each passed on once, is in order whatever its status', async () => {
    const world = await open()
    const guard = world.guardPython([], 'signals')
    await eventually('up', () => guard.stdout().includes('up'))
    process.kill(guard.pid, 'SIGINT')
    await eventually('the first', () => guard.stdout().includes('got SIGINT'))
    for (const signal of ['SIGINT', 'SIGHUP', 'SIGUSR2'] as const) process.kill(guard.pid, signal)
    await eventually('the others', () =>
      ['SIGHUP', 'SIGUSR2'].every((name) => guard.stdout().includes(`got ${name}`)),
    )
    process.kill(guard.pid, 'SIGTERM')
    expect(await guard.exited).toBe(9)
    expect(guard.stdout().match(/got SIGINT/g)).toHaveLength(1)
    expect(await world.beat()).toBe('left')
  })

  test('by a signal that was passed on has the status of a shell', async () => {
    const world = await open()
    const guard = world.guard('--', 'sleep', '60')
    await world.untilBeating()
    process.kill(guard.pid, 'SIGTERM')
    expect(await guard.exited).toBe(143)
    expect(await world.identity()).toEqual({})
  })

  test.each([true, false])(
    'takes the forked children along (own cgroup: %s)',
    async (withCgroup) => {
      const world = await open(withCgroup)
      const file = join(world.redis.home, 'children')
      const guard = world.guardPython([], 'fork', file)
      await eventually('its children', () => existsSync(file))
      const [child = 0, orphan = 0] = readFileSync(file, 'utf8').split(' ').map(Number)
      expect([child, orphan].every(isAlive)).toBe(true)
      process.kill(guard.pid, 'SIGTERM')
      await guard.exited
      expect(isAlive(child)).toBe(false)
      // Only a cgroup reaches a child that began a session of its own.
      expect(isAlive(orphan)).toBe(world.cgroups === undefined)
      if (isAlive(orphan)) process.kill(orphan, 'SIGKILL')
    },
  )

  test('of the guard itself leaves the bot to the ladder: registered, alive and silent', async () => {
    const world = await open()
    const guard = world.guardPython([], 'run')
    await world.untilBeating()
    const pid = await world.botPid()
    process.kill(guard.pid, 'SIGKILL')
    await guard.exited
    await world.untilSilent()
    expect(isAlive(pid)).toBe(true)
    const next = world.guardPython([], 'run')
    expect(await next.exited).toBe(125)
    expect(next.stderr()).toContain('RUNS_ALREADY')
  })
})

describe('a bot is not started', () => {
  const refused = async (world: GuardWorld, words: readonly string[]) => {
    const guard = world.guard(...words)
    const status = await guard.exited
    return { status, stderr: guard.stderr(), stdout: guard.stdout() }
  }
  const printing = ['--', 'echo', 'it ran']

  test.each(['SOFT_STOP', 'HARD_STOP', 'EMERGENCY'])('on %s', async (mode) => {
    const world = await open()
    await setDesk(world.safety, mode)
    const { status, stderr, stdout } = await refused(world, printing)
    expect([status, stdout]).toEqual([125, ''])
    expect(stderr).toContain(`KILL_SWITCH_THROWN ${mode}`)
    expect(await world.identity()).toEqual({})
    expect(await world.beat()).toBeNull()
  })

  test('while the state of the kill switch does not parse', async () => {
    const world = await open()
    await world.safety.run((redis) => redis.hset(redisKeys.killSwitchState, { mode: 'FINE' }))
    const { status, stderr, stdout } = await refused(world, printing)
    expect([status, stdout]).toEqual([125, ''])
    expect(stderr).toContain('KILL_SWITCH_UNKNOWN')
  })

  test('while nobody watches', async () => {
    const world = await open()
    const key = redisKeys.heartbeat('dead_man_switch')
    await world.safety.run((redis) => redis.set(key, '1', 'PX', 1))
    await eventually('its expiry', async () => {
      const left = await world.auditor.run((redis) => redis.get(key))
      return left.ok && left.value === null
    })
    const { status, stderr, stdout } = await refused(world, printing)
    expect([status, stdout]).toEqual([125, ''])
    expect(stderr).toContain('WATCHER_SILENT')
  })

  test('without the safety Redis', async () => {
    const world = await open()
    await world.redis.kill()
    const { status, stderr, stdout } = await refused(world, printing)
    expect([status, stdout]).toEqual([125, ''])
    expect(stderr).toContain('REDIS_UNREACHABLE')
    await world.redis.restart()
  })

  test('without its program, and nothing is registered for a slip of the pen', async () => {
    const world = await open()
    const { status, stderr } = await refused(world, ['--', 'no-such-bot'])
    expect(status).toBe(127)
    expect(stderr).toContain('COMMAND_NOT_FOUND')
    expect(await world.identity()).toEqual({})
    expect(await world.beat()).toBeNull()
  })

  test('without a cgroup when one is asked for', async () => {
    const world = await open()
    const { status, stderr } = await refused(world, ['--cgroup', ...printing])
    expect(status).toBe(125)
    expect(stderr).toContain('CGROUP_UNAVAILABLE')
  })

  test('twice: of guards that start at once one gets through', async () => {
    const world = await open()
    const guards = [1, 2, 3].map(() => world.guardPython([], 'run'))
    await world.untilBeating()
    await eventually('two refusals', () => guards.filter(hasEnded).length === 2)
    const refusals = guards.filter(hasEnded)
    expect(await Promise.all(refusals.map(({ exited }) => exited))).toEqual([125, 125])
    for (const { stderr } of refusals) expect(stderr()).toContain('RUNS_ALREADY')
  })

  test.each([
    [['--liveness', 'http://10.0.0.1/', '--', 'echo'], 'loopback'],
    [['--liveness', 'none'], 'give the command'],
  ])('by the wrong words %j', async (words, why) => {
    const world = await open()
    const { status, stderr } = await refused(world, words)
    expect(status).toBe(2)
    expect(stderr).toContain(why)
  })
})

const hasEnded = ({ child }: { child: { exitCode: number | null } }) => child.exitCode !== null
