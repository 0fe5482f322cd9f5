import type { KillLevel, KillPhase, PhaseOutcome } from '@bulkhead/shared/contracts/kill-switch.ts'
import type { Episode, EpisodeState } from './episode.core.ts'

/** What a performed phase reports back to the episode. */
export type PhaseResult = {
  readonly outcome: PhaseOutcome
  readonly details: Readonly<Record<string, string>>
  readonly budgetStarved?: boolean
  readonly cutSenders?: boolean
  readonly severed?: readonly string[]
}

/** What a performer must know of the episode that asks. */
export type PhaseOrder = {
  readonly phase: KillPhase
  readonly level: KillLevel
  readonly untilTickMs: number
  readonly episode: Episode
  readonly generation: number
}

/** Performs one phase against the outside world. It never throws for an expected failure. */
export type PhasePerformer = (order: PhaseOrder) => Promise<PhaseResult>

/** Where the episode survives a crash. */
export interface EpisodeStore {
  /** @throws the I/O error; the caller goes on killing without it */
  save(state: EpisodeState): void
  /** The stored state with the boot it was written under, or undefined when there is none. */
  load(): { readonly state: EpisodeState; readonly bootId: string } | undefined
}
