import type { At } from '../at.ts'
import { notionalUsd } from '../exposure/exposure.ts'
import { type InstrumentSpec, isPricedInUsd, isSizedInUsd } from '../intents/instrument.ts'
import type { BookView, EngineState } from '../state.ts'
import type { Walk } from './book-walk.ts'
import { type Denial, figure, type PreparedIntent, type Verdict } from './gate.ts'
import { metadataAgeMs } from './instrument-metadata.ts'
import { inventoryRatio } from './inventory-ratio.ts'
import { fairPriceOf, isPricedFromFair } from './fair-price.ts'
import { freshBook, walkOf } from './liquidity.ts'

/** What an order is worth, part by part, in USD. */
export type NetEdge = {
  readonly edgeUsd: number
  readonly feeUsd: number
  readonly slippageUsd: number
  readonly netUsd: number
}

/**
 * An opening order must be worth its fees and its slippage (contract 1.4.1). An input that is
 * missing refuses it; nothing is assumed. An order that brings the inventory back is left to the
 * inventory skew, which comes next and may ask for less.
 */
export function netEdgeGate(state: EngineState, prepared: PreparedIntent, at: At): Verdict {
  const edge = netEdgeOf(state, prepared, at)
  if ('reason' in edge) return edge
  if (isPricedFromFair(prepared) && fairPriceOf(prepared) === null) return missing('fair_price')
  if (edge.netUsd >= state.config.gates.netEdge.edgeUsdMin) return null
  if ((inventoryRatio(state, prepared) ?? 0) < 0) return null
  return {
    reason: 'NetEdgeTooLow',
    figures: {
      edge_usd: figure(edge.edgeUsd),
      fee_usd: figure(edge.feeUsd),
      slippage_usd: figure(edge.slippageUsd),
      net_edge_usd: figure(edge.netUsd),
    },
  }
}

/** The worth of an order, or which input of it is missing. */
export function netEdgeOf(state: EngineState, prepared: PreparedIntent, at: At): NetEdge | Denial {
  const edgeUsd = edgeUsdOf(prepared)
  const book = freshBook(state, prepared.spec.name, at)
  const walk = book === undefined ? undefined : walkOf(book, prepared)
  const feeUsd = feeUsdOf(state, prepared, at)
  const slippageUsd = walk === undefined ? null : slippageUsdOf(prepared.spec, walk, book)
  if (!Number.isFinite(edgeUsd)) return missing('expected_edge_usd')
  if (feeUsd === null) return missing('fee_usd')
  if (slippageUsd === null) return missing('expected_slippage_usd')
  return { edgeUsd, feeUsd, slippageUsd, netUsd: edgeUsd - feeUsd - slippageUsd }
}

/** The edge is that of the wish; an order made smaller earns as much less of it. */
function edgeUsdOf({ intent, quantized }: PreparedIntent): number {
  const share = Number(quantized.amount) / Number(intent.amount)
  return Number(intent.expected_edge_usd ?? Number.NaN) * share
}

/**
 * The fee of a whole fill by the venue's own rates: the maker's only for an order that cannot take,
 * a rebate counted as nothing, a rate that is getting old with the stale buffer on top (contract
 * 4.2).
 *
 * @returns null when rate or worth is not known, or the rate is too old to be used
 */
function feeUsdOf(state: EngineState, prepared: PreparedIntent, at: At): number | null {
  const { intent, spec, size } = prepared
  const rate = intent.post_only ? spec.makerFeeRate : spec.takerFeeRate
  const ageMs = metadataAgeMs(state, spec.name, at)
  const { feeSoftMs, feeHardMs, feeStaleBuffer } = state.config.gates.netEdge
  if (rate === null || size.notionalUsd === null || ageMs > feeHardMs) return null
  const effective = Math.max(0, rate) * (ageMs > feeSoftMs ? 1 + feeStaleBuffer : 1)
  return size.notionalUsd * effective
}

/** What is paid beyond the best price, in USD; null where the price's coin has no known worth. */
function slippageUsdOf(
  spec: InstrumentSpec,
  walk: Walk,
  book: BookView | undefined,
): number | null {
  const away = Math.abs(walk.averagePrice - walk.bestPrice)
  if (isSizedInUsd(spec.kind)) return (walk.filled * walk.slippageBps) / 10_000
  if (isPricedInUsd(spec)) return walk.filled * away
  const worth = notionalUsd(spec, walk.filled, book?.indexPrice ?? null)
  return worth === null ? null : worth * away
}

function missing(input: string): Denial {
  return { reason: 'NetEdgeInputMissing', figures: { input } }
}
