import type { At } from '../at.ts'
import type { EngineState } from '../state.ts'
import type { PreparedIntent, Verdict } from './gate.ts'

/** The flood bound. It is last, because it takes from a rate when it lets an order pass. */
export function intentRateGate(
  state: EngineState,
  { intentClass }: PreparedIntent,
  at: At,
): Verdict {
  const window = intentClass === 'OPEN' ? state.openings : state.closings
  return window.take(at.tickMs) ? null : 'IntentRateAboveLimit'
}
