import type { KeyObject } from 'node:crypto'
import { type WatcherId, watcherIds } from '@bulkhead/shared/contracts/components.ts'
import type { AuditRecord } from '@bulkhead/shared/contracts/audit-entry.ts'
import { redisKeys, statusTtlMs } from '@bulkhead/shared/contracts/redis-keys.ts'
import type { Clock } from '@bulkhead/shared/kernel/clock.ts'
import { AuditWriter } from '@bulkhead/shared/runtime/audit-writer.ts'
import type { LoadedConfig } from '@bulkhead/shared/runtime/config.ts'
import { HeartbeatEmitter } from '@bulkhead/shared/runtime/heartbeat.ts'
import { type Logger, runId } from '@bulkhead/shared/runtime/log.ts'
import { ownIdentity, readBootId } from '@bulkhead/shared/runtime/process-identity.ts'
import type { RedisLink } from '@bulkhead/shared/runtime/redis-link.ts'
import { type AuditLog, openAuditLog } from '../audit/open.ts'
import { CommandJournal } from '../commands/journal.ts'
import { CommandLoop } from '../commands/loop.ts'
import type { Operators } from '../commands/operators.ts'
import type { SafetyVenue } from '../exchange/ports.ts'
import type { EpisodeState } from '../kill-sequence/episode.core.ts'
import { EpisodeRunner } from '../kill-sequence/loop.ts'
import { createPhasePerformer } from '../kill-sequence/phases.ts'
import { FileEpisodeStore } from '../kill-sequence/store.ts'
import { LivenessPaths } from '../liveness/paths.ts'
import { deliverLeftBehind } from '../last-resort/spool.ts'
import type { AlertQueue } from '../notify/loop.ts'
import { openAlerts } from '../notify/open.ts'
import type { AlertChannel } from '../notify/ports.ts'
import { PeerLoop } from '../peers/loop.ts'
import type { IdentityCache } from '../sever/identities.ts'
import type { KillableTarget, Severer } from '../sever/loop.ts'
import { createSevering } from '../sever/parts.ts'
import { Reappearance } from '../sever/reappearance.ts'
import type { DeadManSwitchConfig } from './config.ts'
import { ladderLimitsOf } from './limits.ts'
import { type CycleOutcome, WatchLoop } from './loop.ts'
import { SeenMemory } from './seen.ts'
import { StandingChecks } from './standing.ts'
import { buildStatus } from './status.ts'
import { KillSwitch } from './switch.ts'
import { gateOf, Wire } from './wire.ts'

export type PlaneParts = {
  readonly loaded: LoadedConfig<DeadManSwitchConfig>
  readonly operators: Operators
  /** Carries the kill: nothing slow goes over it. */
  readonly link: RedisLink
  /** Carries the audit drain. */
  readonly drainLink: RedisLink
  readonly venue: SafetyVenue
  readonly alertChannels: readonly AlertChannel[]
  /** Signs the sealed heads; null leaves them unsigned. */
  readonly sealKey: KeyObject | null
  readonly clock: Clock
  readonly log: Logger
  readonly buildId: string
  /** Told after every completed watch cycle, also of a blind one: feeds the watchdog. */
  readonly onWatchCycle: () => void
}

/** Pace of the status document and of everything that is a net under a notification. */
const housekeepingMs = 500
/** How often the archive is asked what may leave the audit log. */
const trimLookMs = 2_000

