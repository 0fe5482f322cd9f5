import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { z } from 'zod'
import {
  type KillSwitchState,
  killSwitchStateSchema,
} from '@bulkhead/shared/contracts/kill-switch.ts'
import { redisKeys } from '@bulkhead/shared/contracts/redis-keys.ts'
import {
  type ExecutorStatus,
  executorStatusSchema,
  type SafetyStatus,
  safetyStatusSchema,
} from '@bulkhead/shared/contracts/status.ts'
import { fail, ok, type Result } from '@bulkhead/shared/kernel/result.ts'
import { projectRoot } from '@bulkhead/shared/runtime/home.ts'
import { readProcessStat } from '@bulkhead/shared/runtime/process-identity.ts'
import { RedisLink, redisLinkSchema } from '@bulkhead/shared/runtime/redis-link.ts'
import { readSecretsOrExit } from '@bulkhead/shared/runtime/secrets.ts'
import { anyPorts } from '../bootstrap/ports.ts'
import { type RunningStack, startStack } from '../bootstrap/stack.ts'
import type { AuditLine } from './evidence.ts'
import { VenueWitness } from './venue-witness.ts'

const pollMs = 25
const commandMsMax = 60_000

export type ShellRun = {
  readonly status: number
  /** Standard output and error. */
  readonly output: string
  /** The last line of standard output, or of standard error where that is empty. */
  readonly lastLine: string
}

/** A process as it was when it was looked at: the number alone could be another's later. */
export type ProcessRef = { readonly pid: number; readonly startTicks: string }

export type DrillDeskOptions = {
  /** Scales the ladder from 5, 15 and 30 s to 0.5, 1.5 and 3 s, and every budget with it. */
  readonly isFast: boolean
  readonly say: (line: string) => void
}

/** A stack of its own to drill on, and the means to look at it from outside. */
export class DrillDesk {
  readonly stack: RunningStack
  readonly venue: VenueWitness
  readonly #observer: RedisLink

  private constructor(stack: RunningStack) {
    this.stack = stack
    this.venue = new VenueWitness(stack)
    this.#observer = openObserver(stack)
  }

  /** Brings the stack up; everything it writes is removed by `close`. */
  static async open(options: DrillDeskOptions): Promise<Result<DrillDesk, string>> {
    const home = mkdtempSync(join(tmpdir(), 'bulkhead-drill-'))
    const stack = await startStack({
      home,
      ports: anyPorts,
      ladderScale: options.isFast ? 0.1 : 1,
      webhookUrl: null,
      guarded: [],
      say: options.say,
    })
    if (stack.ok) return ok(new DrillDesk(stack.value))
    rmSync(home, { recursive: true, force: true })
    return fail(`${stack.failure.code}: ${stack.failure.message}`)
  }

  async close(): Promise<void> {
    this.#observer.close()
    await this.stack.stop()
    rmSync(this.stack.layout.home, { recursive: true, force: true })
  }

  /** Undefined while nobody answers or nothing was published. */
  executor(): Promise<ExecutorStatus | undefined> {
    return this.#document('executor', executorStatusSchema)
  }

  safety(): Promise<SafetyStatus | undefined> {
    return this.#document('dead_man_switch', safetyStatusSchema)
  }

  /** The kill-switch state as any plane would read it. */
  async killSwitch(): Promise<KillSwitchState | undefined> {
    const read = await this.#observer.run((redis) => redis.hgetall(redisKeys.killSwitchState))
    const parsed = killSwitchStateSchema.safeParse(read.ok ? read.value : undefined)
    return parsed.success ? parsed.data : undefined
  }

  /** Entries of the audit log after a stream id; `-` is from the beginning. */
  async auditAfter(id: string): Promise<{ id: string; line: AuditLine }[]> {
    await this.#observer.waitUntilReady(2_000)
    const reply = await this.#observer.run((redis) => redis.xrange(redisKeys.auditLog, id, '+'))
    if (!reply.ok) return []
    return reply.value.map(([at, fields]) => ({ id: at, line: pairs(fields) }))
  }

  async auditLines(): Promise<AuditLine[]> {
    return (await this.auditAfter('-')).map(({ line }) => line)
  }

  /** What the dead-man switch logged from a moment on: it writes there whatever else is lost. */
  safetyLogSince(wallMs: number): string {
    const lines = readFileSync(this.stack.layout.logFile('dead_man_switch'), 'utf8').split('\n')
    return lines.filter((line) => loggedAtMs(line) >= wallMs).join('\n')
  }

  /** The processes that run now, by component. */
  processes(components: readonly string[]): Map<string, ProcessRef> {
    const found = new Map<string, ProcessRef>()
    for (const component of components) {
      const child = this.stack.child(component)
      if (child === undefined) continue
      found.set(component, { pid: child.pid, startTicks: child.startTicks })
    }
    return found
  }

  /** Runs a command line as a person on this host would, in a shell, against this stack. */
  async shell(command: string): Promise<ShellRun> {
    const env = { ...process.env, BULKHEAD_HOME: this.stack.layout.home, NO_COLOR: '1' }
    const options = { cwd: projectRoot, env, timeout: commandMsMax }
    return new Promise((resolve) => {
      execFile('/bin/sh', ['-c', command], options, (error, stdout, stderr) => {
        const status = error === null ? 0 : typeof error.code === 'number' ? error.code : 1
        const [lastLine = ''] = (stdout.trim() || stderr.trim()).split('\n').slice(-1)
        resolve({ status, output: `${stdout}${stderr}`, lastLine })
      })
    })
  }

  async #document<T>(component: string, schema: z.ZodType<T>): Promise<T | undefined> {
    const read = await this.#observer.run((redis) => redis.get(redisKeys.status(component)))
    if (!read.ok || read.value === null) return undefined
    try {
      const parsed = schema.safeParse(JSON.parse(read.value))
      return parsed.success ? parsed.data : undefined
    } catch {
      return undefined
    }
  }
}

/** By /proc: the process is gone, a zombie, or its number is another's. */
export function isDead({ pid, startTicks }: ProcessRef): boolean {
  const stat = readProcessStat(pid)
  return stat === undefined || stat.startTicks !== startTicks || stat.state === 'Z'
}

/** Looks until the condition gives something, or gives up. */
export async function until<T>(
  look: () => Promise<T | undefined | false> | T | undefined | false,
  msMax: number,
): Promise<T | undefined> {
  const deadlineMs = performance.now() + msMax
  while (performance.now() < deadlineMs) {
    const seen = await look()
    if (seen !== undefined && seen !== false) return seen
    await sleep(pollMs)
  }
  return undefined
}

/** When a line was logged, in wall milliseconds; NaN for one that says no time. */
function loggedAtMs(line: string): number {
  return Date.parse(/"time":"([^"]+)"/.exec(line)?.[1] ?? '')
}

function openObserver(stack: RunningStack): RedisLink {
  const { redis } = stack.describe()
  const config = redisLinkSchema.parse({
    socketPath: redis.socket_path,
    username: 'auditor',
    passwordFile: redis.auditor_password_file,
    commandTimeoutMs: 2_000,
  })
  const { password } = readSecretsOrExit({ password: redis.auditor_password_file })
  const link = new RedisLink(config, password, 'drill')
  link.open()
  return link
}

function pairs(fields: readonly string[]): AuditLine {
  const line: Record<string, string> = {}
  for (let at = 0; at + 1 < fields.length; at += 2) line[fields[at] ?? ''] = fields[at + 1] ?? ''
  return line
}
