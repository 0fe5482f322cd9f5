import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { AuditRecord } from '@bulkhead/shared/contracts/audit-entry.ts'
import type { ProcessIdentity } from '@bulkhead/shared/contracts/process-identity.ts'
import { redisKeys } from '@bulkhead/shared/contracts/redis-keys.ts'
import { createLogger } from '@bulkhead/shared/runtime/log.ts'
import { identityOf, ownIdentity } from '@bulkhead/shared/runtime/process-identity.ts'
import type { RedisLink } from '@bulkhead/shared/runtime/redis-link.ts'
import { systemClock } from '@bulkhead/shared/runtime/system-clock.ts'
import { IdentityCache } from '@bulkhead/safety-plane/sever/identities.ts'
import { observeProcess, readCgroupState } from '@bulkhead/safety-plane/sever/linux.ts'
import { type KillableTarget, Severer } from '@bulkhead/safety-plane/sever/loop.ts'
import { eventually } from '../../support/eventually.ts'
import { startSafetyRedis, type TestRedis } from '../../support/redis.ts'
import { startNode, type StartedProcess } from './support/process.ts'

const uid = process.getuid?.() ?? 0
const victimFile = join(import.meta.dirname, 'support/forking-victim.ts')

let redis: TestRedis
let link: RedisLink
let trading: RedisLink
const audited: AuditRecord[] = []
const started: ChildProcess[] = []

beforeEach(async () => {
  redis = await startSafetyRedis()
  link = await redis.link('safety')
  trading = await redis.link('trading')
  mkdirSync(redis.layout.safetyStateDir, { recursive: true })
  audited.length = 0
})
afterEach(async () => {
  for (const child of started.splice(0)) child.kill('SIGKILL')
  await redis.close()
})

const targetOf = (parts: Partial<KillableTarget> = {}): KillableTarget => ({
  component: 'executor',
  uid,
  cgroup: null,
  containerCommand: null,
  ...parts,
})

function severerFor(target: KillableTarget, cgroupMount: string | null = null) {
  const log = createLogger('test', { file: join(redis.home, 'test.log') })
  const identities = new IdentityCache(link, [target], redis.layout.safetyStateDir, log)
  const limits = { cgroupMount, verifyTimeoutMs: 500, containerTimeoutMs: 1_000 }
  const audit = async (record: AuditRecord) => {
    audited.push(record)
  }
  return { identities, severer: new Severer(identities, limits, systemClock, audit) }
}

const register = (identity: Partial<ProcessIdentity> & { pid: string }, component = 'executor') =>
  trading.run((commands) =>
    commands.hset(redisKeys.pid(component), { ...ownIdentity(1n), ...identity }),
  )

function victim(): { child: ChildProcess; pid: number; identity: () => ProcessIdentity } {
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' })
  started.push(child)
  const pid = child.pid ?? 0
  return {
    child,
    pid,
    identity: () => {
      const identity = identityOf(pid, 1n)
      if (identity === undefined) throw new Error('the victim is gone')
      return identity
    },
  }
}

const isAlive = (pid: number) => {
  const seen = observeProcess(pid)
  return seen !== null && seen.state !== 'Z'
}

async function severed(target: KillableTarget, cgroupMount: string | null = null) {
  const { identities, severer } = severerFor(target, cgroupMount)
  await identities.refresh()
  return severer.sever(target, 'episode-1')
}

