import type { KillLevel, KillPhase, PhaseOutcome } from '@bulkhead/shared/contracts/kill-switch.ts'
import type { KillTrigger } from '@bulkhead/shared/contracts/reasons/kill-triggers.ts'

/** One phase of one pass. A pass runs all phases at one level; a raise begins the next pass. */
export type PhaseRecord = {
  readonly phase: KillPhase
  readonly level: KillLevel
  readonly startedTickMs: number
  readonly finishedTickMs: number | null
  readonly outcome: PhaseOutcome | null
  /** Which performance the record is waiting for. */
  readonly attempt: number
  /** How often it was performed, more than once after a restart or while unconfirmed. */
  readonly performed: number
}

/** A kill from its first trigger until an operator's reset (design 5.3). All of it is persisted. */
export type Episode = {
  readonly id: string
  readonly level: KillLevel
  /** What started it; later triggers only raise the level. */
  readonly trigger: KillTrigger
  readonly component: string
  readonly startedWallMs: number
  readonly startedTickMs: number
  readonly phases: readonly PhaseRecord[]
  /** Phase under way; null between passes. */
  readonly current: KillPhase | null
  /** Counts performances, so that the late result of an abandoned one is recognised. */
  readonly attempt: number
  /** When the last order may have left: fence at L0, verified death of the senders above. */
  readonly cutTickMs: number | null
  readonly retryAtTickMs: number | null
  /** Budget exhausted on our own cancel: this pass goes straight to sever. */
  readonly skipMassCancel: boolean
  /** Id under which it began, when another watcher's turned out to be the one to share. */
  readonly mergedFrom?: string | undefined
  /** Components that were alive until this episode killed them: their silence is our doing. */
  readonly severed: readonly string[]
}

export type EpisodeState = {
  readonly episode: Episode | null
  /** Changes of the kill-switch state so far; never goes back. */
  readonly generation: number
  /** When the present kill-switch mode was set; 0 before the first start. */
  readonly sinceWallMs: number
  /** Operator whose reset ended the last episode; missing while there was none to end. */
  readonly resetBy?: string | undefined
  /** The episode that was reset last. */
  readonly cleared?: string | undefined
}

export type EpisodeLimits = {
  readonly inFlightLeaseMs: number
  readonly closeOnEmergency: boolean
  /** Pause before unconfirmed phases are performed again; bounds the retries per minute. */
  readonly unconfirmedRetryMs: number
}

/** What starts or raises an episode. `freshId` is used only when none is open. */
export type EpisodeTrigger = {
  readonly type: 'trigger'
  readonly level: KillLevel
  readonly trigger: KillTrigger
  readonly component: string
  readonly thresholdMs: number
  readonly overshootMs: number
  readonly freshId: string
  readonly wallMs: number
  readonly tickMs: number
}

/** How the performance `attempt` of a phase ended. */
export type PhaseFinished = {
  readonly type: 'finished'
  readonly attempt: number
  readonly phase: KillPhase
  readonly outcome: PhaseOutcome
  /** Facts for the audit, flat. */
  readonly details: Readonly<Record<string, string>>
  /** Our own cancel met 10028 or 10047. */
  readonly budgetStarved?: boolean
  /** A process that sends orders was alive and is now verified dead. */
  readonly cutSenders?: boolean
  /** Components whose silence from now on is our doing. */
  readonly severed?: readonly string[]
  readonly wallMs: number
  readonly tickMs: number
}

export type EpisodeInput =
  | EpisodeTrigger
  | PhaseFinished
  | { readonly type: 'tick'; readonly tickMs: number }
  /** After a restart. Monotonic times of another boot mean nothing, so they are laid anew. */
  | {
      readonly type: 'resumed'
      readonly sameBoot: boolean
      readonly tickMs: number
      readonly wallMs: number
    }
  /** A generation that stands in Redis: ours must never fall behind it. */
  | { readonly type: 'recorded'; readonly generation: number }
  /** Another watcher is in a kill of its own id; both go on under the smaller one. */
  | { readonly type: 'merged'; readonly id: string }
  | { readonly type: 'reset'; readonly wallMs: number; readonly operatorId: string }

