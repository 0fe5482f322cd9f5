import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { readPidNamespace } from '@bulkhead/shared/runtime/process-identity.ts'
import { splitCommand } from '@bulkhead/safety-plane/sever/container.core.ts'
import { type Container, startContainer } from './support/containers.ts'
import {
  isAlive,
  makeGroup,
  openSevering,
  type Severing,
  targetOf,
  writableMount,
} from './support/severing.ts'

let bench: Severing
const containers: Container[] = []
beforeEach(async () => {
  bench = await openSevering()
})
afterEach(async () => {
  for (const container of containers.splice(0)) container.remove()
  await bench.close()
})

const commandOf = (text: string) => {
  const words = splitCommand(text)
  if (!words.ok) throw new Error(words.failure)
  return words.value
}

async function start(...args: Parameters<typeof startContainer>): Promise<Container> {
  const container = await startContainer(...args)
  containers.push(container)
  await bench.register(container.identity)
  return container
}

describe('a component in a container', () => {
  test('runs in runc wherever the host has it', async () => {
    const { runtime } = await start('executor')
    const hasRunc = spawnSync('runc', ['--version']).status === 0
    if (hasRunc && process.getuid?.() === 0) expect(runtime).toBe('runc')
    else expect(runtime).toContain('unshare, because runc says: ')
  })

  test('is stopped by its command, and its namespace seen deserted', async () => {
    const container = await start('executor')
    expect(container.identity.pid_ns).not.toBe(readPidNamespace('self'))
    const containerCommand = commandOf(container.killCommand)
    const report = await bench.severed(targetOf({ containerCommand }))
    expect(report).toMatchObject({ isDead: true, method: 'container' })
    expect(container.processes()).toEqual([])
    expect(bench.actions()).toEqual(['KILL_INTENDED', 'KILL_VERIFIED'])
  })

  test('is stopped while its processes are stopped', async () => {
    const container = await start('executor')
    for (const pid of container.processes()) process.kill(pid, 'SIGSTOP')
    const containerCommand = commandOf(container.killCommand)
    expect(await bench.severed(targetOf({ containerCommand }))).toMatchObject({ isDead: true })
    expect(container.processes()).toEqual([])
  })

  test('is not dead because a command says so', async () => {
    const container = await start('executor')
    const report = await bench.severed(targetOf({ containerCommand: ['true'] }))
    expect(report).toMatchObject({ isDead: false, method: 'container' })
    expect(report.reason).toContain('container: STILL_ALIVE')
    expect(bench.actions()).toEqual(['KILL_INTENDED', 'KILL_UNCONFIRMED'])
    expect(container.processes()).toHaveLength(3)
  })

  test('is never signalled by its number, which here is that of another', async () => {
    const container = await start('executor')
    const report = await bench.severed(targetOf())
    expect(report).toMatchObject({ isDead: false, method: 'none' })
    expect(report.reason).toContain('pid: PID_OTHER_NAMESPACE')
    expect(container.processes()).toHaveLength(3)
    expect(isAlive(1)).toBe(true)
  })

  test('dies by its cgroup where it has one, without any command', async () => {
    const mount = writableMount()
    if (mount === null) {
      const { killCommand } = await start('executor')
      const containerCommand = commandOf(killCommand)
      expect(await bench.severed(targetOf({ containerCommand }))).toMatchObject({ isDead: true })
      return
    }
    const group = makeGroup(mount)
    try {
      const container = await start('executor', group)
      const report = await bench.severed(targetOf({ cgroup: group.path }), { mount })
      expect(report).toMatchObject({ isDead: true, method: 'cgroup' })
      expect(container.processes()).toEqual([])
    } finally {
      for (const container of containers.splice(0)) container.remove()
      await group.remove()
    }
  })
})

describe('a container that cannot be seen from here', () => {
  const elsewhere = { pid: '4242', pid_ns: '5' }
  const severed = (parts: Parameters<typeof targetOf>[0]) =>
    bench.severed(targetOf(parts), { containerTimeoutMs: 300 })
  beforeEach(() => bench.register(elsewhere))

  test('is dead when a second command has shown that nothing of it runs', async () => {
    const report = await severed({ containerCommand: ['true'], containerGoneCommand: ['true'] })
    expect(report).toMatchObject({ isDead: true, method: 'container' })
  })

  test.each([
    ['there is no second command', null, 'STILL_ALIVE'],
    ['the second command denies it', ['false'], 'GONE_EXIT_1'],
    ['the second command takes too long', ['sleep', '30'], 'GONE_EXIT_TIMED_OUT'],
  ])('is not dead when %s', async (_what, containerGoneCommand, reason) => {
    const report = await severed({ containerCommand: ['true'], containerGoneCommand })
    expect(report.isDead).toBe(false)
    expect(report.reason).toContain(reason)
  })

  test.each([
    ['fails', ['false'], 'EXIT_1'],
    ['is not there', ['no-such-command-anywhere'], 'EXIT_ENOENT'],
    ['may not be run', ['/'], 'EXIT_EACCES'],
    ['takes too long', ['sleep', '30'], 'EXIT_TIMED_OUT'],
    ['talks without end', ['yes'], 'EXIT_TIMED_OUT'],
  ])('is not dead when its command %s', async (_what, containerCommand, reason) => {
    const report = await severed({ containerCommand, containerGoneCommand: ['true'] })
    expect(report.isDead).toBe(false)
    expect(report.reason).toContain(`container: ${reason}`)
  })

  test('has its command run without a shell, word for word', async () => {
    const planted = join(bench.redis.home, 'planted')
    const words = ['test', '$(reboot); touch {name}', '=', '$(reboot); touch executor']
    const report = await severed({ containerCommand: words, containerGoneCommand: ['true'] })
    expect(report).toMatchObject({ isDead: true, method: 'container' })
    await severed({ containerCommand: ['true', `; touch ${planted}`, `\`touch ${planted}\``] })
    expect(existsSync(planted)).toBe(false)
  })
})
