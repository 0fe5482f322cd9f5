import { type ChildProcess, spawn, type SpawnOptions } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { AuditRecord } from '@bulkhead/shared/contracts/audit-entry.ts'
import type { ProcessIdentity } from '@bulkhead/shared/contracts/process-identity.ts'
import { redisKeys } from '@bulkhead/shared/contracts/redis-keys.ts'
import { createLogger } from '@bulkhead/shared/runtime/log.ts'
import { identityOf, ownIdentity } from '@bulkhead/shared/runtime/process-identity.ts'
import { systemClock } from '@bulkhead/shared/runtime/system-clock.ts'
import { FencerClient } from '@bulkhead/safety-plane/sever/fencer-client.ts'
import { IdentityCache, type RefusedClaim } from '@bulkhead/safety-plane/sever/identities.ts'
import { observeProcess, readCgroupState } from '@bulkhead/safety-plane/sever/linux.ts'
import {
  type KillableTarget,
  Severer,
  type SeverReport,
} from '@bulkhead/safety-plane/sever/loop.ts'
import { eventually } from '../../../support/eventually.ts'
import { startSafetyRedis, type TestRedis } from '../../../support/redis.ts'

export const ownUid = process.getuid?.() ?? 0

export const isAlive = (pid: number) => {
  const seen = observeProcess(pid)
  return seen !== null && seen.state !== 'Z'
}

/** A real process with nothing to do. */
export type Victim = {
  readonly child: ChildProcess
  readonly pid: number
  readonly identity: () => ProcessIdentity
}

export type SeverOptions = {
  readonly mount?: string | null
  readonly fencerSocket?: string
  readonly containerTimeoutMs?: number
  /** Between the look into the registry and the kill. */
  readonly meanwhile?: () => Promise<unknown>
}

/** The sever path with a real Redis, real processes and an audit that is kept in memory. */
export type Severing = {
  readonly redis: TestRedis
  readonly audited: AuditRecord[]
  readonly refused: RefusedClaim[]
  readonly actions: () => string[]
  readonly track: (child: ChildProcess) => void
  readonly victim: (args?: readonly string[], options?: SpawnOptions) => Victim
  /** Writes a claim as the trading plane can; what is missing in it is this process's own. */
  readonly register: (
    identity: Partial<ProcessIdentity> & { readonly pid: string },
    component?: string,
  ) => Promise<unknown>
  readonly open: (
    targets: KillableTarget | readonly KillableTarget[],
    options?: SeverOptions,
  ) => { readonly identities: IdentityCache; readonly severer: Severer }
  /** Reads the registry, then severs the one target. */
  readonly severed: (target: KillableTarget, options?: SeverOptions) => Promise<SeverReport>
  readonly close: () => Promise<void>
}

export const targetOf = (parts: Partial<KillableTarget> = {}): KillableTarget => ({
  component: 'executor',
  uid: ownUid,
  cgroup: null,
  containerCommand: null,
  ...parts,
})

export async function openSevering(): Promise<Severing> {
  const redis = await startSafetyRedis()
  const link = await redis.link('safety')
  const trading = await redis.link('trading')
  mkdirSync(redis.layout.safetyStateDir, { recursive: true })
  const audited: AuditRecord[] = []
  const refused: RefusedClaim[] = []
  const started: ChildProcess[] = []
  const open: Severing['open'] = (targets, options = {}) => {
    const { mount = null, fencerSocket, containerTimeoutMs = 1_000 } = options
    const log = createLogger('test', { file: join(redis.home, 'test.log') })
    const all = [targets].flat()
    const onRefused = (claim: RefusedClaim) => refused.push(claim)
    const { safetyStateDir } = redis.layout
    const identities = new IdentityCache(link, all, safetyStateDir, log, onRefused)
    const limits = { cgroupMount: mount, verifyTimeoutMs: 500, containerTimeoutMs }
    const fencer = fencerSocket === undefined ? null : new FencerClient(fencerSocket, 500)
    const audit = async (record: AuditRecord) => {
      audited.push(record)
    }
    return { identities, severer: new Severer(identities, limits, fencer, systemClock, audit) }
  }
  return {
    redis,
    audited,
    refused,
    actions: () => audited.map(({ action }) => action),
    track: (child) => started.push(child),
    victim: (args = ['-e', 'setInterval(() => {}, 1000)'], options = {}) => {
      const child = spawn(process.execPath, args, { stdio: 'ignore', ...options })
      started.push(child)
      const pid = child.pid ?? 0
      const identity = () => {
        const found = identityOf(pid, 1n)
        if (found === undefined) throw new Error('the victim is gone')
        return found
      }
      return { child, pid, identity }
    },
    register: (identity, component = 'executor') =>
      trading.run((commands) =>
        commands.hset(redisKeys.pid(component), { ...ownIdentity(1n), ...identity }),
      ),
    open,
    severed: async (target, options) => {
      const { identities, severer } = open(target, options)
      await identities.refresh()
      await options?.meanwhile?.()
      return severer.sever(target, 'episode-1')
    },
    close: async () => {
      for (const child of started) child.kill('SIGKILL')
      await redis.close()
    },
  }
}

/** A v2 hierarchy in which this user may make groups, or null. */
export function writableMount(): string | null {
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

/** A cgroup for one test; `remove` kills what is left in it. */
export type TestGroup = {
  readonly mount: string
  readonly path: string
  readonly directory: string
  readonly join: (...pids: readonly number[]) => void
  readonly pids: () => number[]
  readonly remove: () => Promise<void>
}

let groups = 0

/** @throws where this user may not make groups */
export function makeGroup(mount: string): TestGroup {
  groups += 1
  const path = `/bulkhead-test-${process.pid}-${groups}`
  const directory = join(mount, path)
  mkdirSync(directory)
  return {
    mount,
    path,
    directory,
    join: (...pids) => {
      for (const pid of pids) writeFileSync(join(directory, 'cgroup.procs'), String(pid))
    },
    pids: () =>
      readFileSync(join(directory, 'cgroup.procs'), 'utf8').split('\n').filter(Boolean).map(Number),
    remove: async () => {
      writeFileSync(join(directory, 'cgroup.kill'), '1')
      await eventually('the empty group', () => readCgroupState(mount, path) === 'empty')
      await eventually('its removal', () => {
        rmdirSync(directory)
        return true
      })
    },
  }
}
