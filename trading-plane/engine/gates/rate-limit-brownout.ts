import type { At } from '../at.ts'
import type { EngineState } from '../state.ts'
import { figure, type PreparedIntent, type Verdict } from './gate.ts'

/**
 * No opening while the venue's rate limit has nothing left for it (contract 3.3): what is left
 * belongs to what closes and cancels. It is asked again when the order's turn to be sent comes.
 */
export function rateLimitBrownoutGate(
  state: EngineState,
  _prepared: PreparedIntent,
  at: At,
): Verdict {
  const leftMs = state.rateLimit.pressedUntilTickMs - at.tickMs
  if (leftMs <= 0) return null
  return { reason: 'RateLimitBrownout', figures: { pressed_ms: figure(Math.ceil(leftMs)) } }
}
