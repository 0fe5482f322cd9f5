import type { LivenessVerdict } from '@bulkhead/shared/contracts/reasons/guard-reasons.ts'

/** What the kernel says of the bot's processes right now. */
export type ProcessCondition = 'running' | 'stopped' | 'frozen' | 'gone'

export type LivenessLimits = {
  /** A sign of life older than this is none; null when the state of the process is all we ask. */
  readonly evidenceAgeMsMax: number | null
  /** How long a bot may take from its start to its first sign of life. */
  readonly startGraceMs: number
}

export type LivenessState = {
  readonly startedTickMs: number
  /** When the bot last gave a sign of life of the kind that was asked for; null for never. */
  readonly evidenceTickMs: number | null
}

export function startLiveness(tickMs: number): LivenessState {
  return { startedTickMs: tickMs, evidenceTickMs: null }
}

export function noteEvidence(state: LivenessState, tickMs: number): LivenessState {
  return { ...state, evidenceTickMs: tickMs }
}

/**
 * Judges the bot at one moment. A process that cannot run is not alive whatever it said a moment
 * ago; one that can run is alive only while its signs of life are fresh.
 */
export function judgeLiveness(
  state: LivenessState,
  condition: ProcessCondition,
  tickMs: number,
  limits: LivenessLimits,
): LivenessVerdict {
  if (condition === 'gone') return 'PROCESS_GONE'
  if (condition === 'stopped') return 'PROCESS_STOPPED'
  if (condition === 'frozen') return 'PROCESS_FROZEN'
  if (limits.evidenceAgeMsMax === null) return 'ALIVE'
  if (state.evidenceTickMs === null) {
    return tickMs - state.startedTickMs < limits.startGraceMs ? 'STARTING' : 'EVIDENCE_MISSING'
  }
  return tickMs - state.evidenceTickMs <= limits.evidenceAgeMsMax ? 'ALIVE' : 'EVIDENCE_STALE'
}

/** Whether a heartbeat may follow this verdict. */
export function deservesBeat(verdict: LivenessVerdict): boolean {
  return verdict === 'ALIVE' || verdict === 'STARTING'
}

/** Signals that ask a program to end. */
export const stopSignals = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'] as const
export type StopSignal = (typeof stopSignals)[number]

/** Monotonic time at which each stop signal was last passed on. */
export type PassedSignals = Readonly<Partial<Record<StopSignal, number>>>

/** One Ctrl-C comes from the terminal, from npx and from the command line within milliseconds. */
export const sameSignalMs = 500

/**
 * Whether a stop signal is a new wish or the echo of the last one. Many bots end without tidying up
 * at the second one, so an echo must not reach them.
 */
export function passSignal(
  passed: PassedSignals,
  signal: StopSignal,
  tickMs: number,
): { readonly passed: PassedSignals; readonly isNew: boolean } {
  const lastTickMs = passed[signal]
  const isNew = lastTickMs === undefined || tickMs - lastTickMs >= sameSignalMs
  return { passed: isNew ? { ...passed, [signal]: tickMs } : passed, isNew }
}

export type BotExit = { readonly code: number | null; readonly signal: string | null }

/**
 * Whether the bot ended because it was done or was asked to. Everything else is a crash: the bot
 * stays registered, and the silence of its heartbeat is judged by the safety plane.
 */
export function isCleanExit(exit: BotExit, passed: PassedSignals): boolean {
  if (exit.code === 0) return true
  if (exit.code !== null) return Object.keys(passed).length > 0
  return exit.signal !== null && Object.hasOwn(passed, exit.signal)
}
