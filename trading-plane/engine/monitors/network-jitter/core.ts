import type { NetworkJitterLimits } from './config.ts'

/** Windows of contract 2.3.2. */
const p95WindowMs = 30_000
const timeoutWindowMs = 60_000
const evaluateEveryMs = 1_000
const breachesToEnter = 3
/** Calls remembered; a client that asks more within a minute is judged by the latest ones. */
const callsMax = 4_096

/** One request to the venue that ended, by its answer or by none. */
export type CallTiming = {
  readonly tickMs: number
  readonly durationMs: number
  readonly isTimeout: boolean
}

export type NetworkJitterState = {
  readonly calls: readonly CallTiming[]
  readonly isActive: boolean
  /** Evaluations of the answer times in a row that were too slow. */
  readonly breaches: number
  readonly evaluatedTickMs: number | null
  /** Since when every metric has been known and good. */
  readonly calmSinceTickMs: number | null
  /** Metrics as last evaluated; null is missing. */
  readonly callP95Ms: number | null
  readonly eventLagMs: number | null
  readonly timeoutRate: number | null
}

/** Nothing is known of the network yet, and that is no reason to trust it. */
export const networkJitterAtStart: NetworkJitterState = {
  calls: [],
  isActive: true,
  breaches: 0,
  evaluatedTickMs: null,
  calmSinceTickMs: null,
  callP95Ms: null,
  eventLagMs: null,
  timeoutRate: null,
}

export function noteCall(state: NetworkJitterState, call: CallTiming): NetworkJitterState {
  return { ...state, calls: [...state.calls, call].slice(-callsMax) }
}

/**
 * Judges the network (contract 2.3.2): bunker mode begins at once with a lag, with timeouts or with
 * a metric that is missing, and with the third slow evaluation in a row; it ends after
 * `exitStableMs` in which everything was known and good.
 */
export function stepNetworkJitter(
  before: NetworkJitterState,
  eventLagMs: number | null,
  tickMs: number,
  limits: NetworkJitterLimits,
): NetworkJitterState {
  const calls = before.calls.filter((call) => tickMs - call.tickMs < timeoutWindowMs)
  const metrics = { callP95Ms: p95Of(calls, tickMs), eventLagMs, timeoutRate: rateOf(calls) }
  const isDue =
    before.evaluatedTickMs === null || tickMs - before.evaluatedTickMs >= evaluateEveryMs
  const isSlow = metrics.callP95Ms === null || metrics.callP95Ms > limits.callP95MsMax
  const breaches = isDue ? (isSlow ? before.breaches + 1 : 0) : before.breaches
  const isMissing = Object.values(metrics).some((value) => value === null || Number.isNaN(value))
  const isBad =
    isMissing ||
    (eventLagMs ?? 0) > limits.eventLagMsMax ||
    (metrics.timeoutRate ?? 0) > limits.timeoutRateMax
  const isCalm = !isBad && !isSlow && breaches === 0
  const calmSinceTickMs = isCalm ? (before.calmSinceTickMs ?? tickMs) : null
  const isStable = calmSinceTickMs !== null && tickMs - calmSinceTickMs >= limits.exitStableMs
  return {
    calls,
    isActive: isBad || breaches >= breachesToEnter || (before.isActive && !isStable),
    breaches,
    evaluatedTickMs: isDue ? tickMs : before.evaluatedTickMs,
    calmSinceTickMs,
    ...metrics,
  }
}

/** The duration that nineteen of twenty calls of the window did not exceed. */
function p95Of(calls: readonly CallTiming[], tickMs: number): number | null {
  const recent = calls.filter((call) => tickMs - call.tickMs < p95WindowMs)
  const sorted = Float64Array.from(recent, ({ durationMs }) => durationMs).sort()
  return sorted[Math.ceil(sorted.length * 0.95) - 1] ?? null
}

function rateOf(calls: readonly CallTiming[]): number | null {
  if (calls.length === 0) return null
  return calls.filter(({ isTimeout }) => isTimeout).length / calls.length
}
