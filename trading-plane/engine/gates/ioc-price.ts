import type { At } from '../at.ts'
import { isPricedInUsd, isSizedInUsd } from '../intents/instrument.ts'
import { quantize } from '../intents/quantize.ts'
import { decimalOf, textOfSteps } from '../numbers/decimal.ts'
import type { EngineState } from '../state.ts'
import { fairPriceOf, isPricedFromFair } from './fair-price.ts'
import { type Denial, figure, type PreparedIntent } from './gate.ts'
import { inventoryRatio } from './inventory-ratio.ts'
import { adjustedEdgeUsdMin } from './inventory-skew.ts'
import { netEdgeOf } from './net-edge.ts'

/** How much of the net edge an order may give away to be filled (contract 1.4). */
const aggressiveness = 0.5

/**
 * The order with a limit at which the edge that the desk demands is still there after fees, were
 * all of it filled at that limit (contract 1.4): half of the net edge away from the fair price, and
 * never nearer to it than fee and least edge. The strategy's own limit stays where it is the safer
 * of the two (decision D-44). A limit that then does not reach the book is not filled, nor chased.
 *
 * @returns a denial when no price above zero is left
 */
export function withBoundedPrice(
  state: EngineState,
  prepared: PreparedIntent,
  at: At,
): PreparedIntent | Denial {
  const fair = fairPriceOf(prepared)
  if (!isPricedFromFair(prepared) || fair === null) return prepared
  const edge = netEdgeOf(state, prepared, at)
  if ('reason' in edge) return edge
  const { intent, spec, quantized } = prepared
  const edgeUsdMin = adjustedEdgeUsdMin(state, inventoryRatio(state, prepared) ?? 0)
  const keptUsd = Math.max(aggressiveness * (edge.edgeUsd - edge.feeUsd), edgeUsdMin + edge.feeUsd)
  const limit = limitKeeping(prepared, fair, keptUsd)
  const exact = decimalOf(limit)
  const bounded =
    exact === undefined
      ? undefined
      : quantize(spec, intent.side, quantized.amount, textOfSteps(1, exact))
  if (bounded === undefined || !bounded.ok)
    return { reason: 'NetEdgeTooLow', figures: { limit_price: figure(limit) } }
  const isSafer =
    intent.side === 'buy'
      ? bounded.value.priceTicks < quantized.priceTicks
      : bounded.value.priceTicks > quantized.priceTicks
  return isSafer ? { ...prepared, quantized: bounded.value } : prepared
}

/**
 * The price at which a whole fill is this many USD better than the fair price. What is sized in
 * USD buys more coins the lower the price, so there the coins are counted at the limit itself.
 */
function limitKeeping(
  { intent, spec, quantized, size }: PreparedIntent,
  fair: number,
  keptUsd: number,
): number {
  const amount = Number(quantized.amount)
  const isBuy = intent.side === 'buy'
  if (isSizedInUsd(spec.kind)) {
    const coins = isBuy ? amount + keptUsd : Math.max(0, amount - keptUsd)
    return (fair * amount) / coins
  }
  const usdPerPriceUnit = isPricedInUsd(spec) ? amount : (size.notionalUsd ?? 0)
  const away = keptUsd / usdPerPriceUnit
  return isBuy ? fair - away : fair + away
}
