import type { ZombieSocketLimits } from './config.ts'

export type ZombieSocketState = {
  /** When any market data was last heard, or the first turn; null before that. */
  readonly heardTickMs: number | null
  /** Whether there was market data lately when the feed was last known to be good. */
  readonly wasActive: boolean
  readonly reconnectTickMs: number
}

export const zombieSocketAtStart: ZombieSocketState = {
  heardTickMs: null,
  wasActive: false,
  reconnectTickMs: Number.NEGATIVE_INFINITY,
}

/** Books, trades and tickers; never a heartbeat or the answer to a call. */
export function noteMarketData(state: ZombieSocketState, tickMs: number): ZombieSocketState {
  return { ...state, heardTickMs: tickMs, wasActive: true }
}

/**
 * Whether the feed is silent for too long where it should not be: something is held or on its way,
 * or there was market data a while ago. A market that was quiet before may stay so.
 */
export function isFeedSilent(
  { heardTickMs, wasActive }: ZombieSocketState,
  hasExposure: boolean,
  tickMs: number,
  limits: ZombieSocketLimits,
): boolean {
  if (heardTickMs === null || tickMs - heardTickMs <= limits.silenceMs) return false
  return hasExposure || wasActive
}

/** Whether to connect anew now; once per silence, so that a new connection has time to speak. */
export function stepZombieSocket(
  state: ZombieSocketState,
  hasExposure: boolean,
  tickMs: number,
  limits: ZombieSocketLimits,
): { readonly state: ZombieSocketState; readonly isSilent: boolean; readonly reconnects: boolean } {
  const known = state.heardTickMs === null ? { ...state, heardTickMs: tickMs } : state
  const isSilent = isFeedSilent(known, hasExposure, tickMs, limits)
  const reconnects = isSilent && tickMs - known.reconnectTickMs > limits.silenceMs
  const next = reconnects ? { ...known, reconnectTickMs: tickMs } : known
  return { state: next, isSilent, reconnects }
}

/** The account was reconciled: a feed that was quiet for long by then may go on being quiet. */
export function takeReconciled(
  state: ZombieSocketState,
  tickMs: number,
  limits: ZombieSocketLimits,
): ZombieSocketState {
  const { heardTickMs } = state
  const wasActive = heardTickMs !== null && tickMs - heardTickMs <= limits.activityWindowMs
  return { ...state, wasActive }
}
