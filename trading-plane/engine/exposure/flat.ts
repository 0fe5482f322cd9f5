import { type EngineState, signedSize } from '../state.ts'
import { isLatched } from '../trading-mode/open-permission.ts'

/**
 * Nothing held, nothing on its way, and the account known to say so. Only then may something that
 * takes risk away be refused (design law 4, decision D-08).
 */
export function isProvablyFlat(state: EngineState): boolean {
  if (!state.venue.isReady || isLatched(state.openPermission)) return false
  const instruments = [...state.positions.keys(), ...state.fillsSincePosition.keys()]
  const isHolding = instruments.some((name) => signedSize(state, name) !== 0)
  return !isHolding && state.legs.live().length === 0
}
