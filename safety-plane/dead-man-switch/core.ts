import { assert } from '@bulkhead/shared/kernel/assert.ts'
import type { KillLevel } from '@bulkhead/shared/contracts/kill-switch.ts'
import type { KillTrigger } from '@bulkhead/shared/contracts/reasons/kill-triggers.ts'
import {
  type FailingReads,
  lossAfterMs,
  lossDueTickMs,
  noteFailedRead,
  type RedisLossLimits,
} from './redis-loss.core.ts'
import { lastProofTickMs, notePing, type Ping, silentSinceTickMs } from './second-path.core.ts'

/** One rung: silence of `afterMs` calls for `level`. */
export type Rung = { readonly level: KillLevel; readonly afterMs: number }

/** A component under watch and the ladder that its silence climbs, shortest silence first. */
export type Watched = {
  readonly component: string
  readonly rungs: readonly Rung[]
  readonly staleTrigger: KillTrigger
  readonly neverSeenTrigger: KillTrigger
  readonly expected: Expectation
  /**
   * Set when the component can also be asked past Redis. A pause of ours this long, or longer, is
   * a stall of the watcher, and what it did not see is nobody's silence.
   */
  readonly pingGapMsMax: number | null
}

/**
 * When a component must beat. `at_boot`: from the boot grace on. `once_seen`: from its first beat
 * until it has taken leave, because people start and stop it by themselves (decision D-32).
 */
export const expectations = ['at_boot', 'once_seen'] as const
export type Expectation = (typeof expectations)[number]

export type LadderLimits = RedisLossLimits & {
  readonly watched: readonly Watched[]
  /** How long a component may take to be seen for the first time (decision D-03). */
  readonly bootGraceMs: number
  /** A read older than this says nothing about the present; no silence is judged by it. */
  readonly readFreshMs: number
}

export type WatchedState = {
  readonly component: string
  /**
   * Last accepted heartbeat; survives a re-arm so that an old value is not taken for a new beat.
   */
  readonly value: string | null
  /** Watcher's monotonic time of the last change; null while never seen since (re-)arming. */
  readonly changedTickMs: number | null
  /** Highest level that the present silence reached. */
  readonly escalation: KillLevel | null
  /** Killed by us while it beat: its silence says nothing until it beats again. */
  readonly isSevered: boolean
  /** Whether its silence counts; a component that nobody has started yet is not expected. */
  readonly isExpected: boolean
  /** When its work loop last answered past Redis, moved on by what a stall of ours hid. */
  readonly pongTickMs: number | null
  /** When the last question past Redis ended. */
  readonly askedTickMs: number | null
}

export type LadderState = {
  readonly graceUntilTickMs: number
  readonly watched: readonly WatchedState[]
  readonly lastReadTickMs: number | null
  /** Null while reads succeed. */
  readonly failing: FailingReads | null
  /** Last good read before Redis was declared lost; null while it is not lost. */
  readonly blindSinceTickMs: number | null
}

export type LadderInput =
  | {
      readonly type: 'read'
      readonly tickMs: number
      readonly values: Readonly<Record<string, string | null>>
      /** Who left a farewell and is verified gone at this moment. */
      readonly departed?: readonly string[]
    }
  /** `isGone`: nobody listens where Redis should. */
  | { readonly type: 'read_failed'; readonly tickMs: number; readonly isGone: boolean }
  | { readonly type: 'tick'; readonly tickMs: number }
  /** A question past Redis has ended. */
  | ({ readonly type: 'pinged'; readonly component: string } & Ping)
  /**
   * These are verified dead by our own hand. Silence that we caused must not raise the kill any
   * further; silence that was there before goes on counting.
   */
  | { readonly type: 'severed'; readonly tickMs: number; readonly components: readonly string[] }
  | { readonly type: 'rearmed'; readonly tickMs: number }

/**
 * The ladder's only effect. `overshootMs` is how late the threshold was noticed, never negative.
 */
export type LadderTrigger = {
  readonly component: string
  readonly level: KillLevel
  readonly trigger: KillTrigger
  readonly thresholdMs: number
  readonly overshootMs: number
}

export type LadderStep = { readonly state: LadderState; readonly triggers: LadderTrigger[] }

const rank = { L0: 0, L1: 1, L2: 2 } as const satisfies Record<KillLevel, number>
const plainDecimal = /^\d{1,20}$/

/**
 * @param seenBefore components that come and go and were beating when the last run ended: silence
 *   that began while nobody watched counts too
 */
export function startLadder(
  limits: LadderLimits,
  tickMs: number,
  seenBefore: readonly string[] = [],
): LadderState {
  for (const { component, rungs } of limits.watched) {
    assert(rungs.length > 0, `${component} has a ladder`)
    const rising = rungs.every((rung, at) => at === 0 || rung.afterMs > rungs[at - 1]!.afterMs)
    assert(rising, `the ladder of ${component} rises`)
  }
  return {
    graceUntilTickMs: tickMs + limits.bootGraceMs,
    watched: limits.watched.map(({ component, expected }) => ({
      component,
      value: null,
      changedTickMs: null,
      escalation: null,
      isSevered: false,
      isExpected: expected === 'at_boot' || seenBefore.includes(component),
      pongTickMs: null,
      askedTickMs: null,
    })),
    lastReadTickMs: null,
    failing: null,
    blindSinceTickMs: null,
  }
}

