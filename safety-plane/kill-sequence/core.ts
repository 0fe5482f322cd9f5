import { assert } from '@bulkhead/shared/kernel/assert.ts'
import type { KillPhase } from '@bulkhead/shared/contracts/kill-switch.ts'
import { auditOf } from './audit.core.ts'
import {
  type Episode,
  type EpisodeEffect,
  type EpisodeInput,
  type EpisodeLimits,
  type EpisodeState,
  type EpisodeStep,
  type EpisodeTrigger,
  isAbove,
  isConfirmed,
  isRunning,
  openPhases,
  type PhaseFinished,
  recordEnd,
  recordOf,
  recordStart,
  shiftTicks,
} from './episode.core.ts'

const order: readonly KillPhase[] = [
  'fence',
  'mass_cancel',
  'sever',
  'in_flight_wait',
  'sweep',
  'close',
  'state',
]

/** Advances the episode by one input. */
export function stepEpisode(
  state: EpisodeState,
  input: EpisodeInput,
  limits: EpisodeLimits,
): EpisodeStep {
  switch (input.type) {
    case 'trigger':
      return onTrigger(state, input, limits)
    case 'finished':
      return onFinished(state, input, limits)
    case 'tick':
      return onTick(state, input.tickMs, limits)
    case 'resumed':
      return onResumed(state, input, limits)
    case 'recorded':
      if (input.generation <= state.generation) return { state, effects: [] }
      return { state: { ...state, generation: input.generation }, effects: [] }
    case 'merged':
      return onMerged(state, input.id)
    case 'reset':
      assert(state.episode !== null && isConfirmed(state.episode), 'only a proven episode is reset')
      return {
        state: {
          episode: null,
          generation: state.generation + 1,
          sinceWallMs: input.wallMs,
          resetBy: input.operatorId,
          cleared: state.episode.id,
        },
        effects: [],
      }
  }
}

function onTrigger(state: EpisodeState, input: EpisodeTrigger, limits: EpisodeLimits): EpisodeStep {
  const open = state.episode
  if (open === null) {
    return startPass(state, newEpisode(input), 'EPISODE_STARTED', input, limits)
  }
  if (isAbove(input.level, open.level)) {
    return startPass(state, raised(open, input.level), 'EPISODE_RAISED', input, limits)
  }
  // A trigger after the end means that something came back: prove the same level once more.
  if (!isRunning(open)) {
    const again = { ...open, cutTickMs: null }
    return startPass(state, again, 'EPISODE_REPEATED', input, limits)
  }
  return { state, effects: [] }
}

function newEpisode(input: EpisodeTrigger): Episode {
  return {
    id: input.freshId,
    level: input.level,
    trigger: input.trigger,
    component: input.component,
    startedWallMs: input.wallMs,
    startedTickMs: input.tickMs,
    phases: [],
    current: null,
    attempt: 0,
    cutTickMs: null,
    retryAtTickMs: null,
    skipMassCancel: false,
    severed: [],
  }
}

/** At L0 the senders live on, so their death has yet to be seen and the horizon starts anew. */
function raised(episode: Episode, level: Episode['level']): Episode {
  return { ...episode, level, cutTickMs: episode.level === 'L0' ? null : episode.cutTickMs }
}

function startPass(
  state: EpisodeState,
  open: Episode,
  action: 'EPISODE_STARTED' | 'EPISODE_RAISED' | 'EPISODE_REPEATED',
  input: EpisodeTrigger,
  limits: EpisodeLimits,
): EpisodeStep {
  const episode: Episode = {
    ...open,
    phases: open.phases.filter(({ outcome, level }) => outcome !== null && level !== open.level),
    current: null,
    retryAtTickMs: null,
    skipMassCancel: input.trigger === 'CANCEL_BUDGET_STARVED',
  }
  const begun = { episode, generation: state.generation + 1, sinceWallMs: input.wallMs }
  const audit: EpisodeEffect = { type: 'audit', record: auditOf.pass(action, episode, input) }
  return begin(begun, 'fence', input.tickMs, limits, [audit])
}

/** Begins a phase, or records that it is not required at this level and goes on to the next. */
function begin(
  state: EpisodeState,
  phase: KillPhase,
  tickMs: number,
  limits: EpisodeLimits,
  effects: EpisodeEffect[],
): EpisodeStep {
  const episode = opened(state)
  if (!isRequired(phase, episode, limits)) {
    const skipped = { ...recordEnd(episode, phase, tickMs, 'not_required'), current: phase }
    return advance({ ...state, episode: skipped }, phase, tickMs, limits, effects)
  }
  const attempt = episode.attempt + 1
  const begun = {
    ...recordStart(episode, phase, tickMs, attempt),
    current: phase,
    attempt,
    retryAtTickMs: null,
  }
  const leaseMs = phase === 'in_flight_wait' ? limits.inFlightLeaseMs : 0
  const untilTickMs = (episode.cutTickMs ?? tickMs) + leaseMs
  return {
    state: { ...state, episode: begun },
    effects: [...effects, perform(begun, phase, untilTickMs)],
  }
}

function perform(episode: Episode, phase: KillPhase, untilTickMs: number): EpisodeEffect {
  const { id, level, attempt, trigger } = episode
  return { type: 'perform', phase, attempt, episode: id, level, trigger, untilTickMs }
}

function isRequired(phase: KillPhase, episode: Episode, limits: EpisodeLimits): boolean {
  if (phase === 'mass_cancel') return !episode.skipMassCancel
  if (phase === 'sever') return episode.level !== 'L0'
  if (phase === 'close') return episode.level === 'L2' && limits.closeOnEmergency
  return true
}

