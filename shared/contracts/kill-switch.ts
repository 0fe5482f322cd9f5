import { z } from 'zod'

/** Escalation levels, weakest first (design 5.2). */
export const killLevels = ['L0', 'L1', 'L2'] as const
export type KillLevel = (typeof killLevels)[number]
export const killLevelSchema = z.enum(killLevels)

/** Kill-switch modes, weakest first. Level Ln leads to the mode of the same rank plus one. */
export const killSwitchModes = ['NORMAL', 'SOFT_STOP', 'HARD_STOP', 'EMERGENCY'] as const
export type KillSwitchMode = (typeof killSwitchModes)[number]
export const killSwitchModeSchema = z.enum(killSwitchModes)

export const watchdogStates = ['ARMED', 'TRIGGERED', 'SAFE_MODE'] as const
export type WatchdogState = (typeof watchdogStates)[number]
export const watchdogStateSchema = z.enum(watchdogStates)

/** The mode that a level sets (topology section 1). */
export const modeOfLevel = {
  L0: 'SOFT_STOP',
  L1: 'HARD_STOP',
  L2: 'EMERGENCY',
} as const satisfies Record<KillLevel, KillSwitchMode>

/**
 * The hash `safety:killswitch:state`, as flat strings. A reader that finds it missing or cannot
 * parse it treats the switch as thrown for new risk (law 3).
 */
export const killSwitchStateSchema = z.strictObject({
  mode: killSwitchModeSchema,
  /** Episode that set the mode; empty while NORMAL. */
  episode: z.string().max(64),
  /** Trigger reason code, empty while NORMAL. */
  reason: z.string().max(128),
  since_ns: z.string().regex(/^\d{1,20}$/),
  /** Counts changes; a reader ignores a state whose generation went back. */
  generation: z.string().regex(/^\d{1,15}$/),
  /** Operator whose signed reset set NORMAL; empty or missing in every other case. */
  reset_by: z.string().max(32).optional(),
})
export type KillSwitchState = z.infer<typeof killSwitchStateSchema>

const strength = { NORMAL: 0, SOFT_STOP: 1, HARD_STOP: 2, EMERGENCY: 3 } as const

/**
 * What several watchers say together: the strongest counts, so that none can talk another one down.
 * One that says nothing leaves the whole unknown, unless another has thrown the switch (law 3). The
 * generation counts the changes of all; `reset_by` is the last one's who reset.
 */
export function strongestSwitchState(
  states: readonly (KillSwitchState | undefined)[],
): KillSwitchState | undefined {
  const known = states.filter((state) => state !== undefined)
  const [strongest] = known.toSorted(
    (a, b) => strength[b.mode] - strength[a.mode] || Number(b.since_ns) - Number(a.since_ns),
  )
  if (strongest === undefined) return undefined
  if (known.length < states.length && strongest.mode === 'NORMAL') return undefined
  const generation = known.reduce((sum, state) => sum + Number(state.generation), 0)
  return { ...strongest, generation: String(generation) }
}

/** Phases of a kill episode in the order in which they run (design 5.3). */
export const killPhases = [
  'fence',
  'mass_cancel',
  'sever',
  'in_flight_wait',
  'sweep',
  'close',
  'state',
  'notify',
] as const
export type KillPhase = (typeof killPhases)[number]

/** How a phase of an episode ended. Only `confirmed` and `not_required` count as done. */
export const phaseOutcomes = ['confirmed', 'not_required', 'timed_out', 'unconfirmed'] as const
export type PhaseOutcome = (typeof phaseOutcomes)[number]
