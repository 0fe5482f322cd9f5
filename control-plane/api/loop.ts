import { redisKeys, statusTtlMs } from '@bulkhead/shared/contracts/redis-keys.ts'
import type { Clock } from '@bulkhead/shared/kernel/clock.ts'
import type { AuditWriter } from '@bulkhead/shared/runtime/audit-writer.ts'
import type { HeartbeatEmitter } from '@bulkhead/shared/runtime/heartbeat.ts'
import { type Logger, runId } from '@bulkhead/shared/runtime/log.ts'
import { ownIdentity } from '@bulkhead/shared/runtime/process-identity.ts'
import type { RedisLink } from '@bulkhead/shared/runtime/redis-link.ts'
import type { AuditArchive } from '../audit/archive.ts'
import type { ArchiveClaims } from '../audit/claims.ts'
import type { AuditFollower } from '../audit/follower.ts'
import type { CommandGate } from '../commands/loop.ts'
import { type Operators, registerOperators } from '../commands/operators.ts'
import { readApprovals } from './approvals-reader.ts'
import type { PolicyPublisher } from '../policy/publisher.ts'
import type { EventStreams } from './event-streams.ts'
import type { Metrics } from './metrics.ts'
import type { SafetyReader } from './safety-reader.ts'
import { buildStatus, type StatusLimits } from './status.core.ts'
import type { StatusReport } from './status-schema.ts'

export type ApiLoopParts = {
  readonly link: RedisLink
  readonly clock: Clock
  readonly log: Logger
  readonly reader: SafetyReader
  readonly archive: AuditArchive
  readonly follower: AuditFollower
  readonly claims: ArchiveClaims
  readonly gate: CommandGate
  readonly policy: PolicyPublisher
  readonly operators: Operators
  readonly audit: AuditWriter
  readonly heartbeat: HeartbeatEmitter
  readonly streams: EventStreams
  readonly metrics: Metrics
  readonly limits: StatusLimits
  readonly buildId: string
  readonly configHash: string
  readonly environment: string
  readonly refreshIntervalMs: number
}

/**
 * The work loop of the control API: looks, archives, tells the streams, and only then beats. What
 * needs Redis and did not get it (identity, operators) is tried again at the next turn.
 */
export class ApiLoop {
  readonly #parts: ApiLoopParts
  readonly #startTickMs: number
  #timer: NodeJS.Timeout | undefined
  #turn: Promise<void> = Promise.resolve()
  #turns = 0
  #isRegistered = false
  #areOperatorsRegistered = false

  constructor(parts: ApiLoopParts) {
    this.#parts = parts
    this.#startTickMs = parts.clock.monotonicMs()
  }

  start(): void {
    const next = () => {
      this.#turn = this.#runTurn().finally(() => {
        if (this.#timer !== undefined) this.#timer = setTimeout(next, this.#parts.refreshIntervalMs)
      })
    }
    this.#timer = setTimeout(next, 0)
  }

  /** Ends the loop after its present turn and withdraws the identity. */
  async stop(): Promise<void> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    await this.#turn
    await this.#parts.link.run((redis) => redis.del(redisKeys.pid('control_api')))
  }

  /** The status as of now, from a fresh look. */
  async status(): Promise<StatusReport> {
    const { reader, archive, follower, claims, limits, buildId, environment } = this.#parts
    const picture = await reader.look()
    const state = claims.differs ? 'ARCHIVE_DIFFERS' : follower.state
    const archiveView = { state, last_id: archive.lastId } as const
    return buildStatus({ ...picture, buildId, environment, archive: archiveView }, limits)
  }

  async #runTurn(): Promise<void> {
    const { follower, claims, streams, metrics, gate, audit, policy, link } = this.#parts
    await this.#register()
    await policy.tick()
    const entries = await follower.tick()
    if (follower.state === 'FOLLOWING') await claims.tick()
    if (entries.length > 0) streams.send({ name: 'audit', data: { is_start: false, entries } })
    const report = await this.status()
    streams.send({ name: 'status', data: report })
    const approvals = await readApprovals(link)
    if (approvals.ok) streams.send({ name: 'approvals', data: approvals.value })
    metrics.onStatus(report, streams.size)
    await gate.tick()
    await audit.deliverSpool()
    this.#turns += 1
    await this.#publish()
  }

  async #publish(): Promise<void> {
    const { heartbeat, link, clock, buildId, configHash } = this.#parts
    if (!heartbeat.isDue) return
    await heartbeat.beat({ turns: String(this.#turns), config_hash: configHash })
    const document = {
      component: 'control_api',
      run_id: runId,
      build_id: buildId,
      config_hash: configHash,
      wall_ms: clock.wallMs(),
      uptime_ms: clock.monotonicMs() - this.#startTickMs,
    }
    const text = JSON.stringify(document)
    await link.run((redis) => redis.set(redisKeys.status('control_api'), text, 'PX', statusTtlMs))
  }

  async #register(): Promise<void> {
    const { link, clock, operators, audit, log } = this.#parts
    if (!this.#isRegistered) {
      const identity = ownIdentity(clock.wallNs())
      const key = redisKeys.pid('control_api')
      this.#isRegistered = (await link.run((redis) => redis.hset(key, identity))).ok
    }
    if (this.#areOperatorsRegistered) return
    const registered = await registerOperators(link, operators)
    if (registered === undefined) return
    this.#areOperatorsRegistered = true
    for (const operatorId of registered) {
      log.info({ operatorId }, 'operator registered')
      const role = operators.provisioned(operatorId)?.role ?? ''
      await audit.record({
        action: 'OPERATOR_REGISTERED',
        subject: `operator:${operatorId}`,
        correlationId: runId,
        fields: { role },
      })
    }
  }
}