/**
 * Folds one observation into the ladder (design 5.1). Age is the watcher's monotonic time since it
 * last saw the value change, so neither clock steps nor key expiry move it (D-02, D-03).
 *
 * A value that is not a plain decimal is no beat. While Redis is lost nothing can be seen, so no
 * silence is judged and its time does not count, because the beats had no way through either; the
 * loss itself calls for L0 once (design 5.8). Who can be asked past Redis is judged by its answers.
 */
export function stepLadder(
  state: LadderState,
  input: LadderInput,
  limits: LadderLimits,
): LadderStep {
  switch (input.type) {
    case 'read':
      return judge(
        dismiss(applyRead(state, input.tickMs, input.values), input.departed ?? [], limits),
        input.tickMs,
        limits,
      )
    case 'read_failed':
      return judgeLoss(
        { ...state, failing: noteFailedRead(state.failing, input.tickMs, input.isGone) },
        input.tickMs,
        limits,
      )
    case 'tick':
      return judge(state, input.tickMs, limits)
    case 'pinged':
      return takePing(state, input, limits)
    case 'severed':
      return { state: markSevered(state, input.components), triggers: [] }
    case 'rearmed':
      return { state: rearm(state, input.tickMs, limits), triggers: [] }
  }
}

/**
 * Monotonic time of the next threshold, or null when only a new observation can matter. A deadline
 * that is not judged for want of a fresh read is judged by the read itself.
 */
export function nextDeadlineTickMs(state: LadderState, limits: LadderLimits): number | null {
  if (state.blindSinceTickMs !== null) return null
  const due = state.watched.flatMap((watch, at) => {
    const rung = nextRung(watch, limits.watched[at]!)
    if (rung === undefined) return []
    if (watch.changedTickMs === null) return [state.graceUntilTickMs]
    return [watch.changedTickMs + rung.afterMs]
  })
  const lossTickMs = lossDueTickMs(state.failing, limits)
  const all = lossTickMs === null ? due : [lossTickMs, ...due]
  return all.length === 0 ? null : Math.min(...all)
}

function applyRead(
  state: LadderState,
  tickMs: number,
  values: Readonly<Record<string, string | null>>,
): LadderState {
  const blindMs = state.blindSinceTickMs === null ? 0 : tickMs - state.blindSinceTickMs
  return {
    graceUntilTickMs: state.graceUntilTickMs + blindMs,
    watched: state.watched.map((watch) =>
      observe(unblind(watch, blindMs), values[watch.component] ?? null, tickMs),
    ),
    lastReadTickMs: tickMs,
    failing: null,
    blindSinceTickMs: null,
  }
}

/** Redis is back: time in which nothing could be seen does not count; answers count as beats. */
function unblind(watch: WatchedState, blindMs: number): WatchedState {
  if (watch.changedTickMs === null || blindMs === 0) return watch
  const isAnswered = watch.pongTickMs !== null
  const changedTickMs = isAnswered ? lastProofTickMs(watch) : watch.changedTickMs + blindMs
  return { ...watch, changedTickMs }
}

/** Answers past Redis are remembered always, and judged only while Redis is lost. */
function takePing(
  state: LadderState,
  ping: Ping & { readonly component: string },
  limits: LadderLimits,
): LadderStep {
  const at = limits.watched.findIndex(({ component }) => component === ping.component)
  const limit = limits.watched[at]
  assert(limit !== undefined && limit.pingGapMsMax !== null, `${ping.component} can be asked`)
  const before = state.watched[at]!
  const noted = { ...before, ...notePing(before, ping, limit.pingGapMsMax) }
  if (state.blindSinceTickMs === null) return { state: withWatch(state, at, noted), triggers: [] }
  if (ping.answer === 'alive') {
    const alive = { ...noted, escalation: null, isSevered: false }
    return { state: withWatch(state, at, alive), triggers: [] }
  }
  const changedTickMs = silentSinceTickMs(noted, ping.answer)
  const silent = { ...noted, changedTickMs }
  const trigger =
    changedTickMs === null ? undefined : judgeSilence(silent, limit, 0, ping.tickMs, limits)
  const escalation = trigger?.level ?? noted.escalation
  const triggers = trigger === undefined ? [] : [trigger]
  return { state: withWatch(state, at, { ...noted, escalation }), triggers }
}

const withWatch = (state: LadderState, at: number, watch: WatchedState): LadderState => ({
  ...state,
  watched: state.watched.map((entry, index) => (index === at ? watch : entry)),
})

