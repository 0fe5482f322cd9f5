import { openingDenial } from '../mode-view.ts'
import type { EngineState } from '../state.ts'
import type { PreparedIntent, Verdict } from './gate.ts'

/** Nothing is opened unless the mode is Active now; it is asked again right before the dispatch. */
export function tradingModeGate(state: EngineState, { desk }: PreparedIntent): Verdict {
  return openingDenial(state, desk.mode)
}
