import { type ChildProcess, spawn } from 'node:child_process'
import { hash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { redisKeys } from '@bulkhead/shared/contracts/redis-keys.ts'
import { projectRoot } from '@bulkhead/shared/runtime/home.ts'
import type { RedisLink } from '@bulkhead/shared/runtime/redis-link.ts'
import { type CgroupTree, createCgroupTree } from '../../../../deploy/bootstrap/cgroups.ts'
import { eventually } from '../../../support/eventually.ts'
import { startSafetyRedis, type TestRedis } from '../../../support/redis.ts'

const main = join(projectRoot, 'trading-plane/guard/main.ts')
export const botFile = join(import.meta.dirname, 'bot.py')
export const bot = 'nautilus'

export type Guard = {
  readonly child: ChildProcess
  readonly pid: number
  readonly stdout: () => string
  readonly stderr: () => string
  readonly exited: Promise<number | NodeJS.Signals | null>
}

/** A real Redis on which the kill switch is NORMAL and the watcher beats, and guards for a bot. */
export type GuardWorld = {
  readonly redis: TestRedis
  readonly auditor: RedisLink
  readonly safety: RedisLink
  readonly cgroups: CgroupTree | undefined
  /** Starts a guard; the words are its own options, `--` and the command of the bot. */
  readonly guard: (...words: string[]) => Guard
  /** The same with `python3 bot.py` and these arguments as the bot. */
  readonly guardPython: (options: readonly string[], ...args: string[]) => Guard
  readonly beat: () => Promise<string | null>
  readonly identity: () => Promise<Record<string, string>>
  /** Process number of the bot, once it is registered. */
  readonly botPid: () => Promise<number>
  readonly untilBeating: () => Promise<void>
  /** Resolves when no beat came for ten intervals. */
  readonly untilSilent: () => Promise<void>
  /** Resolves once the guard has logged this verdict. */
  readonly untilVerdict: (verdict: string) => Promise<unknown>
  readonly audit: () => Promise<string[]>
  readonly close: () => Promise<void>
}

const intervalMs = 50

export async function createGuardWorld(withCgroup: boolean): Promise<GuardWorld> {
  const redis = await startSafetyRedis(0, [bot])
  const [auditor, safety] = [await redis.link('auditor'), await redis.link('safety')]
  await setDesk(safety, 'NORMAL')
  const name = `bulkhead-test-${hash('sha256', redis.home).slice(0, 10)}`
  const cgroups = withCgroup ? createCgroupTree(name) : undefined
  const configFile = writeGuardConfig(redis, cgroups)
  const guards: Guard[] = []
  const guard = (...words: string[]) => {
    const started = spawnGuard(configFile, words)
    guards.push(started)
    return started
  }
  const read = async <T>(call: Parameters<RedisLink['run']>[0]) => {
    const { value } = await eventually('an answer of Redis', async () => {
      const reply = await auditor.run(call)
      return reply.ok && reply
    })
    return value as T
  }
  const beat = () => read<string | null>((commands) => commands.get(redisKeys.heartbeat(bot)))
  const identity = () =>
    read<Record<string, string>>((commands) => commands.hgetall(redisKeys.pid(bot)))
  const isDecimal = (value: string | null) => /^\d+$/.test(value ?? '')
  return {
    redis,
    auditor,
    safety,
    cgroups,
    guard,
    guardPython: (options, ...args) => guard(...options, '--', 'python3', botFile, ...args),
    beat,
    identity,
    botPid: async () =>
      Number(await eventually('registered', async () => hasPid(await identity()))),
    untilBeating: async () => {
      const first = await eventually('a first beat', async () => {
        const value = await beat()
        return isDecimal(value) ? value : undefined
      })
      await eventually('one more beat', async () => {
        const value = await beat()
        return isDecimal(value) && value !== first
      })
    },
    untilSilent: async () => {
      let last = await beat()
      let sinceMs = performance.now()
      await eventually('silence', async () => {
        const value = await beat()
        if (value !== last) sinceMs = performance.now()
        last = value
        return performance.now() - sinceMs > 10 * intervalMs
      })
    },
    untilVerdict: (verdict) => {
      const file = redis.layout.logFile(bot)
      return eventually(verdict, () => existsSync(file) && readFileSync(file).includes(verdict))
    },
    audit: async () => {
      const key = redisKeys.auditInbox(bot)
      const reply = await safety.run((commands) => commands.lrange(key, 0, -1))
      return reply.ok ? reply.value : []
    },
    close: async () => {
      for (const each of guards) await endGuard(each)
      const claim = await auditor.run((commands) => commands.hget(redisKeys.pid(bot), 'pid'))
      if (claim.ok && claim.value !== null) endGroup(Number(claim.value))
      cgroups?.remove()
      await redis.close()
    },
  }
}

const hasPid = (claim: Record<string, string>) => claim['pid']

/** The kill switch as the safety plane writes it, and a watcher that beats. */
export async function setDesk(safety: RedisLink, mode: string): Promise<void> {
  const episode = mode === 'NORMAL' ? '' : 'episode-1'
  const state = { mode, episode, reason: '', since_ns: '1', generation: '1' }
  await safety.run((commands) => commands.hset(redisKeys.killSwitchState, state))
  await safety.run((commands) => commands.set(redisKeys.heartbeat('dead_man_switch'), '1'))
}

function writeGuardConfig(redis: TestRedis, cgroups: CgroupTree | undefined): string {
  const { layout } = redis
  mkdirSync(layout.auditDir, { recursive: true })
  mkdirSync(join(layout.home, 'config'), { recursive: true })
  const file = layout.configFile(bot)
  const config = {
    component: bot,
    environment: 'PAPER',
    redis: redis.guardConfig(bot),
    logFile: layout.logFile(bot),
    auditSpoolFile: layout.auditSpoolFile(bot),
    heartbeatIntervalMs: intervalMs,
    cgroupDirectory: cgroups === undefined ? null : cgroups.directoryOf(cgroups.groupOf(bot)),
  }
  writeFileSync(file, JSON.stringify(config))
  return file
}

function spawnGuard(configFile: string, words: readonly string[]): Guard {
  const child = spawn(process.execPath, [main, '--config', configFile, ...words], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let stdout = ''
  let stderr = ''
  child.stdout.on('data', (chunk: Buffer) => {
    stdout += chunk.toString()
  })
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk.toString()
  })
  const exited = new Promise<number | NodeJS.Signals | null>((resolve) => {
    child.once('exit', (code, signal) => resolve(code ?? signal))
  })
  return { child, pid: child.pid ?? 0, stdout: () => stdout, stderr: () => stderr, exited }
}

async function endGuard(guard: Guard): Promise<void> {
  guard.child.kill('SIGKILL')
  guard.child.kill('SIGCONT')
  await guard.exited
}

/** Ends what a killed guard left running. */
function endGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL')
  } catch {
    // It ended with its guard.
  }
}

/** A port that nobody listens on right now. */
export async function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer()
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() =>
        resolve(typeof address === 'object' && address !== null ? address.port : 0),
      )
    })
  })
}
