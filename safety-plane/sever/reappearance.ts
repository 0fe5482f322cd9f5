import type { AuditRecord } from '@bulkhead/shared/contracts/audit-entry.ts'
import { type Episode, isConfirmed } from '../kill-sequence/episode.core.ts'
import type { EpisodeRunner } from '../kill-sequence/loop.ts'
import type { KillableTarget, Severer } from './loop.ts'

export type ReappearanceOptions = {
  readonly runner: Pick<EpisodeRunner, 'state' | 'trigger'>
  readonly severer: Pick<Severer, 'isSeenAlive'>
  /** Everything that L2 severs. */
  readonly killable: readonly KillableTarget[]
  /** Components that send orders: severed at L1 too. */
  readonly senders: readonly string[]
  readonly audit: (record: AuditRecord) => Promise<unknown>
}

/**
 * Looks for what was severed and runs again while the kill still stands: a restart policy, a
 * person, a process that escaped. The episode then proves its level once more, from fence to state.
 * While it is running or unconfirmed it looks after its targets itself.
 */
export class Reappearance {
  readonly #options: ReappearanceOptions

  constructor(options: ReappearanceOptions) {
    this.#options = options
  }

  /** @returns who was found alive */
  check(): readonly string[] {
    const { runner, severer, killable, senders, audit } = this.#options
    const { episode } = runner.state
    if (episode === null || episode.level === 'L0' || !isConfirmed(episode)) return []
    const found = killable
      .filter(({ component }) => isSeveredAt(episode, component, senders))
      .filter((target) => severer.isSeenAlive(target))
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
}

const isSeveredAt = (episode: Episode, component: string, senders: readonly string[]) =>
  episode.level === 'L2' || senders.includes(component)
