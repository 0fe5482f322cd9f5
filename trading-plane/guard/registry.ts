import type { WatcherId } from '@bulkhead/shared/contracts/components.ts'
import {
  killSwitchStateSchema,
  strongestSwitchState,
} from '@bulkhead/shared/contracts/kill-switch.ts'
import {
  type ProcessIdentity,
  processIdentitySchema,
} from '@bulkhead/shared/contracts/process-identity.ts'
import type { GuardRefusal } from '@bulkhead/shared/contracts/reasons/guard-reasons.ts'
import { farewellBeat, heartbeatTtlMs, redisKeys } from '@bulkhead/shared/contracts/redis-keys.ts'
import { readBootId, readProcessStat } from '@bulkhead/shared/runtime/process-identity.ts'
import type { RedisLink } from '@bulkhead/shared/runtime/redis-link.ts'

export type Refusal = { readonly code: GuardRefusal; readonly message: string }

/** The guard's dealings with the safety Redis, except for the beat itself. */
export class GuardRegistry {
  readonly #link: RedisLink
  readonly #component: string
  readonly #watchers: readonly WatcherId[]
  #claimed: ProcessIdentity | undefined

  constructor(link: RedisLink, component: string, watchers: readonly WatcherId[]) {
    this.#watchers = watchers
    this.#link = link
    this.#component = component
  }

  /**
   * Registers a process as the one that runs this bot, by compare and set: of two guards that start
   * at once only one gets through. One whose process has ended is replaced.
   */
  async claim(identity: ProcessIdentity): Promise<Refusal | undefined> {
    const key = redisKeys.pid(this.#component)
    const claimed = await this.#link.run(async (redis) => {
      await redis.watch(key)
      const holder = livingHolder(await redis.hgetall(key))
      if (holder !== undefined) {
        await redis.unwatch()
        return `pid ${holder} runs it`
      }
      const done = await redis.multi().del(key).hset(key, identity).exec()
      if (done === null) return 'another guard starts it at this moment'
      for (const [fault] of done) if (fault !== null) throw fault
      return undefined
    })
    if (!claimed.ok) return { code: 'REDIS_UNREACHABLE', message: claimed.failure.message }
    if (claimed.value !== undefined) return { code: 'RUNS_ALREADY', message: claimed.value }
    this.#claimed = identity
    return undefined
  }

  /** Why no bot may start now, or undefined: somebody must watch, and nothing may be stopped. */
  async refuseDesk(): Promise<Refusal | undefined> {
    const read = await this.#link.run((redis) =>
      Promise.all([
        Promise.all(this.#watchers.map((id) => redis.get(redisKeys.heartbeat(id)))),
        Promise.all(this.#watchers.map((id) => redis.hgetall(redisKeys.killSwitchStateOf(id)))),
      ]),
    )
    if (!read.ok) return { code: 'REDIS_UNREACHABLE', message: read.failure.message }
    const [beats, records] = read.value
    if (beats.every((beat) => beat === null)) {
      return { code: 'WATCHER_SILENT', message: 'the dead-man switch does not beat' }
    }
    const states = records.map((fields) => killSwitchStateSchema.safeParse(fields).data)
    const state = strongestSwitchState(states)
    if (state === undefined) {
      return { code: 'KILL_SWITCH_UNKNOWN', message: 'its state is missing or does not parse' }
    }
    const { mode, episode } = state
    if (mode === 'NORMAL') return undefined
    return { code: 'KILL_SWITCH_THROWN', message: `${mode} since episode ${episode}: reset first` }
  }

  /** Registers once more what was claimed: Redis may have come back without what it held. */
  async renew(): Promise<void> {
    const identity = this.#claimed
    if (identity === undefined) return
    await this.#link.run((redis) => redis.hset(redisKeys.pid(this.#component), identity))
  }

  /** Takes the registration back. */
  async unregister(): Promise<boolean> {
    this.#claimed = undefined
    const key = redisKeys.pid(this.#component)
    return (await this.#link.run((redis) => redis.del(key))).ok
  }

  /** Says that the bot ended in order; the safety plane believes it once it found nothing alive. */
  async takeLeave(): Promise<boolean> {
    const key = redisKeys.heartbeat(this.#component)
    const said = await this.#link.run((redis) => redis.set(key, farewellBeat, 'PX', heartbeatTtlMs))
    return said.ok && (await this.unregister())
  }
}

/** Process number of a registered process that still runs, or undefined. */
function livingHolder(fields: Record<string, string>): string | undefined {
  const claim = processIdentitySchema.safeParse(fields)
  if (!claim.success || claim.data.boot_id !== readBootId()) return undefined
  const stat = readProcessStat(Number(claim.data.pid))
  const lives = stat?.startTicks === claim.data.start_ticks && stat.state !== 'Z'
  return lives ? claim.data.pid : undefined
}