/** The safety plane of one process: every part, wired once. */
export class SafetyPlane {
  readonly #parts: PlaneParts
  readonly #config: DeadManSwitchConfig
  readonly #self: WatcherId
  readonly #writer: AuditWriter
  /** Of the first watcher only: one process keeps the audit log. */
  readonly #audit: AuditLog | null
  readonly #seen: SeenMemory
  readonly #peers: PeerLoop
  readonly #identities: IdentityCache
  readonly #killable: readonly KillableTarget[]
  readonly #severer: Severer
  readonly #alerts: AlertQueue
  readonly #wire: Wire
  readonly #reappearance: Reappearance
  readonly #runner: EpisodeRunner
  readonly #watch: WatchLoop
  readonly #switch: KillSwitch
  readonly #commands: CommandLoop
  readonly #standing: StandingChecks
  readonly #heartbeat: HeartbeatEmitter
  readonly #paths: LivenessPaths
  readonly #startedTickMs: number
  readonly #timers: NodeJS.Timeout[] = []
  #cycles = 0
  #isHousekeeping = false
  /** False after Redis was away: it may have come back without what it held. */
  #isRegistered = false

  constructor(parts: PlaneParts) {
    this.#parts = parts
    const { link, drainLink, clock, log, venue } = parts
    const { config } = parts.loaded
    this.#config = config
    const { component } = config
    this.#self = component
    this.#startedTickMs = clock.monotonicMs()
    const spoolFile = config.auditSpoolFile
    this.#writer = new AuditWriter({ link, component, chain: runId, clock, spoolFile })
    const isKeeper = component === watcherIds[0]
    const keeping = { ...parts, link: drainLink }
    this.#audit = isKeeper ? openAuditLog(config, this.#writer, keeping) : null
    this.#seen = new SeenMemory(config.stateDir, config.watch, readBootId(), log)
    this.#killable = config.watch.filter(({ killable }) => killable)
    const { identities, severer } = this.#createSevering()
    this.#identities = identities
    this.#severer = severer
    this.#alerts = openAlerts(config.notify, config.stateDir, this.#writer, parts)
    this.#wire = this.#createWire()
    this.#runner = this.#createRunner()
    this.#reappearance = this.#createReappearance()
    this.#watch = this.#createWatch()
    const audit = (record: AuditRecord) => this.#writer.record(record)
    const takePing = this.#watch.takePing.bind(this.#watch)
    this.#paths = new LivenessPaths(config, clock, takePing)
    this.#peers = new PeerLoop({
      link,
      clock,
      peers: config.watchers.filter((id) => id !== component),
      intervalMs: config.ladder.pollIntervalMs,
      onRecord: (peer, record) => this.#switch.onPeer(peer, record),
    })
    this.#switch = new KillSwitch({
      self: component,
      clock,
      otherHolds: () => this.#peers.holds(),
      runner: this.#runner,
      venue,
      link,
      watch: () => this.#watch,
      wire: this.#wire,
      audit,
      log,
    })
    this.#commands = this.#createCommands()
    this.#standing = this.#createStanding()
    this.#heartbeat = new HeartbeatEmitter(link, component, clock, config.heartbeatIntervalMs)
  }

  /** Takes up an open episode first, then watches. */
  async start(): Promise<void> {
    this.#wire.start()
    await this.#identities.refresh()
    this.#watch.expect(this.#seen.before((name) => this.#isGone(name)))
    await this.#switch.resume()
    this.#onSevered(this.#runner.state.episode?.severed ?? [])
    await this.#switch.uphold()
    await this.#register()
    const fields = { config_hash: this.#parts.loaded.configHash, build_id: this.#parts.buildId }
    void this.#writer.record({ action: 'STARTED', subject: this.#self, correlationId: '', fields })
    this.#seen.remember(this.#watch.expected, false)
    this.#watch.start()
    this.#paths.start()
    this.#peers.start()
    this.#standing.start()
    this.#alerts.start()
    this.#every(housekeepingMs, () => this.#housekeep())
    this.#every(this.#config.sealIntervalMs, () => this.#seal())
    if (this.#audit === null) return
    this.#every(trimLookMs, () => this.#audit?.trimmer.tick())
    const { auditSpoolFile, sealIntervalMs } = this.#config
    const { drainLink, clock } = this.#parts
    this.#every(sealIntervalMs, () => deliverLeftBehind(auditSpoolFile, drainLink, clock))
  }

  /** A key changed in Redis: what it holds is read by whoever it concerns. */
  onKeyChange(key: string): void {
    if (key.startsWith('safety:heartbeat:')) this.#watch.request()
    else if (key === redisKeys.commands(this.#self)) void this.#commands.run()
    else if (key.startsWith(auditInboxPrefix))
      this.#audit?.drain.request(key.slice(auditInboxPrefix.length))
  }

  /** An orderly stop leaves an open episode on the disk for the next run. */
  async stop(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer)
    this.#watch.close()
    this.#paths.close()
    this.#seen.remember(this.#watch.expected, true)
    this.#peers.close()
    this.#standing.close()
    this.#alerts.close()
    this.#runner.close()
    this.#wire.stop()
    await this.#writer.record({ action: 'STOPPED', subject: this.#self, correlationId: '' })
    await this.#parts.link.run((redis) => redis.del(redisKeys.pid(this.#self)))
    await this.#audit?.drain.settle()
    await this.#audit?.drain.seal()
    await this.#audit?.drain.settle()
    this.#writer.close()
  }

  /** Market data lives inside its host, so its silence after the kill says nothing either. */
  #onSevered(components: readonly string[]): string[] {
    const { marketDataFailsafe } = this.#config
    const hasHost = marketDataFailsafe !== null && components.includes(marketDataFailsafe.hostedBy)
    const dependent = hasHost ? [marketDataFailsafe.component] : []
    return this.#watch.markSevered([...components, ...dependent])
  }

  /** Only what the configuration names can be found gone; nothing else ever takes leave. */
  #isGone(name: string): boolean {
    const target = this.#killable.find((killable) => killable.component === name)
    return target !== undefined && this.#severer.isDead(target)
  }

  #onCycle(outcome: CycleOutcome): void {
    this.#parts.onWatchCycle()
    if (outcome === 'unanswered') return
    this.#cycles += 1
    void this.#heartbeat.beat({ cycles: String(this.#cycles) })
  }

  async #housekeep(): Promise<void> {
    void this.#commands.run()
    void this.#commands.resets.refresh()
    this.#audit?.drain.request()
    if (this.#isHousekeeping) return
    this.#isHousekeeping = true
    await this.#publishStatus()
    await this.#switch.uphold()
    if (!this.#isRegistered) await this.#register()
    await this.#writer.deliverSpool()
    await this.#identities.refresh()
    this.#reappearance.check()
    this.#isRegistered &&= this.#parts.link.isReady
    this.#isHousekeeping = false
  }

  async #publishStatus(): Promise<void> {
    const { clock, link, loaded, buildId } = this.#parts
    const { ladder } = this.#config
    const status = buildStatus(
      {
        self: this.#self,
        runId,
        buildId,
        configHash: loaded.configHash,
        startedTickMs: this.#startedTickMs,
        thresholdsMs: {
          L0: ladder.softStopAfterMs,
          L1: ladder.hardStopAfterMs,
          L2: ladder.emergencyAfterMs,
        },
        ladder: this.#watch.state,
        heartbeatIntervalMs: ladder.watchedHeartbeatIntervalMs,
        episode: this.#runner.state,
        reset: this.#commands.resets.view(),
        readiness: this.#standing.readiness,
        backstops: this.#standing.backstops,
        lastDrill: this.#standing.lastDrill,
        egressGate: this.#wire.view,
      },
      clock,
    )
    const text = JSON.stringify(status)
    await link.run((redis) => redis.set(redisKeys.status(this.#self), text, 'PX', statusTtlMs))
  }

  async #register(): Promise<void> {
    const identity = ownIdentity(this.#parts.clock.wallNs())
    const key = redisKeys.pid(this.#self)
    this.#isRegistered = (await this.#parts.link.run((redis) => redis.hset(key, identity))).ok
  }

  #seal(): void {
    this.#audit?.drain.seal().catch((error: unknown) => {
      this.#parts.log.error({ err: error }, 'audit heads could not be sealed')
    })
  }

  #every(intervalMs: number, work: () => unknown): void {
    this.#timers.push(setInterval(() => void work(), intervalMs))
  }

  #createWatch(): WatchLoop {
    const { link, clock } = this.#parts
    const { ladder } = this.#config
    return new WatchLoop({
      link,
      clock,
      limits: ladderLimitsOf(this.#config),
      pollIntervalMs: ladder.pollIntervalMs,
      isGone: (name) => this.#isGone(name),
      onExpected: (expected) => this.#seen.remember(expected, false),
      onTrigger: (trigger) => this.#switch.onLadder(trigger),
      onCycle: (outcome) => this.#onCycle(outcome),
    })
  }

  #createSevering() {
    const { kill, cgroupMount, stateDir, fencerSocket } = this.#config
    const { link, clock, log } = this.#parts
    const limits = {
      cgroupMount,
      verifyTimeoutMs: kill.severVerifyTimeoutMs,
      containerTimeoutMs: kill.containerTimeoutMs,
    }
    const record = (entry: AuditRecord) => this.#writer.record(entry)
    const killable = this.#killable
    return createSevering({ killable, stateDir, limits, fencerSocket, link, clock, log, record })
  }

  #createReappearance(): Reappearance {
    return new Reappearance({
      runner: this.#runner,
      severer: this.#severer,
      clock: this.#parts.clock,
      killable: this.#killable,
      senders: this.#config.severAtHardStop,
      audit: (record) => this.#writer.record(record),
    })
  }

  #createRunner(): EpisodeRunner {
    const { link, venue, clock, log } = this.#parts
    const { kill, stateDir, severAtHardStop } = this.#config
    const audit = async (record: AuditRecord) => {
      await this.#writer.record(record)
    }
    const perform = createPhasePerformer({
      self: this.#self,
      link,
      venue,
      severer: this.#severer,
      notifier: this.#alerts,
      clock,
      killable: this.#killable,
      senders: severAtHardStop,
      limits: kill,
      stateNow: () => this.#runner.state,
      publish: () => this.#switch.publish(),
      onSevered: (components) => this.#onSevered(components),
      sealHeads: () => this.#seal(),
    })
    const bootId = readBootId()
    const store = new FileEpisodeStore(stateDir, bootId)
    const onDecision = (state: EpisodeState) => this.#wire.follow(state)
    const onChange = () => void this.#publishStatus()
    const parts = { limits: kill, store, perform, audit, clock, log, bootId }
    return new EpisodeRunner({ ...parts, onDecision, onChange })
  }

  #createWire(): Wire {
    const connect = gateOf(this.#config.egressGate, this.#self, this.#parts.clock)
    const audit = (record: AuditRecord) => this.#writer.record(record)
    return new Wire({ connect, audit, onChange: () => void this.#publishStatus() })
  }

  #createCommands(): CommandLoop {
    const { link, operators, clock, log } = this.#parts
    const { environment, stateDir, commandWindow, resetApprovalMsMax, ladder } = this.#config
    return new CommandLoop({
      self: this.#self,
      link,
      operators,
      journal: new CommandJournal(stateDir),
      control: this.#switch,
      window: commandWindow,
      resetNeedsApprover: environment === 'LIVE' || environment === 'MICRO_LIVE',
      resetApprovalMsMax,
      bootGraceMs: ladder.bootGraceMs,
      audit: async (record) => (await this.#writer.record(record)).ok,
      clock,
      log,
    })
  }

  #createStanding(): StandingChecks {
    const { link, venue, clock } = this.#parts
    return new StandingChecks({
      config: this.#config,
      venue,
      link,
      clock,
      identities: this.#identities,
      killable: this.#killable,
      operators: this.#parts.operators,
      severer: this.#severer,
      isStateDurable: () => this.#runner.isStoreHealthy,
      silentPaths: () => this.#paths.silent,
      audit: (record) => this.#writer.record(record),
    })
  }
}

const auditInboxPrefix = redisKeys.auditInbox('')
