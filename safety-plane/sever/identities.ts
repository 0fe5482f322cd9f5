import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { observationComponentIds } from '@bulkhead/shared/contracts/components.ts'
import {
  type ProcessIdentity,
  processIdentitySchema,
} from '@bulkhead/shared/contracts/process-identity.ts'
import { redisKeys } from '@bulkhead/shared/contracts/redis-keys.ts'
import { replaceFileDurably } from '@bulkhead/shared/runtime/durable-file.ts'
import type { Logger } from '@bulkhead/shared/runtime/log.ts'
import {
  readBootId,
  readCgroupPath,
  readPidNamespace,
} from '@bulkhead/shared/runtime/process-identity.ts'
import type { RedisLink } from '@bulkhead/shared/runtime/redis-link.ts'
import {
  type HostView,
  type IdentityVerdict,
  isDeadVerdict,
  judgeIdentity,
  judgeNoClaim,
  keepClaim,
  type SeverTarget,
} from './core.ts'
import { observeProcess } from './linux.ts'

const rememberedSchema = z.record(z.string(), processIdentitySchema)

/**
 * Who the components say they are, remembered on disk so that neither a dead Redis nor a restart
 * blinds the safety plane. The first living claim of a component stands until its process is dead.
 */
export class IdentityCache {
  readonly #link: RedisLink
  readonly #targets: ReadonlyMap<string, SeverTarget>
  readonly #file: string
  readonly #log: Logger
  readonly #claims = new Map<string, ProcessIdentity>()
  readonly #observers = new Map<string, number>()
  readonly #bootId = readBootId()
  readonly #pidNamespace = readPidNamespace('self') ?? ''
  /** Of whom the registry, as last read, holds nothing at all; emptied by a read that failed. */
  readonly #unregistered = new Set<string>()
  #redisPid: number | null = null

  constructor(link: RedisLink, targets: readonly SeverTarget[], stateDir: string, log: Logger) {
    this.#link = link
    this.#targets = new Map(targets.map((target) => [target.component, target]))
    this.#file = join(stateDir, 'identities.json')
    this.#log = log
    this.#load()
  }

  claimOf(component: string): ProcessIdentity | null {
    return this.#claims.get(component) ?? null
  }

  /** What the present claim of a component is worth right now. */
  judge(component: string): IdentityVerdict {
    const target = this.#targets.get(component)
    const claim = this.claimOf(component)
    if (target === undefined) return 'PID_UNKNOWN'
    if (claim === null) return judgeNoClaim(target, this.#unregistered.has(component))
    return judgeIdentity(claim, target, observeProcess(Number(claim.pid)), this.hostView())
  }

  hostView(): HostView {
    const protectedPids = this.#protectedPids()
    return { bootId: this.#bootId, pidNamespace: this.#pidNamespace, protectedPids }
  }

  /** Cgroups in which something lives that must never be killed. */
  protectedCgroups(): string[] {
    return this.#protectedPids().flatMap((pid) => readCgroupPath(pid) ?? [])
  }

  /** Reads the registry once; a read that fails leaves what is known to be there. */
  async refresh(): Promise<void> {
    const components = [...this.#targets.keys(), ...observationComponentIds]
    const replies = await this.#link.run((redis) =>
      Promise.all(components.map((component) => redis.hgetall(redisKeys.pid(component)))),
    )
    this.#unregistered.clear()
    if (!replies.ok) return
    if (this.#redisPid === null) await this.#readRedisPid()
    components.forEach((component, at) => this.#offer(component, replies.value[at] ?? {}))
  }

  #offer(component: string, raw: Readonly<Record<string, string>>): void {
    if (Object.keys(raw).length === 0) {
      this.#unregistered.add(component)
      return
    }
    const parsed = processIdentitySchema.safeParse(raw)
    if (!parsed.success) {
      this.#log.warn({ component }, 'malformed process identity in the registry')
      return
    }
    if (!this.#targets.has(component)) {
      this.#observers.set(component, Number(parsed.data.pid))
      return
    }
    this.#keep(component, parsed.data)
  }

  #keep(component: string, offered: ProcessIdentity): void {
    const target = this.#targets.get(component)
    const known = this.claimOf(component)
    if (target === undefined || isSameProcess(known, offered)) return
    const observed = observeProcess(Number(offered.pid))
    if (judgeIdentity(offered, target, observed, this.hostView()) === 'PID_PROTECTED') {
      this.#log.warn({ component, pid: offered.pid }, 'registry claims a protected process')
      return
    }
    const kept = keepClaim(known, isDeadVerdict(this.judge(component)), offered)
    if (kept !== offered) {
      this.#log.warn({ component, pid: offered.pid }, 'registry claims a second living process')
      return
    }
    this.#claims.set(component, offered)
    this.#store()
  }

  async #readRedisPid(): Promise<void> {
    const info = await this.#link.run((redis) => redis.info('server'))
    const pid = info.ok ? /^process_id:(\d+)/m.exec(info.value)?.[1] : undefined
    this.#redisPid = pid === undefined ? null : Number(pid)
  }

  #protectedPids(): number[] {
    const redis = this.#redisPid === null ? [] : [this.#redisPid]
    return [0, 1, process.pid, process.ppid, ...redis, ...this.#observers.values()]
  }

  #load(): void {
    try {
      const parsed = rememberedSchema.safeParse(JSON.parse(readFileSync(this.#file, 'utf8')))
      if (!parsed.success) return
      for (const [component, claim] of Object.entries(parsed.data)) {
        if (this.#targets.has(component)) this.#claims.set(component, claim)
      }
    } catch {
      // The first start has no memory; a torn one is rebuilt from the registry.
    }
  }

  #store(): void {
    try {
      replaceFileDurably(this.#file, JSON.stringify(Object.fromEntries(this.#claims)))
    } catch (error) {
      this.#log.error({ err: error }, 'identities could not be stored')
    }
  }
}

function isSameProcess(known: ProcessIdentity | null, offered: ProcessIdentity): boolean {
  return (
    known !== null &&
    known.pid === offered.pid &&
    known.start_ticks === offered.start_ticks &&
    known.boot_id === offered.boot_id
  )
}
