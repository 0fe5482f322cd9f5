import type { AuditRecord } from '@bulkhead/shared/contracts/audit-entry.ts'
import type { Clock } from '@bulkhead/shared/kernel/clock.ts'
import { type Episode, isConfirmed } from '../kill-sequence/episode.core.ts'
import type { EpisodeRunner } from '../kill-sequence/loop.ts'
import type { KillableTarget, Severer } from './loop.ts'

export type ReappearanceOptions = {
  readonly runner: Pick<EpisodeRunner, 'state' | 'trigger'>
  readonly severer: Pick<Severer, 'seenAlive'>
  readonly clock: Pick<Clock, 'monotonicMs'>
  /** Everything that L2 severs. */
  readonly killable: readonly KillableTarget[]
  /** Components that send orders: severed at L1 too. */
  readonly senders: readonly string[]
  readonly audit: (record: AuditRecord) => Promise<unknown>
}

/**
 * How long something that has not registered may be in a group. Under systemd the condition that
 * asks whether the kill switch allows a start runs in the group of the service; killing it would
 * look like a crash, and lead to the next start until systemd gives the service up.
 */
export const conditionMsMax = 2_000

/**
 * Looks for what was severed and runs again while the kill still stands: a restart policy, a
 * person, a process that escaped. The episode then proves its level once more, from fence to state.
 * While it is running or unconfirmed it looks after its targets itself.
 */
export class Reappearance {
  readonly #options: ReappearanceOptions
  /** Since when something that has not registered is in the group of a component. */
  readonly #inGroupSinceMs = new Map<string, number>()

  constructor(options: ReappearanceOptions) {
    this.#options = options
  }

  /** @returns who was found alive */
  check(): readonly string[] {
    const { runner, killable, senders, audit } = this.#options
    const { episode } = runner.state
    if (episode === null || episode.level === 'L0' || !isConfirmed(episode)) {
      this.#inGroupSinceMs.clear()
      return []
    }
    const found = killable
      .filter(({ component }) => isSeveredAt(episode, component, senders))
      .filter((target) => this.#isBack(target))
      .map(({ component }) => component)
    const [first] = found
    if (first === undefined) return []
    void audit({
      action: 'TARGET_REAPPEARED',
      subject: first,
      correlationId: episode.id,
      fields: { components: found.join(','), level: episode.level },
    })
    const { level } = episode
    const trigger = 'TARGET_REAPPEARED'
    runner.trigger({ level, trigger, component: first, thresholdMs: 0, overshootMs: 0 })
    return found
  }

  #isBack(target: KillableTarget): boolean {
    const { severer, clock } = this.#options
    const { component } = target
    const seen = severer.seenAlive(target)
    if (seen !== 'in_group') {
      this.#inGroupSinceMs.delete(component)
      return seen === 'registered'
    }
    const nowMs = clock.monotonicMs()
    const sinceMs = this.#inGroupSinceMs.get(component) ?? nowMs
    this.#inGroupSinceMs.set(component, sinceMs)
    if (nowMs - sinceMs < conditionMsMax) return false
    this.#inGroupSinceMs.delete(component)
    return true
  }
}

const isSeveredAt = (episode: Episode, component: string, senders: readonly string[]) =>
  episode.level === 'L2' || senders.includes(component)
