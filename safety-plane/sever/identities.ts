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
  type ClaimRefusal,
  type HostView,
  type IdentityVerdict,
  isDeadVerdict,
  judgeIdentity,
  judgeNoClaim,
  judgeStanding,
  keepClaim,
  type SeverTarget,
  sparedObservers,
} from './core.ts'
import { findInNamespace, MarkReader, observeProcess, readNamespaceState } from './linux.ts'

/** How long the memory of a process may take to be read; less than a verification. */
const markTimeoutMs = 100

const rememberedSchema = z.record(z.string(), processIdentitySchema)

/** Told of every claim that is not acted on, once for each different one. */
export type RefusedClaim = {
  readonly component: string
  readonly refusal: ClaimRefusal
  readonly pid: string
  readonly verdict: IdentityVerdict | ''
}

type Claim = {
  readonly identity: ProcessIdentity
  /** Seen alive, with its mark, by this safety plane; only such a claim decides anything. */
  readonly wasSeen: boolean
}

type Raw = Readonly<Record<string, string>> | 'wrong_type'

/**
 * Who the components say they are, remembered on disk so that neither a dead Redis nor a restart
 * blinds the safety plane. The first claim of a component that was seen alive stands until its
 * process is dead.
 */
export class IdentityCache {
  readonly #link: RedisLink
  readonly #targets: ReadonlyMap<string, SeverTarget>
  readonly #file: string
  readonly #log: Logger
  readonly #onRefused: (refused: RefusedClaim) => void
  readonly #claims = new Map<string, Claim>()
  readonly #observers = new Map<string, number>()
  readonly #refused = new Map<string, string>()
  readonly #marks = new MarkReader(markTimeoutMs)
  readonly #bootId = readBootId()
  readonly #pidNamespace = readPidNamespace('self') ?? ''
  /** Of whom the registry, as last read, holds nothing at all; emptied by a read that failed. */
  readonly #unregistered = new Set<string>()
  #redisPid: number | null = null

  constructor(
    link: RedisLink,
    targets: readonly SeverTarget[],
    stateDir: string,
    log: Logger,
    onRefused: (refused: RefusedClaim) => void,
  ) {
    this.#link = link
    this.#targets = new Map(targets.map((target) => [target.component, target]))
    this.#file = join(stateDir, 'identities.json')
    this.#log = log
    this.#onRefused = onRefused
    this.#load()
  }

  claimOf(component: string): ProcessIdentity | null {
    return this.#claims.get(component)?.identity ?? null
  }

  /** What the present claim of a component is worth right now. */
  judge(component: string): IdentityVerdict {
    const target = this.#targets.get(component)
    const claim = this.#claims.get(component)
    if (target === undefined) return 'PID_UNKNOWN'
    if (claim === undefined) return judgeNoClaim(target, this.#unregistered.has(component))
    const verdict = this.#judgeIdentity(claim.identity, target)
    const isElsewhere = claim.wasSeen && verdict === 'PID_OTHER_NAMESPACE'
    const namespace = isElsewhere ? readNamespaceState(claim.identity.pid_ns) : null
    return judgeStanding(verdict, claim.wasSeen, namespace)
  }

  /** Whether the process that the claim means is seen to run at this moment. */
  isSeenAlive(component: string): boolean {
    const claim = this.#claims.get(component)
    if (claim?.wasSeen !== true) return false
    const verdict = this.judge(component)
    if (verdict !== 'PID_OTHER_NAMESPACE') return verdict === 'PID_KILLABLE'
    return readNamespaceState(claim.identity.pid_ns) === 'populated'
  }

  /** Cgroups in which something lives that must never be killed. */
  protectedCgroups(): string[] {
    return this.#protectedPids().flatMap((pid) => readCgroupPath(pid) ?? [])
  }

  /** Reads the registry once; a read that fails leaves what is known to be there. */
  async refresh(): Promise<void> {
    const components = [...this.#targets.keys(), ...observationComponentIds]
    const replies = await this.#link.run((redis) =>
      Promise.all([
        redis.info('server'),
        ...components.map((component) => readHash(redis.hgetall(redisKeys.pid(component)))),
      ]),
    )
    this.#unregistered.clear()
    if (!replies.ok) return
    const [info, ...hashes] = replies.value
    this.#redisPid = Number(/^process_id:(\d+)/m.exec(info)?.[1] ?? Number.NaN) || this.#redisPid
    // One after another: the first claim of a process decides what the next ones are worth.
    for (const [at, component] of components.entries()) {
      await this.#offer(component, hashes[at] as Raw)
    }
  }

  #judgeIdentity(claim: ProcessIdentity, target: SeverTarget): IdentityVerdict {
    const host: HostView = {
      bootId: this.#bootId,
      pidNamespace: this.#pidNamespace,
      protectedPids: this.#protectedPids(),
    }
    return judgeIdentity(claim, target, observeProcess(Number(claim.pid)), host)
  }

