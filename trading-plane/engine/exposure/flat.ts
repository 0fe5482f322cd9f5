import { type EngineState, signedSize } from '../state.ts'
import { isLatched } from '../trading-mode/open-permission.ts'

/**
 * Nothing held, nothing on its way, and the account known to say so. Only then may something that
 * takes risk away be refused (design law 4, decision D-08).
 */
export function isProvablyFlat(state: EngineState): boolean {
  if (!state.venue.isReady || isLatched(state.openPermission)) return false
  return !hasOpenExposure(state)
}

/** Whether anything is held or on its way, as far as is known (contract 3.4 D). */
export function hasOpenExposure(state: EngineState): boolean {
  if (state.legs.liveCount > 0) return true
  const isHeld = (name: string) => signedSize(state, name) !== 0
  for (const name of state.positions.keys()) if (isHeld(name)) return true
  for (const name of state.fillsSincePosition.keys()) if (isHeld(name)) return true
  return false
}
