import type { AuditRecord } from '@bulkhead/shared/contracts/audit-entry.ts'
import type { KillCommand } from '@bulkhead/shared/contracts/commands.ts'
import type { WatcherId } from '@bulkhead/shared/contracts/components.ts'
import type { KillSwitchState } from '@bulkhead/shared/contracts/kill-switch.ts'
import type { Clock } from '@bulkhead/shared/kernel/clock.ts'
import type { Logger } from '@bulkhead/shared/runtime/log.ts'
import { ok, type Result } from '@bulkhead/shared/kernel/result.ts'
import type { RedisFault, RedisLink } from '@bulkhead/shared/runtime/redis-link.ts'
import type { ResetFacts } from '../commands/core.ts'
import type { KillSwitchControl } from '../commands/ports.ts'
import type { SafetyVenue } from '../exchange/ports.ts'
import { isAbove, isConfirmed, isRunning, openPhases } from '../kill-sequence/episode.core.ts'
import type { EpisodeRunner } from '../kill-sequence/loop.ts'
import { ordersResting } from '../kill-sequence/orders.ts'
import {
  holdsSwitchState,
  levelOfMode,
  readSwitchState,
  watchdogStateOf,
  writeSwitchState,
} from '../kill-sequence/switch-state.ts'
import { judgePeer } from '../peers/core.ts'
import type { LadderTrigger } from './core.ts'
import type { WatchLoop } from './loop.ts'
import type { Wire } from './wire.ts'

export type KillSwitchOptions = {
  /** Under whose name the switch is thrown. */
  readonly self: WatcherId
  readonly clock: Clock
  /** Which other watcher would not follow a reset now; empty when all would. */
  readonly otherHolds: () => string
  readonly runner: EpisodeRunner
  readonly venue: SafetyVenue
  readonly link: RedisLink
  readonly watch: () => WatchLoop
  readonly wire: Wire
  readonly audit: (record: AuditRecord) => Promise<unknown>
  readonly log: Logger
}

/** Joins the ladder, the operators and the record in Redis to the one episode. */
export class KillSwitch implements KillSwitchControl {
  readonly #options: KillSwitchOptions
  /** Whether the record in Redis was looked at since the start. */
  #isRecordKnown = false
  #resetTickMs = -Infinity

  constructor(options: KillSwitchOptions) {
    this.#options = options
  }

  /** A silence reached a rung, or Redis was lost. */
  onLadder(trigger: LadderTrigger): void {
    const { runner, audit, log } = this.#options
    const episode = runner.trigger(trigger)
    log.warn({ ...trigger, episode }, 'a silence reached its threshold')
    if (trigger.trigger !== 'SAFETY_REDIS_UNAVAILABLE') return
    void audit({
      action: 'SAFE_MODE_ENTERED',
      subject: this.#options.self,
      correlationId: episode,
      fields: { threshold_ms: String(trigger.thresholdMs) },
    })
  }