describe('a registered process', () => {
  test('is killed and proven dead, with an entry before the kill and one after', async () => {
    const { pid, identity } = victim()
    await register(identity())
    const report = await severed(targetOf())
    expect(report).toMatchObject({ component: 'executor', isDead: true, method: 'pid' })
    expect(report.durationUs).toBeGreaterThan(0)
    expect(isAlive(pid)).toBe(false)
    expect(audited.map(({ action }) => action)).toEqual(['KILL_INTENDED', 'KILL_VERIFIED'])
    expect(audited[0]!.fields).toMatchObject({ method: 'pid', pid: String(pid) })
  })

  test('is killed while it is stopped', async () => {
    const { pid, identity } = victim()
    await register(identity())
    process.kill(pid, 'SIGSTOP')
    expect(await severed(targetOf())).toMatchObject({ isDead: true, method: 'pid' })
    expect(isAlive(pid)).toBe(false)
  })

  test('that ended before counts as dead and nothing is killed', async () => {
    const { child, identity } = victim()
    await register(identity())
    const gone = new Promise((resolve) => child.once('exit', resolve))
    child.kill('SIGKILL')
    await gone
    expect(await severed(targetOf())).toMatchObject({ isDead: true, method: 'already_dead' })
    expect(audited.map(({ action }) => action)).toEqual(['KILL_VERIFIED'])
  })

  test('is known without Redis and after a restart of the safety plane', async () => {
    const { pid, identity } = victim()
    await register(identity())
    const { identities } = severerFor(targetOf())
    await identities.refresh()
    await redis.kill()
    expect(await severed(targetOf())).toMatchObject({ isDead: true, method: 'pid' })
    expect(isAlive(pid)).toBe(false)
  })

  test('that was replaced while it died takes its successor with it', async () => {
    const first = victim()
    const second = victim()
    await register(first.identity())
    const { identities, severer } = severerFor(targetOf())
    await identities.refresh()
    const report = severer.sever(targetOf(), 'episode-1')
    await register(second.identity())
    expect(await report).toMatchObject({ isDead: true })
    expect([isAlive(first.pid), isAlive(second.pid)]).toEqual([false, false])
  })
})

describe('a hostile registry', () => {
  const redisPid = () => redis.server().pid ?? 0

  test.each<[string, () => Partial<ProcessIdentity> & { pid: string }]>([
    ['the init process', () => ({ pid: '1' })],
    ['the safety plane itself', () => ownIdentity(1n)],
    ['the safety Redis', () => identityOf(redisPid(), 1n)!],
    ['the parent of the safety plane', () => identityOf(process.ppid, 1n)!],
    ['a process of another start', () => ({ ...victim().identity(), start_ticks: '1' })],
    ['a process of another boot', () => ({ ...victim().identity(), boot_id: 'f'.repeat(36) })],
    ['a process of another user', () => ({ ...victim().identity(), uid: String(uid + 1) })],
    ['text instead of a number', () => ({ pid: 'executor' })],
    ['a negative number', () => ({ pid: '-1' })],
    ['a number beyond all processes', () => ({ pid: '2147483648' })],
  ])('that names %s kills nothing', async (_what, claim) => {
    const claimed = claim()
    const number = Number(claimed.pid)
    const wasAlive = Number.isInteger(number) && number > 0 && isAlive(number)
    await register(claimed)
    await severed(targetOf())
    expect(audited.map(({ action }) => action)).not.toContain('KILL_INTENDED')
    if (wasAlive) expect(isAlive(number)).toBe(true)
    expect(isAlive(redisPid())).toBe(true)
  })

  test('that names an observation component kills nothing', async () => {
    const observer = victim()
    const control = await redis.link('control')
    const identity = observer.identity()
    await control.run((commands) => commands.hset(redisKeys.pid('control_api'), identity))
    await register(identity)
    const { identities, severer } = severerFor(targetOf())
    await identities.refresh()
    expect(await severer.sever(targetOf(), 'episode-1')).toMatchObject({ isDead: false })
    expect(isAlive(observer.pid)).toBe(true)
  })

  test('that moves to a second living process does not save the first', async () => {
    const first = victim()
    const stranger = victim()
    await register(first.identity())
    const { identities, severer } = severerFor(targetOf())
    await identities.refresh()
    await register(stranger.identity())
    await identities.refresh()
    expect(identities.claimOf('executor')?.pid).toBe(String(first.pid))
    await severer.sever(targetOf(), 'episode-1')
    expect(isAlive(first.pid)).toBe(false)
  })

  test('that is empty proves nothing: unconfirmed', async () => {
    expect(await severed(targetOf())).toMatchObject({ isDead: false, method: 'none' })
    expect(audited.map(({ action }) => action)).toEqual(['KILL_UNCONFIRMED'])
  })
})

describe('a container command', () => {
  const elsewhere = { pid: '4242', pid_ns: '5' }

  test('stops what lives in another PID namespace', async () => {
    await register(elsewhere)
    const target = targetOf({ containerCommand: ['true'] })
    expect(await severed(target)).toMatchObject({ isDead: true, method: 'container' })
  })

  test.each([
    ['fails', ['false'], 'EXIT_1'],
    ['is not there', ['no-such-command-anywhere'], 'EXIT_ENOENT'],
    ['takes too long', ['sleep', '30'], 'EXIT_SIGKILL'],
  ])('that %s proves nothing', async (_what, containerCommand, reason) => {
    await register(elsewhere)
    const report = await severed(targetOf({ containerCommand }))
    expect(report.isDead).toBe(false)
    expect(report.reason).toContain(reason)
  })

  test('is run without a shell', async () => {
    await register(elsewhere)
    const planted = join(redis.home, 'planted')
    await severed(targetOf({ containerCommand: ['true', `; touch ${planted}`, '$(reboot)'] }))
    expect(existsSync(planted)).toBe(false)
  })
})

