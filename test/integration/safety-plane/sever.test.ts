import { spawnSync } from 'node:child_process'
import { chownSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { projectRoot } from '@bulkhead/shared/runtime/home.ts'
import { identityOf } from '@bulkhead/shared/runtime/process-identity.ts'
import { killCgroup, readCgroupState } from '@bulkhead/safety-plane/sever/linux.ts'
import { eventually } from '../../support/eventually.ts'
import { startNode, type StartedProcess } from './support/process.ts'
import {
  isAlive,
  makeGroup,
  openSevering,
  type Severing,
  targetOf,
  writableMount,
} from './support/severing.ts'

/** A user that owns nothing here. */
const nobody = 65_534
const victimFile = join(import.meta.dirname, 'support/forking-victim.ts')

let bench: Severing
beforeEach(async () => {
  bench = await openSevering()
})
afterEach(() => bench.close())

describe('a registered process', () => {
  test('is killed and proven dead, with an entry before the kill and one after', async () => {
    const { pid, identity } = bench.victim()
    await bench.register(identity())
    const report = await bench.severed(targetOf())
    expect(report).toMatchObject({ component: 'executor', isDead: true, method: 'pid' })
    expect(report.durationUs).toBeGreaterThan(0)
    expect(isAlive(pid)).toBe(false)
    expect(bench.actions()).toEqual(['KILL_INTENDED', 'KILL_VERIFIED'])
    expect(bench.audited[0]!.fields).toMatchObject({ method: 'pid', pid: String(pid) })
  })

  test('is killed while it is stopped', async () => {
    const { pid, identity } = bench.victim()
    await bench.register(identity())
    process.kill(pid, 'SIGSTOP')
    expect(await bench.severed(targetOf())).toMatchObject({ isDead: true, method: 'pid' })
    expect(isAlive(pid)).toBe(false)
  })

  test('that was seen and has ended counts as dead and nothing is killed', async () => {
    const { child, identity } = bench.victim()
    await bench.register(identity())
    const meanwhile = () => {
      const gone = new Promise((resolve) => child.once('exit', resolve))
      child.kill('SIGKILL')
      return gone
    }
    const report = await bench.severed(targetOf(), { meanwhile })
    expect(report).toMatchObject({ isDead: true, method: 'already_dead' })
    expect(bench.actions()).toEqual(['KILL_VERIFIED'])
  })

  test('is known without Redis and after a restart of the safety plane', async () => {
    const { pid, identity } = bench.victim()
    await bench.register(identity())
    await bench.open(targetOf()).identities.refresh()
    await bench.redis.kill()
    expect(await bench.severed(targetOf())).toMatchObject({ isDead: true, method: 'pid' })
    expect(isAlive(pid)).toBe(false)
  })

  test('that was replaced while it died takes its successor with it', async () => {
    const first = bench.victim()
    const second = bench.victim()
    await bench.register(first.identity())
    const { identities, severer } = bench.open(targetOf())
    await identities.refresh()
    const report = severer.sever(targetOf(), 'episode-1')
    await bench.register(second.identity())
    expect(await report).toMatchObject({ isDead: true })
    expect([isAlive(first.pid), isAlive(second.pid)]).toEqual([false, false])
  })
})

describe('a whole tree', () => {
  const mount = writableMount()

  async function startTree(): Promise<{ parent: StartedProcess; child: number }> {
    const parent = await startNode(victimFile, [])
    bench.track(parent.child)
    const child = await eventually('the detached child', () => {
      const tasks = `/proc/${parent.pid}/task/${parent.pid}/children`
      const pid = Number(readFileSync(tasks, 'utf8').trim().split(' ')[0])
      return pid > 0 ? pid : undefined
    })
    return { parent, child }
  }

  test.each(['running', 'frozen', 'stopped'])(
    'dies by its cgroup, children with sessions of their own and all, also when %s',
    async (state) => {
      const { parent, child } = await startTree()
      if (mount === null) {
        // Without the right to make cgroups only the registered process can be proven dead.
        await bench.register(identityOf(parent.pid, 1n)!)
        expect(await bench.severed(targetOf())).toMatchObject({ isDead: true, method: 'pid' })
        process.kill(child, 'SIGKILL')
        return
      }
      const group = makeGroup(mount)
      try {
        group.join(parent.pid, child)
        if (state === 'frozen') writeFileSync(join(group.directory, 'cgroup.freeze'), '1')
        if (state === 'stopped') for (const pid of group.pids()) process.kill(pid, 'SIGSTOP')
        await bench.register(identityOf(parent.pid, 1n)!)
        const report = await bench.severed(targetOf({ cgroup: group.path }), { mount })
        expect(report).toMatchObject({ isDead: true, method: 'cgroup' })
        expect(readCgroupState(mount, group.path)).toBe('empty')
        expect([isAlive(parent.pid), isAlive(child)]).toEqual([false, false])
      } finally {
        await group.remove()
      }
    },
  )

  test('is killed by a user to whom nothing but its cgroup.kill was given', async () => {
    const { pid } = bench.victim()
    if (mount === null || process.getuid?.() !== 0) {
      // Nobody to give it to: a group that is not there is not killed by anybody.
      expect(killCgroup(mount ?? '/sys/fs/cgroup', '/no-such-group')).not.toBe(null)
      return
    }
    const group = makeGroup(mount)
    try {
      group.join(pid)
      chownSync(join(group.directory, 'cgroup.kill'), nobody, nobody)
      const kill = `import { killCgroup } from '@bulkhead/safety-plane/sever/linux.ts'
        process.setegid(${nobody})
        process.seteuid(${nobody})
        console.log(killCgroup(...process.argv.slice(1)))`
      const args = ['--input-type=module', '-e', kill, mount, group.path]
      const run = spawnSync(process.execPath, args, { cwd: projectRoot, encoding: 'utf8' })
      expect(run).toMatchObject({ stdout: 'null\n', stderr: '' })
      await eventually('its death', () => !isAlive(pid))
    } finally {
      await group.remove()
    }
  })

  test('that is not in its cgroup is not killed there and not called dead', async () => {
    const stranger = bench.victim()
    await bench.register(stranger.identity())
    const target = targetOf({ cgroup: '/no-such-group' })
    const report = await bench.severed(target, { mount: mount ?? '/sys/fs/cgroup' })
    expect(report.isDead).toBe(false)
    expect(report.reason).toContain('PID_FOREIGN_CGROUP')
    expect(isAlive(stranger.pid)).toBe(true)
  })

  test('is spared when the safety Redis lives in its group', async () => {
    const { pid, identity } = bench.victim()
    const redisPid = bench.redis.server().pid ?? 0
    if (mount === null) {
      // Without the right to make cgroups: a group that cannot be read is never called empty.
      await bench.register(identity())
      const target = targetOf({ cgroup: '/bulkhead-test' })
      expect(await bench.severed(target, { mount: '/sys/fs/cgroup' })).toMatchObject({
        isDead: false,
      })
      return
    }
    const group = makeGroup(mount)
    try {
      group.join(pid, redisPid)
      await bench.register(identity())
      const report = await bench.severed(targetOf({ cgroup: group.path }), { mount })
      expect(report).toMatchObject({ isDead: false, method: 'pid' })
      expect(report.reason).toContain('CGROUP_HOLDS_PROTECTED')
      expect(isAlive(redisPid)).toBe(true)
    } finally {
      await group.remove()
    }
  })
})
