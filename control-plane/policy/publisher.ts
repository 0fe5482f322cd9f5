import type { KeyObject } from 'node:crypto'
import { redisKeys } from '@bulkhead/shared/contracts/redis-keys.ts'
import type { Clock } from '@bulkhead/shared/kernel/clock.ts'
import { handOut } from '@bulkhead/shared/runtime/handed-policy.ts'
import type { Logger } from '@bulkhead/shared/runtime/log.ts'
import type { RedisLink } from '@bulkhead/shared/runtime/redis-link.ts'

const retryMs = 1_000

export type PolicyPublisherParts = {
  readonly link: RedisLink
  readonly clock: Clock
  readonly log: Logger
  /** The only copy of the key that signs policies. */
  readonly key: KeyObject
  readonly intervalMs: number
  readonly openHaircutMult: number
}

/** Hands the policy to the trading plane, anew at every interval and sooner after a failure. */
export class PolicyPublisher {
  readonly #parts: PolicyPublisherParts
  #nextTickMs = Number.NEGATIVE_INFINITY

  constructor(parts: PolicyPublisherParts) {
    this.#parts = parts
  }

  async tick(): Promise<void> {
    const { link, clock, log, key, intervalMs, openHaircutMult } = this.#parts
    const tickMs = clock.monotonicMs()
    if (tickMs < this.#nextTickMs) return
    const policy = {
      policy_generated_ts_ms: Math.floor(clock.wallMs()),
      open_haircut_mult: openHaircutMult,
    }
    const text = handOut(policy, key)
    const written = await link.run((redis) => redis.set(redisKeys.policyCurrent, text))
    this.#nextTickMs = tickMs + (written.ok ? intervalMs : retryMs)
    if (!written.ok) log.warn({}, 'the policy could not be handed out')
  }
}