/** An audit entry that the episode demands; the loop turns it into a chained one. */
export type EpisodeAudit = {
  readonly action: string
  readonly subject: string
  readonly correlationId: string
  readonly fields: Readonly<Record<string, string>>
}

export type EpisodeEffect =
  | { readonly type: 'audit'; readonly record: EpisodeAudit }
  /** Perform one phase and answer with `finished` under the same attempt. */
  | {
      readonly type: 'perform'
      readonly phase: KillPhase
      readonly attempt: number
      readonly episode: string
      readonly level: KillLevel
      readonly trigger: KillTrigger
      /** End of the in-flight horizon, for `in_flight_wait` only. */
      readonly untilTickMs: number
    }

/** New state first: the loop makes it durable before it performs any effect. */
export type EpisodeStep = { readonly state: EpisodeState; readonly effects: EpisodeEffect[] }

const rank = { L0: 0, L1: 1, L2: 2 } as const satisfies Record<KillLevel, number>

/** What must hold before an episode counts as confirmed; the sweep makes good a lost cancel. */
export const provingPhases: readonly KillPhase[] = [
  'fence',
  'sever',
  'in_flight_wait',
  'sweep',
  'close',
  'state',
]

export const noEpisode: EpisodeState = { episode: null, generation: 0, sinceWallMs: 0 }

export const isAbove = (level: KillLevel, than: KillLevel) => rank[level] > rank[than]

/** Whether a phase is under way or one of the present pass is still to come. */
export const isRunning = (episode: Episode) => episode.current !== null

export const isDone = (outcome: PhaseOutcome | null | undefined) =>
  outcome === 'confirmed' || outcome === 'not_required'

/** Proving phases of the present pass that are not done. */
export const openPhases = (episode: Episode): KillPhase[] =>
  provingPhases.filter((phase) => !isDone(recordOf(episode, phase)?.outcome))

/** Whether every proving phase of the present pass is done. Unconfirmed is never done (law 11). */
export function isConfirmed(episode: Episode): boolean {
  return !isRunning(episode) && openPhases(episode).length === 0
}

/** When a tick has something to do, or null. */
export const retryTickMs = (state: EpisodeState) => state.episode?.retryAtTickMs ?? null

/** The record of a phase in the present pass. */
export function recordOf(episode: Episode, phase: KillPhase): PhaseRecord | undefined {
  return episode.phases.find((entry) => entry.level === episode.level && entry.phase === phase)
}

/** Begins the record of a phase in this pass, in its old place when it is performed again. */
export function recordStart(
  episode: Episode,
  phase: KillPhase,
  tickMs: number,
  attempt: number,
): Episode {
  const before = recordOf(episode, phase)
  return put(episode, before, {
    phase,
    level: episode.level,
    startedTickMs: tickMs,
    finishedTickMs: null,
    outcome: null,
    attempt,
    performed: (before?.performed ?? 0) + 1,
  })
}

export function recordEnd(
  episode: Episode,
  phase: KillPhase,
  tickMs: number,
  outcome: PhaseOutcome,
): Episode {
  const before = recordOf(episode, phase)
  return put(episode, before, {
    phase,
    level: episode.level,
    startedTickMs: before?.startedTickMs ?? tickMs,
    attempt: before?.attempt ?? 0,
    performed: before?.performed ?? 0,
    finishedTickMs: tickMs,
    outcome,
  })
}

function put(episode: Episode, before: PhaseRecord | undefined, entry: PhaseRecord): Episode {
  const phases = before
    ? episode.phases.map((other) => (other === before ? entry : other))
    : [...episode.phases, entry]
  return { ...episode, phases }
}

/** Moves every monotonic time, for a restart under another boot. */
export function shiftTicks(episode: Episode, byMs: number): Episode {
  if (byMs === 0) return episode
  return {
    ...episode,
    startedTickMs: episode.startedTickMs + byMs,
    retryAtTickMs: episode.retryAtTickMs === null ? null : episode.retryAtTickMs + byMs,
    phases: episode.phases.map((entry) => ({
      ...entry,
      startedTickMs: entry.startedTickMs + byMs,
      finishedTickMs: entry.finishedTickMs === null ? null : entry.finishedTickMs + byMs,
    })),
  }
}