function observe(watch: WatchedState, value: string | null, tickMs: number): WatchedState {
  if (value === null || value === watch.value || !plainDecimal.test(value)) return watch
  // After a restart the last beat of a severed component may still stand there: it is no new one.
  if (watch.isSevered && watch.value === null) return { ...watch, value }
  return {
    ...watch,
    value,
    changedTickMs: tickMs,
    escalation: null,
    isSevered: false,
    isExpected: true,
  }
}

/**
 * Lets those go who took leave in good standing. One whose silence has reached a rung cannot talk
 * itself off the ladder, and one that must be there at boot cannot leave at all.
 */
function dismiss(
  state: LadderState,
  departed: readonly string[],
  limits: LadderLimits,
): LadderState {
  return {
    ...state,
    watched: state.watched.map((watch, at) =>
      departed.includes(watch.component) &&
      limits.watched[at]!.expected === 'once_seen' &&
      watch.escalation === null
        ? { ...watch, changedTickMs: null, isSevered: false, isExpected: false }
        : watch,
    ),
  }
}

function markSevered(state: LadderState, components: readonly string[]): LadderState {
  return {
    ...state,
    watched: state.watched.map((watch) =>
      components.includes(watch.component) && watch.escalation === null
        ? { ...watch, isSevered: true }
        : watch,
    ),
  }
}

function judge(state: LadderState, tickMs: number, limits: LadderLimits): LadderStep {
  const isFresh =
    state.lastReadTickMs !== null && tickMs - state.lastReadTickMs <= limits.readFreshMs
  if (!isFresh || state.blindSinceTickMs !== null) return judgeLoss(state, tickMs, limits)
  const triggers: LadderTrigger[] = []
  const watched = state.watched.map((watch, at) => {
    const trigger = judgeSilence(watch, limits.watched[at]!, state.graceUntilTickMs, tickMs, limits)
    if (trigger === undefined) return watch
    triggers.push(trigger)
    return { ...watch, escalation: trigger.level }
  })
  const loss = judgeLoss({ ...state, watched }, tickMs, limits)
  return { state: loss.state, triggers: [...triggers, ...loss.triggers] }
}

function judgeLoss(state: LadderState, tickMs: number, limits: LadderLimits): LadderStep {
  const { failing, blindSinceTickMs } = state
  const dueTickMs = lossDueTickMs(failing, limits)
  const isLost = dueTickMs !== null && tickMs >= dueTickMs
  if (!isLost || failing === null || blindSinceTickMs !== null) return { state, triggers: [] }
  return {
    state: { ...state, blindSinceTickMs: state.lastReadTickMs ?? failing.sinceTickMs },
    triggers: [
      {
        component: 'dead_man_switch',
        level: 'L0',
        trigger: 'SAFETY_REDIS_UNAVAILABLE',
        thresholdMs: lossAfterMs(failing, limits),
        overshootMs: tickMs - dueTickMs,
      },
    ],
  }
}

/** The highest rung that the silence has newly reached; rungs that were jumped over are implied. */
function judgeSilence(
  watch: WatchedState,
  watched: Watched,
  graceUntilTickMs: number,
  tickMs: number,
  limits: LadderLimits,
): LadderTrigger | undefined {
  const { component, changedTickMs } = watch
  if (watch.isSevered || !watch.isExpected) return undefined
  if (changedTickMs === null) {
    const top = watched.rungs.at(-1)!
    const overshootMs = tickMs - graceUntilTickMs
    if (overshootMs < 0 || watch.escalation === top.level) return undefined
    const thresholdMs = limits.bootGraceMs
    const { level } = top
    return { component, level, trigger: watched.neverSeenTrigger, thresholdMs, overshootMs }
  }
  const ageMs = tickMs - changedTickMs
  const reached = watched.rungs.findLast((rung) => ageMs >= rung.afterMs)
  if (reached === undefined || !isAbove(reached.level, watch.escalation)) return undefined
  return {
    component,
    level: reached.level,
    trigger: watched.staleTrigger,
    thresholdMs: reached.afterMs,
    overshootMs: ageMs - reached.afterMs,
  }
}

function nextRung(watch: WatchedState, watched: Watched): Rung | undefined {
  if (watch.isSevered || !watch.isExpected) return undefined
  if (watch.changedTickMs === null) {
    const top = watched.rungs.at(-1)!
    return watch.escalation === top.level ? undefined : top
  }
  return watched.rungs.find((rung) => isAbove(rung.level, watch.escalation))
}

const isAbove = (level: KillLevel, than: KillLevel | null): boolean =>
  than === null || rank[level] > rank[than]

/**
 * A reset by an operator: every component must be seen anew within a new boot grace, save those
 * that come and go, which wait for whoever starts them again.
 */
function rearm(state: LadderState, tickMs: number, limits: LadderLimits): LadderState {
  return {
    ...state,
    graceUntilTickMs: tickMs + limits.bootGraceMs,
    watched: state.watched.map((watch, at) => ({
      ...watch,
      changedTickMs: null,
      pongTickMs: null,
      escalation: null,
      isSevered: false,
      isExpected: limits.watched[at]!.expected === 'at_boot',
    })),
  }
}