/** A v2 hierarchy in which this user may make groups, or null. */
function writableMount(): string | null {
  for (const mount of ['/sys/fs/cgroup/unified', '/sys/fs/cgroup']) {
    const probe = join(mount, `bulkhead-probe-${process.pid}`)
    try {
      mkdirSync(probe)
      const usable = existsSync(join(probe, 'cgroup.kill'))
      rmdirSync(probe)
      if (usable) return mount
    } catch {
      // Not permitted here: the next one, or none.
    }
  }
  return null
}

describe('a whole tree', () => {
  const mount = writableMount()
  const cgroup = `/bulkhead-test-${process.pid}`
  const directory = join(mount ?? '', cgroup)

  async function startTree(): Promise<{ parent: StartedProcess; child: number }> {
    const parent = await startNode(victimFile, [])
    started.push(parent.child)
    const child = await eventually('the detached child', () => {
      const tasks = `/proc/${parent.pid}/task/${parent.pid}/children`
      const pid = Number(readFileSync(tasks, 'utf8').trim().split(' ')[0])
      return pid > 0 ? pid : undefined
    })
    return { parent, child }
  }

  test('dies by its cgroup, detached children and all, also when frozen', async () => {
    const { parent, child } = await startTree()
    if (mount === null) {
      // Without the right to make cgroups only the registered process can be proven dead.
      await register(identityOf(parent.pid, 1n)!)
      expect(await severed(targetOf())).toMatchObject({ isDead: true, method: 'pid' })
      process.kill(child, 'SIGKILL')
      return
    }
    mkdirSync(directory)
    try {
      for (const pid of [parent.pid, child])
        writeFileSync(join(directory, 'cgroup.procs'), String(pid))
      writeFileSync(join(directory, 'cgroup.freeze'), '1')
      await register(identityOf(parent.pid, 1n)!)
      const report = await severed(targetOf({ cgroup }), mount)
      expect(report).toMatchObject({ isDead: true, method: 'cgroup' })
      expect(readCgroupState(mount, cgroup)).toBe('empty')
      expect([isAlive(parent.pid), isAlive(child)]).toEqual([false, false])
    } finally {
      await parent.kill()
      await eventually('the empty group', () => readCgroupState(mount, cgroup) === 'empty')
      await eventually('its removal', () => {
        rmdirSync(directory)
        return true
      })
    }
  })

  test('that is not in its cgroup is not killed there and not called dead', async () => {
    const stranger = victim()
    await register(stranger.identity())
    const report = await severed(targetOf({ cgroup: '/no-such-group' }), mount ?? '/sys/fs/cgroup')
    expect(report.isDead).toBe(false)
    expect(report.reason).toContain('PID_FOREIGN_CGROUP')
    expect(isAlive(stranger.pid)).toBe(true)
  })

  test('is spared when the safety Redis lives in its group', async () => {
    const target = targetOf({ cgroup })
    if (mount === null) return expectRootSpared(target)
    mkdirSync(directory)
    const { pid, identity } = victim()
    try {
      for (const member of [pid, redis.server().pid ?? 0])
        writeFileSync(join(directory, 'cgroup.procs'), String(member))
      await register(identity())
      const report = await severed(target, mount)
      expect(report).toMatchObject({ isDead: false, method: 'pid' })
      expect(report.reason).toContain('CGROUP_HOLDS_PROTECTED')
      expect(isAlive(redis.server().pid ?? 0)).toBe(true)
    } finally {
      await redis.kill()
      await eventually('the empty group', () => readCgroupState(mount, cgroup) === 'empty')
      await eventually('its removal', () => {
        rmdirSync(directory)
        return true
      })
    }
  })

  /** Without the right to make cgroups: a group that cannot be read is never called empty. */
  async function expectRootSpared(target: KillableTarget): Promise<void> {
    await register(victim().identity())
    expect(await severed(target, '/sys/fs/cgroup')).toMatchObject({ isDead: false })
  }
})
