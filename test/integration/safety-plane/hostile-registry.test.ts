import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { ProcessIdentity } from '@bulkhead/shared/contracts/process-identity.ts'
import { redisKeys } from '@bulkhead/shared/contracts/redis-keys.ts'
import {
  identityOf,
  ownIdentity,
  readCgroupPath,
  readPidNamespace,
} from '@bulkhead/shared/runtime/process-identity.ts'
import { readCgroupState } from '@bulkhead/safety-plane/sever/linux.ts'
import { eventually } from '../../support/eventually.ts'
import {
  isAlive,
  makeGroup,
  openSevering,
  ownUid,
  type Severing,
  targetOf,
  writableMount,
} from './support/severing.ts'

type Claimed = Partial<ProcessIdentity> & { readonly pid: string }

let bench: Severing
beforeEach(async () => {
  bench = await openSevering()
})
afterEach(() => bench.close())

const redisPid = () => bench.redis.server().pid ?? 0
const killed = () => bench.actions().filter((action) => action === 'KILL_INTENDED')

/** A thread of a process that is not its first. */
const threadOf = (pid: number) =>
  eventually('a second thread', () =>
    readdirSync(`/proc/${pid}/task`).find((thread) => thread !== String(pid)),
  )

const startTicksOf = (thread: string) => {
  const stat = readFileSync(`/proc/${thread}/stat`, 'utf8')
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? ''
}

/** The executor as it would be without a cgroup: known by its mark. */
const marked = () => targetOf({ mark: 'the-executor.json' })
const program = ['-e', 'setInterval(() => {}, 1000)']
const executor = () => bench.victim([...program, 'the-executor.json'])