  async #offer(component: string, raw: Raw): Promise<void> {
    const isTarget = this.#targets.has(component)
    if (raw !== 'wrong_type' && Object.keys(raw).length === 0) {
      this.#unregistered.add(component)
      if (!isTarget) this.#observers.delete(component)
      return
    }
    const parsed = processIdentitySchema.safeParse(raw)
    if (!parsed.success) {
      const pid = raw === 'wrong_type' ? '' : (raw['pid'] ?? '')
      this.#refuse({ component, refusal: 'CLAIM_MALFORMED', pid, verdict: '' })
    } else if (isTarget) {
      await this.#keep(component, parsed.data)
    } else {
      this.#observe(component, parsed.data)
    }
  }

  /** An observation component is spared only while its claim holds. */
  #observe(component: string, claim: ProcessIdentity): void {
    const observed = observeProcess(Number(claim.pid))
    const holds = claim.boot_id === this.#bootId && observed?.startTicks === claim.start_ticks
    if (holds) this.#observers.set(component, Number(claim.pid))
    else this.#observers.delete(component)
  }

  async #keep(component: string, offered: ProcessIdentity): Promise<void> {
    const target = this.#targets.get(component)
    const known = this.#claims.get(component)
    if (target === undefined) return
    if (known?.wasSeen === true && isSameProcess(known.identity, offered)) return
    const wasSeen = await this.#isSeen(offered, target)
    const verdict = judgeStanding(this.#judgeIdentity(offered, target), wasSeen, null)
    const refuse = (refusal: ClaimRefusal) =>
      this.#refuse({ component, refusal, pid: offered.pid, verdict })
    if (verdict === 'PID_PROTECTED') return refuse('CLAIM_PROTECTED')
    const stands = known?.wasSeen === true && !isDeadVerdict(this.judge(component))
    if (keepClaim(known?.identity ?? null, stands, offered) !== offered) {
      return refuse('CLAIM_SECOND_PROCESS')
    }
    this.#claims.set(component, { identity: offered, wasSeen })
    if (!wasSeen) return refuse('CLAIM_UNPROVEN')
    this.#refused.delete(component)
    this.#store()
  }

  /** Whether the claim holds in every field for a process that is alive at this moment. */
  async #isSeen(claim: ProcessIdentity, target: SeverTarget): Promise<boolean> {
    const { mark = null } = target
    const verdict = this.#judgeIdentity(claim, target)
    if (verdict === 'PID_OTHER_NAMESPACE') {
      if (claim.boot_id !== this.#bootId) return false
      const inside = findInNamespace(claim.pid_ns, claim.pid)
      return inside !== null && inside.startTicks === claim.start_ticks && inside.state !== 'Z'
    }
    if (verdict !== 'PID_KILLABLE') return false
    if (mark === null) return true
    const bears = await this.#marks.bears(Number(claim.pid), mark)
    // The number may have changed hands while its memory was read.
    return bears && this.#judgeIdentity(claim, target) === 'PID_KILLABLE'
  }

  #refuse(refused: RefusedClaim): void {
    const { component, ...rest } = refused
    const text = JSON.stringify(rest)
    if (this.#refused.get(component) === text) return
    this.#refused.set(component, text)
    this.#log.warn(refused, 'a claim in the PID registry is not acted on')
    this.#onRefused(refused)
  }

  #protectedPids(): number[] {
    const redis = this.#redisPid === null ? [] : [this.#redisPid]
    const claims = [...this.#claims.values()].filter(({ wasSeen }) => wasSeen)
    const observers = sparedObservers(
      [...this.#observers.values()].map((pid) => ({ pid, cgroup: readCgroupPath(pid) ?? null })),
      [...this.#targets.values()].flatMap(({ cgroup }) => cgroup ?? []),
      claims.map(({ identity }) => Number(identity.pid)),
    )
    return [0, 1, process.pid, process.ppid, ...redis, ...observers]
  }

  #load(): void {
    try {
      const parsed = rememberedSchema.safeParse(JSON.parse(readFileSync(this.#file, 'utf8')))
      if (!parsed.success) return
      for (const [component, identity] of Object.entries(parsed.data)) {
        if (this.#targets.has(component)) this.#claims.set(component, { identity, wasSeen: true })
      }
    } catch {
      // The first start has no memory; a torn one is rebuilt from the registry.
    }
  }

  #store(): void {
    const seen = [...this.#claims].filter(([, { wasSeen }]) => wasSeen)
    const identities = seen.map(([component, { identity }]) => [component, identity])
    try {
      replaceFileDurably(this.#file, JSON.stringify(Object.fromEntries(identities)))
    } catch (error) {
      this.#log.error({ err: error }, 'identities could not be stored')
    }
  }
}

/** A key of another type is a malformed claim, not an unreadable registry. */
async function readHash(reply: Promise<Record<string, string>>): Promise<Raw> {
  try {
    return await reply
  } catch (error) {
    if (error instanceof Error && error.message.startsWith('WRONGTYPE')) return 'wrong_type'
    throw error
  }
}

function isSameProcess(known: ProcessIdentity, offered: ProcessIdentity): boolean {
  return (
    known.pid === offered.pid &&
    known.start_ticks === offered.start_ticks &&
    known.boot_id === offered.boot_id &&
    known.pid_ns === offered.pid_ns
  )
}
