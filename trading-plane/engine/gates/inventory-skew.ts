import type { At } from '../at.ts'
import { shiftPrice } from '../intents/quantize.ts'
import type { EngineState } from '../state.ts'
import { figure, type PreparedIntent, type Verdict } from './gate.ts'
import { inventoryRatio } from './inventory-ratio.ts'
import { netEdgeOf } from './net-edge.ts'

/**
 * An order that takes the inventory further must be worth more, one that brings it back may be
 * worth less (contract 1.4.2). The edge is judged again by the adjusted minimum, which decides.
 */
export function inventorySkewGate(state: EngineState, prepared: PreparedIntent, at: At): Verdict {
  const ratio = inventoryRatio(state, prepared)
  if (ratio === null) return 'InventorySkewDeltaLimitMissing'
  const figures = { inventory_ratio: figure(ratio) }
  if (!(ratio <= 1)) return { reason: 'InventorySkew', figures }
  const edge = netEdgeOf(state, prepared, at)
  if ('reason' in edge) return edge
  const edgeUsdMin = adjustedEdgeUsdMin(state, ratio)
  if (edge.netUsd >= edgeUsdMin) return null
  return {
    reason: ratio > 0 ? 'InventorySkew' : 'NetEdgeTooLow',
    figures: { ...figures, net_edge_usd: figure(edge.netUsd), edge_usd_min: figure(edgeUsdMin) },
  }
}

/**
 * The order as it goes out: one that takes the inventory further stands back from the touch by up
 * to `inventory_skew_tick_penalty_max` ticks. One beyond the limit was refused by the gate.
 *
 * @returns null when no price is left
 */
export function withSkewedPrice(
  state: EngineState,
  prepared: PreparedIntent,
): PreparedIntent | null {
  const { inventorySkew } = state.config.gates
  const ratio = prepared.intentClass === 'OPEN' ? inventoryRatio(state, prepared) : 0
  const ticks = Math.ceil(Math.max(0, ratio ?? 0) * inventorySkew.tickPenaltyMax)
  if (ticks === 0) return prepared
  const quantized = shiftPrice(prepared.spec, prepared.intent.side, prepared.quantized, ticks)
  return quantized === undefined ? null : { ...prepared, quantized }
}

/** What an order must be worth at this inventory, up to the limit (contract 1.4.2). */
export function adjustedEdgeUsdMin(state: EngineState, ratio: number): number {
  const { netEdge, inventorySkew } = state.config.gates
  return netEdge.edgeUsdMin * (1 + inventorySkew.k * Math.max(-1, ratio))
}
