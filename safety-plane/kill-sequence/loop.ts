import { randomUUID } from 'node:crypto'
import type { AuditRecord } from '@bulkhead/shared/contracts/audit-entry.ts'
import type { KillLevel } from '@bulkhead/shared/contracts/kill-switch.ts'
import type { KillTrigger } from '@bulkhead/shared/contracts/reasons/kill-triggers.ts'
import type { Clock } from '@bulkhead/shared/kernel/clock.ts'
import type { Logger } from '@bulkhead/shared/runtime/log.ts'
import { DeadlineTimer } from '../dead-man-switch/deadline-timer.ts'
import { stepEpisode } from './core.ts'
import {
  type EpisodeEffect,
  type EpisodeInput,
  type EpisodeLimits,
  type EpisodeState,
  noEpisode,
  retryTickMs,
} from './episode.core.ts'
import type { EpisodeStore, PhasePerformer, PhaseResult } from './ports.ts'

export type EpisodeRunnerOptions = {
  readonly limits: EpisodeLimits
  readonly store: EpisodeStore
  readonly perform: PhasePerformer
  readonly audit: (record: AuditRecord) => Promise<void>
  readonly clock: Clock
  readonly log: Logger
  readonly bootId: string
  /** Told of every new state before it is stored or acted upon; never waited for. */
  readonly onDecision: (state: EpisodeState) => void
  /** After every change, once its effects are under way. */
  readonly onChange: () => void
}

export type KillRequest = {
  readonly level: KillLevel
  readonly trigger: KillTrigger
  readonly component: string
  readonly thresholdMs: number
  readonly overshootMs: number
  /** Id to take over when none is open; a fresh one by default. */
  readonly episode?: string
}

/**
 * Runs the one episode that can be open: folds each input, makes the new state durable, and only
 * then performs what follows from it.
 */
export class EpisodeRunner {
  readonly #options: EpisodeRunnerOptions
  readonly #retry: DeadlineTimer
  #state: EpisodeState = noEpisode
  #isStoreHealthy = true

  constructor(options: EpisodeRunnerOptions) {
    this.#options = options
    this.#retry = new DeadlineTimer(options.clock, () => {
      this.#apply({ type: 'tick', tickMs: options.clock.monotonicMs() })
    })
  }

  get state(): EpisodeState {
    return this.#state
  }

  /** False when the last step could not be made durable; killing goes on regardless. */
  get isStoreHealthy(): boolean {
    return this.#isStoreHealthy
  }

  /** Takes up what a previous run left behind. */
  resume(): void {
    const { store, clock, bootId } = this.#options
    const stored = store.load()
    this.#state = stored?.state ?? noEpisode
    this.#apply({
      type: 'resumed',
      sameBoot: stored?.bootId === bootId,
      tickMs: clock.monotonicMs(),
      wallMs: clock.wallMs(),
    })
  }

  /** Starts an episode, raises the open one, or joins it. @returns the id of the episode */
  trigger(request: KillRequest): string {
    const { clock } = this.#options
    const { episode = randomUUID(), ...evidence } = request
    this.#apply({
      type: 'trigger',
      ...evidence,
      freshId: episode,
      wallMs: clock.wallMs(),
      tickMs: clock.monotonicMs(),
    })
    return this.#state.episode?.id ?? ''
  }

  /** Takes note of a generation that stands in Redis. */
  noteGeneration(generation: number): void {
    this.#apply({ type: 'recorded', generation })
  }

  /** Another watcher is in a kill of this id. */
  merge(id: string): void {
    this.#apply({ type: 'merged', id })
  }

  /** Clears the proven episode; the caller has checked that it may. */
  reset(operatorId: string): void {
    this.#apply({ type: 'reset', wallMs: this.#options.clock.wallMs(), operatorId })
  }

  close(): void {
    this.#retry.clear()
  }

  #apply(input: EpisodeInput): void {
    const { state, effects } = stepEpisode(this.#state, input, this.#options.limits)
    const isChanged = state !== this.#state
    this.#state = state
    if (isChanged) this.#options.onDecision(state)
    if (isChanged) this.#save()
    this.#retry.set(retryTickMs(state))
    for (const effect of effects) this.#carryOut(effect)
    if (isChanged) this.#options.onChange()
  }

  #save(): void {
    try {
      this.#options.store.save(this.#state)
      this.#isStoreHealthy = true
    } catch (error) {
      this.#isStoreHealthy = false
      this.#options.log.error({ err: error }, 'episode state could not be stored; the kill goes on')
    }
  }

  #carryOut(effect: EpisodeEffect): void {
    const { audit, log } = this.#options
    if (effect.type === 'audit') {
      log.warn(
        { ...effect.record.fields, episode: effect.record.correlationId },
        effect.record.action,
      )
      void audit(effect.record)
      return
    }
    void this.#perform(effect)
  }

  async #perform(effect: EpisodeEffect & { readonly type: 'perform' }): Promise<void> {
    const { episode, generation } = this.#state
    if (episode === null) return
    const { phase, level, untilTickMs, attempt } = effect
    const order = { phase, level, untilTickMs, episode, generation }
    const result: PhaseResult = await this.#options.perform(order)
    const { clock } = this.#options
    this.#apply({
      type: 'finished',
      attempt,
      phase,
      ...result,
      wallMs: clock.wallMs(),
      tickMs: clock.monotonicMs(),
    })
  }
}
