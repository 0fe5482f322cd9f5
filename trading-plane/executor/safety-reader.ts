import type { KeyObject } from 'node:crypto'
import type { WatcherId } from '@bulkhead/shared/contracts/components.ts'
import {
  killSwitchStateSchema,
  strongestSwitchState,
  type WatchdogState,
  watchdogStateSchema,
} from '@bulkhead/shared/contracts/kill-switch.ts'
import { redisKeys } from '@bulkhead/shared/contracts/redis-keys.ts'
import { safetyStatusSchema } from '@bulkhead/shared/contracts/status.ts'
import { takeHandedPolicy } from '@bulkhead/shared/runtime/handed-policy.ts'
import { msFromNsText } from '@bulkhead/shared/kernel/units.ts'
import type { Clock } from '@bulkhead/shared/kernel/clock.ts'
import type { RedisLink } from '@bulkhead/shared/runtime/redis-link.ts'
import type { SafetyReading } from '../engine/events.ts'

/**
 * Reads what the safety plane says: of several watchers the strongest word counts, and one that is
 * alive and ready is enough (decision D-37). Whatever is missing or cannot be parsed is null, never
 * a default.
 */
export class SafetyReader {
  readonly #link: RedisLink
  readonly #clock: Clock
  readonly #watchers: readonly WatcherId[]
  readonly #policyKey: KeyObject
  #policy: { readonly text: string | null; readonly view: SafetyReading['policy'] } | null = null
  readonly #documents = new Map<WatcherId, { text: string | null; isReady: boolean | null }>()

  /** @param policyKey public half of the key that signs policies */
  constructor(link: RedisLink, clock: Clock, watchers: readonly WatcherId[], policyKey: KeyObject) {
    this.#link = link
    this.#clock = clock
    this.#watchers = watchers
    this.#policyKey = policyKey
  }

  /** Null when Redis gave no answer in time. */
  async read(): Promise<SafetyReading | null> {
    const askedTickMs = this.#clock.monotonicMs()
    const watchers = this.#watchers
    const keys = watchers.flatMap((id) => [
      redisKeys.heartbeat(id),
      redisKeys.watchdogStateOf(id),
      redisKeys.status(id),
    ])
    const reply = await this.#link.run((redis) =>
      Promise.all([
        redis.mget(...keys, redisKeys.policyCurrent),
        ...watchers.map((id) => redis.hgetall(redisKeys.killSwitchStateOf(id))),
      ]),
    )
    if (!reply.ok) return null
    const [texts, ...records] = reply.value
    const of = (at: number) => watchers.map((_, index) => texts[3 * index + at] ?? null)
    const state = strongestSwitchState(
      records.map((fields) => killSwitchStateSchema.safeParse(fields).data),
    )
    const ready = watchers.map((id, index) => this.#readiness(id, of(2)[index] ?? null))
    return {
      killSwitch:
        state === undefined
          ? null
          : {
              mode: state.mode,
              generation: Number(state.generation),
              resetBy: state.reset_by,
              sinceMs: msFromNsText(state.since_ns),
            },
      safetyHeartbeat: joined(of(0)),
      watchdogState: strongestWatchdog(of(1)),
      isSafetyReady: ready.includes(true) ? true : ready.includes(false) ? false : null,
      policy: this.#policyOf(texts.at(-1) ?? null),
      askedTickMs,
    }
  }

  /** Verified once, when it changes. */
  #policyOf(text: string | null): SafetyReading['policy'] {
    if (this.#policy === null || this.#policy.text !== text) {
      const told = text === null ? null : takeHandedPolicy(text, this.#policyKey)
      const view = told && {
        generatedMs: told.policy_generated_ts_ms,
        openHaircutMult: told.open_haircut_mult,
      }
      this.#policy = { text, view }
    }
    return this.#policy.view
  }

  /** The document changes twice a second and is read more often. */
  #readiness(watcher: WatcherId, text: string | null): boolean | null {
    const known = this.#documents.get(watcher)
    if (known !== undefined && text === known.text) return known.isReady
    const isReady = text === null ? null : readinessOf(text)
    this.#documents.set(watcher, { text, isReady })
    return isReady
  }
}

/** Changes when any of the beats does; null when nobody beats. */
function joined(beats: readonly (string | null)[]): string | null {
  return beats.every((beat) => beat === null) ? null : beats.join(' ')
}

/** A watcher that says nothing leaves it unknown, unless another one is in a kill. */
function strongestWatchdog(texts: readonly (string | null)[]): WatchdogState | null {
  const states = texts.map((text) => watchdogStateSchema.safeParse(text).data)
  for (const state of ['TRIGGERED', 'SAFE_MODE'] as const) {
    if (states.includes(state)) return state
  }
  return states.includes(undefined) ? null : 'ARMED'
}

function readinessOf(statusText: string): boolean | null {
  try {
    const status = safetyStatusSchema.safeParse(JSON.parse(statusText))
    return status.success ? status.data.ready : null
  } catch {
    return null
  }
}
