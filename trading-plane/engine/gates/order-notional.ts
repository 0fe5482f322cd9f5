import type { EngineState } from '../state.ts'
import { figure, type PreparedIntent, type Verdict } from './gate.ts'

/** The cap on a single order. One whose worth is not known is left to the liquidity gate. */
export function orderNotionalGate(state: EngineState, { size }: PreparedIntent): Verdict {
  const notional = size.notionalUsd
  if (notional === null || notional <= state.config.orderNotionalUsdMax) return null
  return { reason: 'OrderNotionalAboveLimit', figures: { notional_usd: figure(notional) } }
}
