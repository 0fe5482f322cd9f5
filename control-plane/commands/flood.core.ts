/**
 * Bounds how many refusals are recorded one by one, so that nobody without a key can flood the
 * audit log. What is not recorded singly is counted, and the count is recorded.
 */
export type FloodState = {
  readonly tokens: number
  readonly lastTickMs: number
  /** Refusals that were not recorded since the last recorded one. */
  readonly suppressed: number
}

export type FloodLimits = {
  /** Refusals recorded in a burst. */
  readonly burst: number
  /** Refusals recorded per second in the long run. */
  readonly perSecond: number
}

export const floodStart = (limits: FloodLimits, tickMs: number): FloodState => ({
  tokens: limits.burst,
  lastTickMs: tickMs,
  suppressed: 0,
})

/**
 * Decides about one refusal.
 *
 * @returns `record` with the number of refusals it stands for besides itself, or `suppress`
 */
export function onRefusal(
  state: FloodState,
  limits: FloodLimits,
  tickMs: number,
): { state: FloodState; decision: { record: true; suppressed: number } | { record: false } } {
  const filled = refill(state, limits, tickMs)
  if (filled.tokens < 1) {
    return {
      state: { ...filled, suppressed: filled.suppressed + 1 },
      decision: { record: false },
    }
  }
  return {
    state: { ...filled, tokens: filled.tokens - 1, suppressed: 0 },
    decision: { record: true, suppressed: filled.suppressed },
  }
}

/** Once a token is free again, the count of what was suppressed is due; 0 when nothing is. */
export function dueSuppressed(
  state: FloodState,
  limits: FloodLimits,
  tickMs: number,
): { state: FloodState; suppressed: number } {
  const filled = refill(state, limits, tickMs)
  if (filled.suppressed === 0 || filled.tokens < 1) return { state: filled, suppressed: 0 }
  return {
    state: { ...filled, tokens: filled.tokens - 1, suppressed: 0 },
    suppressed: filled.suppressed,
  }
}

function refill(state: FloodState, limits: FloodLimits, tickMs: number): FloodState {
  const elapsedMs = Math.max(0, tickMs - state.lastTickMs)
  const tokens = Math.min(limits.burst, state.tokens + (elapsedMs * limits.perSecond) / 1_000)
  return { ...state, tokens, lastTickMs: tickMs }
}