describe('a registry whose entry of the executor', () => {
  test.each<[string, string, () => Claimed | Promise<Claimed>]>([
    ['CLAIM_MALFORMED', 'names process 0', () => ({ pid: '0' })],
    ['CLAIM_PROTECTED', 'names the init process', () => ({ pid: '1' })],
    ['CLAIM_PROTECTED', 'names the safety plane', () => ownIdentity(1n)],
    ['CLAIM_PROTECTED', 'names the safety Redis', () => identityOf(redisPid(), 1n)!],
    ['CLAIM_PROTECTED', 'names what started us', () => identityOf(process.ppid, 1n)!],
    ['CLAIM_UNPROVEN', 'names a stranger of the same user', () => bench.victim().identity()],
    ['CLAIM_MALFORMED', 'is negative', () => ({ pid: '-1' })],
    ['CLAIM_MALFORMED', 'names every process', () => ({ pid: '-0' })],
    ['CLAIM_UNPROVEN', 'is beyond all processes', () => ({ pid: '2147483648' })],
    ['CLAIM_MALFORMED', 'is beyond all numbers', () => ({ pid: '9'.repeat(40) })],
    ['CLAIM_MALFORMED', 'has zeros before it', () => ({ pid: `000${redisPid()}` })],
    ['CLAIM_MALFORMED', 'is in hexadecimal', () => ({ pid: `0x${redisPid().toString(16)}` })],
    ['CLAIM_MALFORMED', 'is text', () => ({ pid: 'executor' })],
    ['CLAIM_MALFORMED', 'is empty', () => ({ pid: '' })],
    ['CLAIM_MALFORMED', 'is a fraction', () => ({ pid: '1.5' })],
    ['CLAIM_MALFORMED', 'is a path', () => ({ pid: '../1' })],
    ['CLAIM_UNPROVEN', 'has other ticks', () => ({ ...executor().identity(), start_ticks: '1' })],
    [
      'CLAIM_UNPROVEN',
      'is of another boot',
      () => ({ ...executor().identity(), boot_id: 'f'.repeat(36) }),
    ],
    [
      'CLAIM_UNPROVEN',
      'is of another user',
      () => ({ ...executor().identity(), uid: String(ownUid + 1) }),
    ],
    [
      'CLAIM_UNPROVEN',
      'is of another namespace',
      () => ({ ...executor().identity(), pid_ns: '5' }),
    ],
    ['CLAIM_MALFORMED', 'has a relative cgroup', () => ({ ...executor().identity(), cgroup: 'x' })],
    [
      'CLAIM_UNPROVEN',
      'names a thread of the safety Redis',
      async () => {
        const thread = await threadOf(redisPid())
        return { ...identityOf(redisPid(), 1n)!, pid: thread, start_ticks: startTicksOf(thread) }
      },
    ],
    [
      'CLAIM_UNPROVEN',
      'names a thread of a stranger',
      async () => {
        const stranger = bench.victim()
        const thread = await threadOf(stranger.pid)
        return { ...stranger.identity(), pid: thread, start_ticks: startTicksOf(thread) }
      },
    ],
  ])('%s: %s: kills nothing, proves nothing, is on record', async (refusal, _what, claim) => {
    const claimed = await claim()
    const pid = Number(claimed.pid)
    const wasAlive = Number.isSafeInteger(pid) && pid > 0 && isAlive(pid)
    await bench.register(claimed)
    expect(await bench.severed(marked())).toMatchObject({ isDead: false, method: 'none' })
    expect(bench.actions()).toEqual(['KILL_UNCONFIRMED'])
    expect(bench.refused).toMatchObject([{ component: 'executor', refusal, pid: claimed.pid }])
    if (wasAlive) expect(isAlive(pid)).toBe(true)
    expect(isAlive(redisPid())).toBe(true)
  })

  test('is of the wrong type hides no other component', async () => {
    const admin = await bench.redis.link('admin')
    await admin.run((commands) => commands.set(redisKeys.pid('executor'), '1'))
    const orchestrator = bench.victim()
    await bench.register(orchestrator.identity(), 'orchestrator')
    const targets = ['executor', 'orchestrator'].map((component) => targetOf({ component }))
    const { identities, severer } = bench.open(targets)
    await identities.refresh()
    expect(bench.refused).toMatchObject([{ component: 'executor', refusal: 'CLAIM_MALFORMED' }])
    expect(await severer.sever(targets[1]!, 'e')).toMatchObject({ isDead: true, method: 'pid' })
  })

  test('names a stranger first does not stand in the way of the executor', async () => {
    const stranger = bench.victim()
    const real = executor()
    const { identities, severer } = bench.open(marked())
    await bench.register(stranger.identity())
    await identities.refresh()
    await bench.register(real.identity())
    await identities.refresh()
    expect(await severer.sever(marked(), 'e')).toMatchObject({ isDead: true, method: 'pid' })
    expect([isAlive(real.pid), isAlive(stranger.pid)]).toEqual([false, true])
  })

  test('names another component kills only that of its own name', async () => {
    const orchestrator = bench.victim([...program, 'the-orchestrator.json'])
    await bench.register(orchestrator.identity())
    await bench.register(orchestrator.identity(), 'orchestrator')
    const other = targetOf({ component: 'orchestrator', mark: 'the-orchestrator.json' })
    const { identities, severer } = bench.open([marked(), other])
    await identities.refresh()
    expect(await severer.sever(marked(), 'e')).toMatchObject({ isDead: false })
    expect(isAlive(orchestrator.pid)).toBe(true)
    expect(await severer.sever(other, 'e')).toMatchObject({ isDead: true })
  })

  test('moves to a second living process does not save the first', async () => {
    const first = executor()
    const second = executor()
    await bench.register(first.identity())
    const { identities, severer } = bench.open(marked())
    await identities.refresh()
    await bench.register(second.identity())
    await identities.refresh()
    expect(identities.claimOf('executor')?.pid).toBe(String(first.pid))
    expect(bench.refused).toMatchObject([{ refusal: 'CLAIM_SECOND_PROCESS' }])
    await severer.sever(marked(), 'e')
    expect(isAlive(first.pid)).toBe(false)
  })

  test('names a process that is long gone does not make the living one dead', async () => {
    const gone = executor()
    const claim = gone.identity()
    const ended = new Promise((resolve) => gone.child.once('exit', resolve))
    gone.child.kill('SIGKILL')
    await ended
    await bench.register(claim)
    const report = await bench.severed(marked())
    expect(report).toMatchObject({ isDead: false, method: 'none' })
    expect(report.reason).toContain('PID_NEVER_SEEN')
  })

  test('is empty proves nothing: unconfirmed', async () => {
    expect(await bench.severed(marked())).toMatchObject({ isDead: false, method: 'none' })
    expect(bench.actions()).toEqual(['KILL_UNCONFIRMED'])
  })

  test('is told apart by a mark in the environment as well', async () => {
    const env = { ...process.env, BULKHEAD_GUARD_CONFIG: '/desk/bot.json' }
    const bot = bench.victim(program, { env })
    await bench.register(bot.identity())
    const target = targetOf({ mark: 'BULKHEAD_GUARD_CONFIG=/desk/bot.json' })
    expect(await bench.severed(target)).toMatchObject({ isDead: true, method: 'pid' })
  })
})

describe('an observation component', () => {
  const announce = async (identity: ProcessIdentity) => {
    const control = await bench.redis.link('control')
    await control.run((commands) => commands.hset(redisKeys.pid('control_api'), identity))
  }

  test('that the executor claims to be is not killed', async () => {
    const observer = bench.victim()
    await announce(observer.identity())
    const { identities, severer } = bench.open(targetOf())
    await identities.refresh()
    await bench.register(observer.identity())
    await identities.refresh()
    expect(await severer.sever(targetOf(), 'e')).toMatchObject({ isDead: false })
    expect(isAlive(observer.pid)).toBe(true)
  })

  test('that claims to be the executor does not shield it', async () => {
    const real = executor()
    await bench.register(real.identity())
    await announce(real.identity())
    expect(await bench.severed(marked())).toMatchObject({ isDead: true, method: 'pid' })
    expect(isAlive(real.pid)).toBe(false)
  })
})

