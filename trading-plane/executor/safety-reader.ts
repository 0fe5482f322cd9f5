import {
  killSwitchStateSchema,
  watchdogStateSchema,
} from '@bulkhead/shared/contracts/kill-switch.ts'
import { redisKeys } from '@bulkhead/shared/contracts/redis-keys.ts'
import { safetyStatusSchema } from '@bulkhead/shared/contracts/status.ts'
import type { Clock } from '@bulkhead/shared/kernel/clock.ts'
import type { RedisLink } from '@bulkhead/shared/runtime/redis-link.ts'
import type { SafetyReading } from '../engine/events.ts'

/**
 * Reads what the safety plane says. Whatever is missing or cannot be parsed is null, never a
 * default.
 */
export class SafetyReader {
  readonly #link: RedisLink
  readonly #clock: Clock
  #statusText: string | null = null
  #isSafetyReady: boolean | null = null

  constructor(link: RedisLink, clock: Clock) {
    this.#link = link
    this.#clock = clock
  }

  /** Null when Redis gave no answer in time. */
  async read(): Promise<SafetyReading | null> {
    const askedTickMs = this.#clock.monotonicMs()
    const reply = await this.#link.run((redis) =>
      Promise.all([
        redis.hgetall(redisKeys.killSwitchState),
        redis.mget(
          redisKeys.heartbeat('dead_man_switch'),
          redisKeys.watchdogState,
          redisKeys.status('dead_man_switch'),
        ),
      ]),
    )
    if (!reply.ok) return null
    const [stateFields, [heartbeat, watchdogText, statusText]] = reply.value
    const state = killSwitchStateSchema.safeParse(stateFields)
    const watchdog = watchdogStateSchema.safeParse(watchdogText)
    return {
      killSwitch: state.success
        ? {
            mode: state.data.mode,
            generation: Number(state.data.generation),
            resetBy: state.data.reset_by,
          }
        : null,
      safetyHeartbeat: heartbeat ?? null,
      watchdogState: watchdog.success ? watchdog.data : null,
      isSafetyReady: this.#readiness(statusText ?? null),
      askedTickMs,
    }
  }

  /** The document changes twice a second and is read more often. */
  #readiness(statusText: string | null): boolean | null {
    if (statusText === this.#statusText) return this.#isSafetyReady
    this.#statusText = statusText
    this.#isSafetyReady = statusText === null ? null : readinessOf(statusText)
    return this.#isSafetyReady
  }
}

function readinessOf(statusText: string): boolean | null {
  try {
    const status = safetyStatusSchema.safeParse(JSON.parse(statusText))
    return status.success ? status.data.ready : null
  } catch {
    return null
  }
}
