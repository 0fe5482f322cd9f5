import type { EngineState } from '../state.ts'
import type { PreparedIntent, Verdict } from './gate.ts'

/** A bound on live orders, for those that open and those that close each. */
export function openOrdersGate(state: EngineState, { intentClass }: PreparedIntent): Verdict {
  const isClosing = intentClass === 'CLOSE'
  const live = state.legs.live().filter((leg) => leg.reduceOnly === isClosing)
  return live.length < state.config.openOrdersMax ? null : 'OpenOrdersAboveLimit'
}