function onFinished(state: EpisodeState, input: PhaseFinished, limits: EpisodeLimits): EpisodeStep {
  const { episode } = state
  if (episode === null) return { state, effects: [] }
  const waiting = recordOf(episode, input.phase)
  if (waiting?.attempt !== input.attempt || waiting.outcome !== null) return { state, effects: [] }
  const finished = finish(episode, input)
  const audit: EpisodeEffect = { type: 'audit', record: auditOf.phase(finished, input) }
  const next = { ...state, episode: finished }
  // The alert runs beside everything else; only its record is kept.
  if (input.phase === 'notify') return { state: next, effects: [audit] }
  assert(input.phase === episode.current, 'only the current phase waits for its result')
  if (input.budgetStarved === true && episode.level === 'L0') {
    const trigger = starvedTrigger(episode, input)
    const step = startPass(next, raised(finished, 'L1'), 'EPISODE_RAISED', trigger, limits)
    return { state: step.state, effects: [audit, ...step.effects] }
  }
  return advance(next, input.phase, input.tickMs, limits, [audit])
}

/** The target eats the shared account budget: cancelling is hopeless until it is severed. */
function starvedTrigger(episode: Episode, input: PhaseFinished): EpisodeTrigger {
  return {
    type: 'trigger',
    level: 'L1',
    trigger: 'CANCEL_BUDGET_STARVED',
    component: episode.component,
    thresholdMs: 0,
    overshootMs: 0,
    freshId: episode.id,
    wallMs: input.wallMs,
    tickMs: input.tickMs,
  }
}

function finish(episode: Episode, input: PhaseFinished): Episode {
  const fencedSenders = input.phase === 'fence' && episode.level === 'L0'
  const firstSever = input.phase === 'sever' && episode.cutTickMs === null
  const isCut = fencedSenders || firstSever || input.cutSenders === true
  return {
    ...recordEnd(episode, input.phase, input.tickMs, input.outcome),
    cutTickMs: isCut ? input.tickMs : episode.cutTickMs,
    severed: [...new Set([...episode.severed, ...(input.severed ?? [])])],
  }
}

/** On to the next phase, or the end of the pass: alert, and come back while unconfirmed. */
function advance(
  state: EpisodeState,
  done: KillPhase,
  tickMs: number,
  limits: EpisodeLimits,
  effects: EpisodeEffect[],
): EpisodeStep {
  const next = order[order.indexOf(done) + 1]
  if (next !== undefined) return begin(state, next, tickMs, limits, effects)
  const over = { ...opened(state), current: null }
  const confirmed = isConfirmed(over)
  const retryAtTickMs = confirmed ? null : tickMs + limits.unconfirmedRetryMs
  const ended = { ...over, retryAtTickMs }
  const audit: EpisodeEffect = { type: 'audit', record: auditOf.end(ended, confirmed, tickMs) }
  const isKnown = recordOf(ended, 'notify') !== undefined
  if (isKnown && !confirmed) {
    return { state: { ...state, episode: ended }, effects: [...effects, audit] }
  }
  return alert({ ...state, episode: ended }, tickMs, [...effects, audit])
}

function alert(state: EpisodeState, tickMs: number, effects: EpisodeEffect[]): EpisodeStep {
  const episode = opened(state)
  const attempt = episode.attempt + 1
  const alerting = { ...recordStart(episode, 'notify', tickMs, attempt), attempt }
  return {
    state: { ...state, episode: alerting },
    effects: [...effects, perform(alerting, 'notify', tickMs)],
  }
}

function onTick(state: EpisodeState, tickMs: number, limits: EpisodeLimits): EpisodeStep {
  const { episode } = state
  if (episode === null || episode.retryAtTickMs === null || tickMs < episode.retryAtTickMs) {
    return { state, effects: [] }
  }
  const [open] = openPhases(episode)
  assert(open !== undefined, 'a retry is planned only while something is unconfirmed')
  return begin(state, open, tickMs, limits, [])
}

function onResumed(
  state: EpisodeState,
  input: { readonly sameBoot: boolean; readonly tickMs: number; readonly wallMs: number },
  limits: EpisodeLimits,
): EpisodeStep {
  const before = state.episode
  if (before === null) {
    const isFirst = state.sinceWallMs === 0
    return { state: isFirst ? { ...state, sinceWallMs: input.wallMs } : state, effects: [] }
  }
  const startTickMs = input.tickMs - Math.max(0, input.wallMs - before.startedWallMs)
  const shiftMs = input.sameBoot ? 0 : startTickMs - before.startedTickMs
  // When the senders died is not known any more, so the whole lease is waited out again.
  const episode = { ...shiftTicks(before, shiftMs), cutTickMs: null }
  const audit: EpisodeEffect = { type: 'audit', record: auditOf.resumed(episode) }
  const resumed = { ...state, episode }
  if (episode.current !== null) {
    return begin(resumed, episode.current, input.tickMs, limits, [audit])
  }
  if (recordOf(episode, 'notify')?.outcome !== null) return { state: resumed, effects: [audit] }
  return alert(resumed, input.tickMs, [audit])
}

/** Once at most, so that nobody can keep renaming what people have to reset by its name. */
function onMerged(state: EpisodeState, id: string): EpisodeStep {
  const { episode } = state
  if (episode === null || episode.mergedFrom !== undefined || id >= episode.id) {
    return { state, effects: [] }
  }
  const merged = { ...episode, id, mergedFrom: episode.id }
  const audit: EpisodeEffect = { type: 'audit', record: auditOf.merged(merged, episode.id) }
  return { state: { ...state, episode: merged }, effects: [audit] }
}

function opened(state: EpisodeState): Episode {
  assert(state.episode !== null, 'a phase belongs to an open episode')
  return state.episode
}
