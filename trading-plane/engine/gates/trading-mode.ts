import type { At } from '../at.ts'
import { modeNow, openingDenial } from '../mode-view.ts'
import type { EngineState } from '../state.ts'
import type { PreparedIntent, Verdict } from './gate.ts'

/** Nothing is opened unless the mode is Active now; it is asked again right before the dispatch. */
export function tradingModeGate(state: EngineState, _prepared: PreparedIntent, at: At): Verdict {
  return openingDenial(state, modeNow(state, at, state.config.killSwitchAgeMsMax))
}