  kill(command: KillCommand, takenAt: number): string {
    const { episode, generation } = this.#options.runner.state
    const isDone =
      generation > takenAt && episode !== null && !isAbove(command.level, episode.level)
    if (isDone) return episode.id
    return this.#options.runner.trigger({
      level: command.level,
      trigger: 'OPERATOR_COMMAND',
      component: command.operator_id,
      thresholdMs: 0,
      overshootMs: 0,
    })
  }

  get generation(): number {
    return this.#options.runner.state.generation
  }

  get isStanding(): boolean {
    const { episode } = this.#options.runner.state
    return episode !== null && !isRunning(episode)
  }

  async resetFacts(): Promise<ResetFacts> {
    const { runner, venue } = this.#options
    const level = runner.state.episode?.level
    return this.factsWith(level === undefined ? 0 : await ordersResting(venue, level))
  }

  factsWith(resting: number | null): ResetFacts {
    const { episode, generation } = this.#options.runner.state
    return {
      episode: episode?.id ?? null,
      isRunning: episode !== null && isRunning(episode),
      isConfirmed: episode !== null && isConfirmed(episode),
      openPhases: episode === null ? [] : openPhases(episode),
      ordersResting: resting,
      otherHolds: this.#options.otherHolds(),
      generation,
    }
  }

  reset(episodeId: string, operatorId: string): boolean {
    const { runner, watch, audit, clock } = this.#options
    const { episode } = runner.state
    if (episode?.id !== episodeId || !isConfirmed(episode)) return false
    const wasBlind = watchdogStateOf(runner.state) === 'SAFE_MODE'
    runner.reset(operatorId)
    this.#resetTickMs = clock.monotonicMs()
    watch().rearm()
    void this.uphold()
    if (wasBlind) {
      const subject = this.#options.self
      void audit({ action: 'SAFE_MODE_LEFT', subject, correlationId: episodeId })
    }
    return true
  }

  /** The other watcher's record was read: whatever it says can only raise what is in force here. */
  onPeer(peer: WatcherId, record: KillSwitchState): void {
    const { runner, clock, log } = this.#options
    const { episode, cleared } = runner.state
    const verdict = judgePeer(
      {
        episode,
        cleared: cleared ?? '',
        sinceResetMs: clock.monotonicMs() - this.#resetTickMs,
      },
      { level: levelOfMode(record.mode), episode: record.episode },
    )
    if (verdict.kind === 'nothing') return
    log.warn({ peer, ...verdict }, 'the other watcher has thrown the switch')
    if (verdict.kind === 'merge') {
      runner.merge(record.episode)
      void this.uphold()
      return
    }
    runner.trigger({
      level: verdict.level,
      trigger: 'OTHER_WATCHER',
      component: peer,
      thresholdMs: 0,
      overshootMs: 0,
      ...(record.episode === '' ? {} : { episode: record.episode }),
    })
  }

  /**
   * Takes up what an earlier run left: its own file at once, and the record in Redis as soon as it
   * can be read. Nothing is ever read as "not thrown" for want of memory.
   */
  async resume(): Promise<void> {
    this.#options.runner.resume()
    await this.#adopt()
  }

  /** Writes mode and watchdog state, but never over a record that was not looked at yet. */
  async publish(): Promise<Result<void, RedisFault>> {
    const { runner, link } = this.#options
    const adopted = await this.#adopt()
    return adopted.ok ? writeSwitchState(link, this.#options.self, runner.state) : adopted
  }

  /**
   * Puts the state back into Redis when it is not there, whoever removed it, and lets the executor
   * through where no kill forbids it.
   */
  async uphold(): Promise<void> {
    const { runner, link, audit, wire, self } = this.#options
    wire.uphold(runner.state, this.#isRecordKnown)
    if (!link.isReady || (await holdsSwitchState(link, self, runner.state))) return
    const written = await this.publish()
    if (!written.ok) return
    await audit({
      action: 'SWITCH_STATE_WRITTEN',
      subject: this.#options.self,
      correlationId: runner.state.episode?.id ?? '',
      fields: { generation: String(runner.state.generation) },
    })
  }

  /**
   * Reads the record once. A thrown switch that is newer than what this process knows, and above
   * it, is proven anew at its level.
   */
  async #adopt(): Promise<Result<void, RedisFault>> {
    if (this.#isRecordKnown) return ok(undefined)
    const { runner, link } = this.#options
    const recorded = await readSwitchState(link, this.#options.self)
    if (!recorded.ok) return recorded
    if (this.#isRecordKnown) return ok(undefined)
    this.#isRecordKnown = true
    if (recorded.value === 'missing') return ok(undefined)
    const { mode, episode, generation } = recorded.value
    const isNewer = Number(generation) >= runner.state.generation
    runner.noteGeneration(Number(generation))
    const level = levelOfMode(mode)
    const open = runner.state.episode
    if (level === null || !isNewer || (open !== null && !isAbove(level, open.level))) {
      return ok(undefined)
    }
    runner.trigger({
      level,
      trigger: 'RECORDED_STATE',
      component: this.#options.self,
      thresholdMs: 0,
      overshootMs: 0,
      episode,
    })
    return ok(undefined)
  }
}
