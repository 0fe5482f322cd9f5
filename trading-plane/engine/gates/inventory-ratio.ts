import { deltaCoins, underlyingOf } from '../exposure/underlying.ts'
import type { EngineState } from '../state.ts'
import type { PreparedIntent } from './gate.ts'

/**
 * How near its limit the delta of the coin is, seen from an order's side, with all that is on its
 * way there: above zero the order takes it further, below zero back. Null without a limit.
 */
export function inventoryRatio(
  state: EngineState,
  { intent, spec }: PreparedIntent,
): number | null {
  const underlying = underlyingOf(spec.name)
  const limit = state.config.gates.inventorySkew.deltaLimits[underlying]
  if (limit === undefined) return null
  const delta = deltaCoins(state, underlying, intent.side)
  if (delta === null) return Number.POSITIVE_INFINITY
  return (intent.side === 'buy' ? delta : -delta) / limit
}