describe('a number that changed hands', () => {
  /** Starts a process, and after a line another of the same number, if the kernel can be asked. */
  const script = `
import os, sys, time
def start():
    pid = os.fork()
    if pid == 0:
        os.execvp(sys.argv[1], sys.argv[1:])
    return pid
def end(pid):
    os.kill(pid, 9)
    os.waitpid(pid, 0)
first = start()
print(first, flush=True)
sys.stdin.readline()
end(first)
second = start()
for attempt in range(50):
    if second == first:
        break
    end(second)
    try:
        with open('/proc/sys/kernel/ns_last_pid', 'w') as last:
            last.write(str(first - 1))
    except OSError:
        pass
    second = start()
print(second, flush=True)
sys.stdin.readline()
`

  test('is never killed: the second process of the same number lives', async () => {
    const argv = ['-c', script, process.execPath, '-e', 'setInterval(() => {}, 1000)']
    const holder = spawn('python3', argv, { stdio: ['pipe', 'pipe', 'inherit'] })
    bench.track(holder)
    const lines = createInterface({ input: holder.stdout })[Symbol.asyncIterator]()
    const first = Number((await lines.next()).value)
    await eventually('the first process', () => identityOf(first, 1n))
    await bench.register(identityOf(first, 1n)!)
    const { identities, severer } = bench.open(targetOf())
    await identities.refresh()
    holder.stdin.write('\n')
    const second = Number((await lines.next()).value)
    try {
      // A busy host may give the number to another process, or one without the right to ask to
      // none. In every case the first is dead, and nothing may be signalled.
      const verdict = identities.judge('executor')
      expect(second === first ? ['PID_REUSED'] : ['PID_REUSED', 'PID_GONE']).toContain(verdict)
      expect(await severer.sever(targetOf(), 'e')).toMatchObject({ method: 'already_dead' })
      expect(killed()).toEqual([])
      expect(isAlive(second)).toBe(true)
    } finally {
      process.kill(second, 'SIGKILL')
    }
  })
})

describe('a cgroup that is not the one of the component', () => {
  const mount = writableMount()

  test('is not reached over a link, a way up, or a folder that is no cgroup', async () => {
    const folder = join(bench.redis.home, 'no-hierarchy')
    mkdirSync(join(folder, 'executor'), { recursive: true })
    writeFileSync(join(folder, 'executor', 'cgroup.events'), 'populated 0\n')
    writeFileSync(join(folder, 'executor', 'cgroup.kill'), '')
    const { pid, identity } = executor()
    await bench.register(identity())
    const target = targetOf({ cgroup: '/executor', mark: 'the-executor.json' })
    const report = await bench.severed(target, { mount: folder })
    expect(report.isDead).toBe(false)
    expect(report.reason).toContain('CGROUP_MOUNT_FOREIGN')
    expect(readFileSync(join(folder, 'executor', 'cgroup.kill'), 'utf8')).toBe('')
    expect(isAlive(pid)).toBe(true)
    symlinkSync(mount ?? '/sys/fs/cgroup', join(folder, 'linked'))
    expect(readCgroupState(folder, '/linked')).toBe('unreadable')
  })

  test.each([
    ['CGROUP_IS_ROOT', '/'],
    ['CGROUP_PATH_UNSAFE', '/..'],
    ['CGROUP_PATH_UNSAFE', '/bulkhead/../'],
    ['CGROUP_HOLDS_PROTECTED', 'the own one'],
  ])('is refused as %s: %s', async (reason, path) => {
    await bench.register(executor().identity())
    if (mount === null) {
      expect(readCgroupState('/sys/fs/cgroup', path)).not.toBe('empty')
      return
    }
    const home = readCgroupPath('self') ?? '/'
    const own = makeGroup(mount)
    try {
      own.join(process.pid)
      const cgroup = path === 'the own one' ? own.path : path
      const report = await bench.severed(targetOf({ cgroup }), { mount })
      expect(report.isDead).toBe(false)
      expect(report.reason).toContain(reason)
      expect(isAlive(redisPid())).toBe(true)
    } finally {
      // Before the group is removed with all that is in it.
      writeFileSync(join(mount, home, 'cgroup.procs'), String(process.pid))
      await own.remove()
    }
  })
})

test('the namespace of this process is known, or every number would be foreign', () => {
  expect(readPidNamespace('self')).toMatch(/^\d+$/)
})
