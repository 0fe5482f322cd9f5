import type { AuditRecord } from '@bulkhead/shared/contracts/audit-entry.ts'
import type { KillCommand } from '@bulkhead/shared/contracts/commands.ts'
import type { Logger } from '@bulkhead/shared/runtime/log.ts'
import type { RedisLink } from '@bulkhead/shared/runtime/redis-link.ts'
import type { ResetFacts } from '../commands/core.ts'
import type { KillSwitchControl } from '../commands/ports.ts'
import type { SafetyVenue } from '../exchange/ports.ts'
import { isConfirmed, isRunning } from '../kill-sequence/episode.core.ts'
import type { EpisodeRunner } from '../kill-sequence/loop.ts'
import { ordersRest } from '../kill-sequence/orders.ts'
import {
  holdsSwitchState,
  levelOfMode,
  readSwitchState,
  watchdogStateOf,
  writeSwitchState,
} from '../kill-sequence/switch-state.ts'
import type { LadderTrigger } from './core.ts'
import type { WatchLoop } from './loop.ts'

export type KillSwitchOptions = {
  readonly runner: EpisodeRunner
  readonly venue: SafetyVenue
  readonly link: RedisLink
  readonly watch: () => WatchLoop
  readonly audit: (record: AuditRecord) => Promise<unknown>
  readonly log: Logger
}

/** Joins the ladder, the operators and the record in Redis to the one episode. */
export class KillSwitch implements KillSwitchControl {
  readonly #options: KillSwitchOptions

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
      subject: 'dead_man_switch',
      correlationId: episode,
      fields: { threshold_ms: String(trigger.thresholdMs) },
    })
  }

  kill(command: KillCommand): string {
    return this.#options.runner.trigger({
      level: command.level,
      trigger: 'OPERATOR_COMMAND',
      component: command.operator_id,
      thresholdMs: 0,
      overshootMs: 0,
    })
  }

  async resetFacts(): Promise<ResetFacts> {
    const { runner, venue } = this.#options
    const level = runner.state.episode?.level
    const rests = level === undefined ? false : await ordersRest(venue, level)
    const { episode } = runner.state
    return {
      episode: episode?.id ?? null,
      isRunning: episode !== null && isRunning(episode),
      isConfirmed: episode !== null && isConfirmed(episode),
      ordersRest: rests,
    }
  }

  reset(episodeId: string): boolean {
    const { runner, watch, audit } = this.#options
    const { episode } = runner.state
    if (episode?.id !== episodeId || !isConfirmed(episode)) return false
    const wasBlind = watchdogStateOf(runner.state) === 'SAFE_MODE'
    runner.reset()
    watch().rearm()
    void this.uphold()
    if (wasBlind) {
      const subject = 'dead_man_switch'
      void audit({ action: 'SAFE_MODE_LEFT', subject, correlationId: episodeId })
    }
    return true
  }

  /**
   * Takes up what an earlier run left: its own file first, and where that is missing, a thrown
   * switch in Redis, which is then proven anew. Nothing is ever read as "not thrown" for want of
   * memory.
   */
  async resume(): Promise<void> {
    const { runner, link } = this.#options
    const recorded = await readSwitchState(link)
    const found = recorded.ok && recorded.value !== 'missing' ? recorded.value : null
    runner.resume(Number(found?.generation ?? 0))
    const level = found === null ? null : levelOfMode(found.mode)
    if (found === null || level === null || runner.state.episode !== null) return
    if (Number(found.generation) < runner.state.generation) return
    runner.trigger({
      level,
      trigger: 'RECORDED_STATE',
      component: 'dead_man_switch',
      thresholdMs: 0,
      overshootMs: 0,
      episode: found.episode,
    })
  }

  /** Puts the state back into Redis when it is not there, whoever removed it. */
  async uphold(): Promise<void> {
    const { runner, link, audit } = this.#options
    if (!link.isReady || (await holdsSwitchState(link, runner.state))) return
    const written = await writeSwitchState(link, runner.state)
    if (!written.ok) return
    await audit({
      action: 'SWITCH_STATE_WRITTEN',
      subject: 'dead_man_switch',
      correlationId: runner.state.episode?.id ?? '',
      fields: { generation: String(runner.state.generation) },
    })
  }
}
