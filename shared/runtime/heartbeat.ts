import type { ComponentId } from '../contracts/components.ts'
import { heartbeatTtlMs, redisKeys } from '../contracts/redis-keys.ts'
import type { Clock } from '../kernel/clock.ts'
import type { RedisFault, RedisLink } from './redis-link.ts'
import type { Result } from '../kernel/result.ts'

/**
 * Proof that work was done since the last beat, as flat strings for `safety:progress:{component}`.
 */
export type Progress = Readonly<Record<string, string>>

/**
 * Node's timers may fire this much early; without it a loop of the same period skips every other
 * beat.
 */
const timerSlackMs = 2

/**
 * Emits the heartbeat of one component. The work loop calls `beat` after a turn in which it got
 * something done; there is no timer here, so a loop that is stuck falls silent (reliability 5).
 */
export class HeartbeatEmitter {
  readonly #link: RedisLink
  readonly #component: ComponentId
  readonly #clock: Clock
  readonly #intervalMs: number
  #lastBeatTickMs = Number.NEGATIVE_INFINITY
  #inFlight = false
  #lastValueNs = 0n

  /** @param intervalMs least time between two beats; 500 by default (topology section 1) */
  constructor(link: RedisLink, component: ComponentId, clock: Clock, intervalMs = 500) {
    this.#link = link
    this.#component = component
    this.#clock = clock
    this.#intervalMs = intervalMs
  }

  /** Whether the interval has passed and no beat is under way. */
  get isDue(): boolean {
    const elapsedMs = this.#clock.monotonicMs() - this.#lastBeatTickMs
    return !this.#inFlight && elapsedMs >= this.#intervalMs - timerSlackMs
  }

  /**
   * Writes one beat and the progress behind it, when one is due. The value is the wall time in
   * nanoseconds and always greater than the last, so that a change is a beat even after a clock
   * step.
   */
  async beat(progress: Progress): Promise<Result<boolean, RedisFault>> {
    if (!this.isDue) return { ok: true, value: false }
    this.#inFlight = true
    this.#lastBeatTickMs = this.#clock.monotonicMs()
    const wallNs = this.#clock.wallNs()
    this.#lastValueNs = wallNs > this.#lastValueNs ? wallNs : this.#lastValueNs + 1n
    const value = this.#lastValueNs.toString()
    try {
      return await this.#link.run(async (redis) => {
        const progressKey = redisKeys.progress(this.#component)
        await Promise.all([
          redis.set(redisKeys.heartbeat(this.#component), value, 'PX', heartbeatTtlMs),
          redis.hset(progressKey, { ...progress, beat_ns: value }),
          redis.pexpire(progressKey, heartbeatTtlMs),
        ])
        return true
      })
    } finally {
      this.#inFlight = false
    }
  }
}
