import { join } from 'node:path'
import type { AuditRecord } from '@bulkhead/shared/contracts/audit-entry.ts'
import { drillFileName } from '@bulkhead/shared/contracts/drill-record.ts'
import { redisKeys } from '@bulkhead/shared/contracts/redis-keys.ts'
import type { SafetyStatus } from '@bulkhead/shared/contracts/status.ts'
import type { Clock } from '@bulkhead/shared/kernel/clock.ts'
import type { RedisLink } from '@bulkhead/shared/runtime/redis-link.ts'
import { Backstops } from '../backstop/loop.ts'
import type { Operators } from '../commands/operators.ts'
import type { SafetyVenue } from '../exchange/ports.ts'
import { KeyScopeWatch } from '../key-scope/loop.ts'
import { drillFaultOf } from '../readiness/core.ts'
import { lastDrill } from '../readiness/drill.ts'
import { type Readiness, ReadinessProbe } from '../readiness/loop.ts'
import type { IdentityCache } from '../sever/identities.ts'
import type { KillableTarget, Severer } from '../sever/loop.ts'
import type { DeadManSwitchConfig } from './config.ts'

export type StandingParts = {
  readonly config: DeadManSwitchConfig
  readonly venue: SafetyVenue
  readonly link: RedisLink
  readonly clock: Clock
  readonly identities: IdentityCache
  readonly killable: readonly KillableTarget[]
  readonly severer: Severer
  readonly isStateDurable: () => boolean
  /** Components that do not answer past Redis. */
  readonly silentPaths: () => readonly string[]
  readonly operators: Operators
  readonly audit: (record: AuditRecord) => Promise<unknown>
}

/** How often the exchange is asked whether cancel-on-disconnect is on. */
const disconnectReadMs = 5_000
/** Shorter than exchanges keep an idle connection, so that no kill pays for a new handshake. */
const keepWarmMs = 4_000

/** Kept in order while nothing happens: the way to the exchange, its switches, readiness. */
export class StandingChecks {
  readonly #parts: StandingParts
  readonly #backstops: Backstops
  readonly #readiness: ReadinessProbe
  #keepWarm: NodeJS.Timeout | undefined

  constructor(parts: StandingParts) {
    this.#parts = parts
    const { venue, clock, audit, config } = parts
    const { cancelAllAfterMs } = config.exchange
    this.#backstops = new Backstops({ venue, clock, audit, cancelAllAfterMs, disconnectReadMs })
    const keyScope = new KeyScopeWatch({ venue, config, audit })
    this.#readiness = new ReadinessProbe({
      self: config.component,
      venue,
      identities: parts.identities,
      killable: parts.killable,
      severer: parts.severer,
      appendToRedis: () => this.#appendToRedis(),
      isStateDurable: parts.isStateDurable,
      silentPaths: parts.silentPaths,
      keyFaults: () => keyScope.probe(),
      drillFault: () =>
        drillFaultOf(
          this.lastDrill?.passed_wall_ms ?? null,
          clock.wallMs(),
          config.drillAgeDaysMax,
        ),
      isBackstopSound: () => this.#backstops.isSound,
      audit,
      intervalMs: config.readinessIntervalMs,
    })
  }

  /** The first look at readiness follows the first answers about the exchange's switches. */
  start(): void {
    void this.#backstops.start().then(() => this.#readiness.start())
    this.#keepWarm = setInterval(() => void this.#parts.venue.keepWarm(), keepWarmMs)
  }

  close(): void {
    clearInterval(this.#keepWarm)
    this.#backstops.close()
    this.#readiness.close()
  }

  get readiness(): Readiness {
    return this.#readiness.last
  }

  get backstops(): SafetyStatus['backstops'] {
    return this.#backstops.view
  }

  get lastDrill(): SafetyStatus['last_drill'] {
    const { operators, config } = this.#parts
    const record = lastDrill(join(config.stateDir, drillFileName), operators)
    if (record === null) return null
    const { level, passed_wall_ms, operator_id } = record
    return { level, passed_wall_ms, operator_id }
  }

  async #appendToRedis(): Promise<string | null> {
    const { link, clock, config } = this.#parts
    const probedNs = clock.wallNs().toString()
    const key = redisKeys.progress(config.component)
    const written = await link.run((redis) => redis.hset(key, { probed_ns: probedNs }))
    return written.ok ? null : written.failure.code
  }
}
