import type { EngineState } from '../state.ts'
import type { Verdict, Wish } from './gate.ts'

/**
 * Limit orders only, for every kind of instrument (contract 1.4.4 A and B): no market order, no
 * stop, nothing linked. Nothing is rewritten into something that would pass. Linked orders are not
 * supported at the venue (fact F-08), so there is no switch for them.
 */
export function orderTypeGate(_state: EngineState, { intent }: Wish): Verdict {
  const type = intent.order_type ?? 'limit'
  const hasTrigger = isSet(intent.trigger) || isSet(intent.trigger_price)
  if (type === 'stop_limit' || type === 'stop_market' || hasTrigger) return 'OrderTypeStopForbidden'
  if (type === 'market' || intent.limit_price === undefined) return 'OrderTypeMarketForbidden'
  return isSet(intent.linked_order_type) ? 'LinkedOrderTypeForbidden' : null
}

function isSet(value: string | null | undefined): boolean {
  return value !== undefined && value !== null
}
