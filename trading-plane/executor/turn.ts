import { monitorEventLoopDelay } from 'node:perf_hooks'
import { redisKeys, statusTtlMs } from '@bulkhead/shared/contracts/redis-keys.ts'
import type { Clock } from '@bulkhead/shared/kernel/clock.ts'
import type { AuditWriter } from '@bulkhead/shared/runtime/audit-writer.ts'
import { HeartbeatEmitter } from '@bulkhead/shared/runtime/heartbeat.ts'
import type { Logger } from '@bulkhead/shared/runtime/log.ts'
import { ownIdentity } from '@bulkhead/shared/runtime/process-identity.ts'
import type { RedisLink } from '@bulkhead/shared/runtime/redis-link.ts'
import type { Engine } from '../engine/engine.ts'
import { type Ledger, stuckAfterMs } from '../ledger/ports.ts'
import type { CheckpointMaker } from '../checkpoint/loop.ts'
import type { ApprovalDesk } from './approvals/desk.ts'
import { publishApprovals } from './approvals/publisher.ts'
import { failpoint } from '../failpoints/failpoint.ts'
import type { CertificateReader } from './certificate-reader.ts'
import type { ClockSync } from './clock-sync.ts'
import type { DiskReader } from './disk-reader.ts'
import type { DecisionKeeper } from './decisions.ts'
import type { ExecutorLoop } from './loop.ts'
import type { RateLimitReader } from './rate-limit-reader.ts'
import type { SafetyReader } from './safety-reader.ts'
import { executorStatus, type StatusHead } from './status.ts'

const turnMsMax = 100
const statusEveryMs = 400
const spoolEveryMs = 1_000

export type TurnPorts = {
  readonly loop: ExecutorLoop
  readonly engine: Engine
  readonly ledger: Ledger
  readonly audit: AuditWriter
  readonly link: RedisLink
  readonly reader: SafetyReader
  readonly clockSync: ClockSync
  readonly rateLimitReader: RateLimitReader
  readonly diskReader: DiskReader
  readonly certificateReader: CertificateReader
  readonly decisions: DecisionKeeper
  readonly checkpoints: Pick<CheckpointMaker, 'turn'>
  /** Takes people's words on held intents. */
  readonly approvals: Pick<ApprovalDesk, 'run'>
  readonly clock: Clock
  readonly log: Logger
  /** Answers the safety plane past Redis. */
  readonly liveness: { answer(): void }
  readonly heartbeatIntervalMs: number
  readonly head: StatusHead
  readonly counters: () => Readonly<Record<string, number>>
}

/**
 * The beat of the executor: every turn asks the safety plane, lets the engine think, and only then
 * says that it is alive. A turn never waits for Redis; what has not come back is simply older.
 */
export class Turn {
  readonly #ports: TurnPorts
  readonly #heartbeat: HeartbeatEmitter
  readonly #lag: ReturnType<typeof monitorEventLoopDelay>
  readonly #startedTickMs: number
  #timer: NodeJS.Timeout | null = null
  #turns = 0
  #lastTurnWallMs = 0
  #statusTickMs = 0
  #spoolTickMs = 0
  #isReading = false
  #isRegistered = false
  #feedMalformed = 0

  constructor(ports: TurnPorts) {
    const { link, clock, heartbeatIntervalMs } = ports
    this.#ports = ports
    this.#heartbeat = new HeartbeatEmitter(link, 'executor', clock, heartbeatIntervalMs)
    this.#lag = monitorEventLoopDelay({ resolution: 10 })
    this.#startedTickMs = clock.monotonicMs()
  }

  start(): void {
    this.#lag.enable()
    const everyMs = Math.min(turnMsMax, this.#ports.heartbeatIntervalMs)
    this.#timer = setInterval(() => this.#turn(), everyMs)
  }

  noteFeed(malformedCount: number): void {
    this.#feedMalformed = malformedCount
  }

  /** Whether venue and account are known within `waitMs`; the executor works without them too. */
  async firstReady(waitMs: number): Promise<boolean> {
    const { clock, engine, loop } = this.#ports
    const deadlineTickMs = clock.monotonicMs() + waitMs
    while (clock.monotonicMs() < deadlineTickMs) {
      const view = engine.view(loop.at())
      if (view.isVenueReady && view.openPermissionReasons.length === 0) return true
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    return false
  }

  async stop(): Promise<void> {
    if (this.#timer !== null) clearInterval(this.#timer)
    this.#lag.disable()
    await this.#ports.link.run((redis) => redis.del(redisKeys.pid('executor')))
  }

  #turn(): void {
    const { loop, clock, clockSync, rateLimitReader, diskReader, certificateReader } = this.#ports
    void this.#read()
    void clockSync.turn()
    void rateLimitReader.turn()
    void certificateReader.turn()
    void this.#ports.approvals.run()
    diskReader.turn()
    this.#ports.checkpoints.turn()
    loop.handle({ kind: 'tick' })
    this.#turns += 1
    this.#lastTurnWallMs = clock.wallMs()
    void this.#beat()
    const tickMs = clock.monotonicMs()
    if (tickMs - this.#statusTickMs >= statusEveryMs) {
      this.#statusTickMs = tickMs
      void this.#publishStatus()
      void this.#ports.decisions.flush()
    }
    if (tickMs - this.#spoolTickMs >= spoolEveryMs) {
      this.#spoolTickMs = tickMs
      void this.#ports.audit.deliverSpool()
    }
  }

  /** One question at a time: a slow Redis is asked less often, not more. */
  async #read(): Promise<void> {
    if (this.#isReading) return
    this.#isReading = true
    try {
      const reading = await this.#ports.reader.read()
      this.#ports.loop.handle({ kind: 'safety', reading })
      if (!this.#isRegistered) await this.#register()
    } finally {
      this.#isReading = false
    }
  }

  async #register(): Promise<void> {
    const { link, clock } = this.#ports
    const identity = ownIdentity(clock.wallNs())
    const written = await link.run((redis) => redis.hset(redisKeys.pid('executor'), identity))
    this.#isRegistered = written.ok
    failpoint('process-registered')
  }

  async #beat(): Promise<void> {
    const { ledger, clock, engine, loop, head, liveness } = this.#ports
    const waitingSince = ledger.waitingSinceTickMs
    // Without progress no beat, and without the ledger no progress.
    const isLedgerStuck = waitingSince !== null && clock.monotonicMs() - waitingSince > stuckAfterMs
    if (isLedgerStuck) return
    liveness.answer()
    if (!this.#heartbeat.isDue) return
    const view = engine.view(loop.at())
    await this.#heartbeat.beat({
      tick: String(this.#turns),
      ledger_seq: String(ledger.durableSeq),
      market_data_age_ms: String(Math.round(view.marketDataAgeMs ?? -1)),
      loop_lag_p99_ms: (this.#lag.percentile(99) / 1e6).toFixed(1),
      config_hash: head.config_hash,
    })
    this.#lag.reset()
  }

  async #publishStatus(): Promise<void> {
    const { engine, loop, clock, link, head, counters, decisions } = this.#ports
    const moment = {
      wallMs: clock.wallMs(),
      uptimeMs: clock.monotonicMs() - this.#startedTickMs,
      loopTickLastMs: this.#lastTurnWallMs,
    }
    const own = { ...counters(), feed_malformed: this.#feedMalformed }
    const view = { ...engine.view(loop.at()), refusals: decisions.refusals }
    void publishApprovals(link, head.run_id, clock, view)
    const status = executorStatus(head, moment, view, own)
    const text = JSON.stringify(status)
    await link.run((redis) => redis.set(redisKeys.status('executor'), text, 'PX', statusTtlMs))
  }
}
