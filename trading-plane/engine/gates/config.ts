import type { SelfImpactLimits } from '../self-impact/config.ts'

type InstrumentMetadataLimits = {
  /** `instrument_cache_ttl_s` of contract Appendix A. */
  readonly ttlMs: number
  /** How long after one reading of all instruments the next one is asked for. */
  readonly refreshMs: number
}

type LifecycleLimits = {
  /** `expiry_delist_buffer_s`: how long before its expiry an instrument is closed for opening. */
  readonly expiryDelistBufferMs: number
}

type UnitsLimits = {
  /** `contracts_amount_match_tolerance` of contract Appendix A, relative to the amount. */
  readonly matchTolerance: number
  /** How long one mismatch keeps the desk Degraded: a wiring fault does not mend itself. */
  readonly mismatchDegradedMs: number
}

type SizingLimits = {
  /** `open_haircut_mult`: the share of its wished amount that an opening order goes out with. */
  readonly openHaircutMult: number
}

type LiquidityLimits = {
  /** `max_slippage_bps` of contract Appendix A. */
  readonly slippageBpsMax: number
  /** `l2_book_snapshot_max_age_ms` of contract Appendix A. */
  readonly bookAgeMsMax: number
}

type NetEdgeLimits = {
  /** `min_edge_usd`: what must be left of the edge after fees and slippage. */
  readonly edgeUsdMin: number
  /** `fee_cache_soft_s`, `fee_cache_hard_s`, `fee_stale_buffer` of contract Appendix A. */
  readonly feeSoftMs: number
  readonly feeHardMs: number
  readonly feeStaleBuffer: number
}

type InventorySkewLimits = {
  /** `delta_limit` in coins by underlying, absolute; an underlying without one opens nothing. */
  readonly deltaLimits: Readonly<Record<string, number>>
  /** `inventory_skew_k`, `inventory_skew_tick_penalty_max` of contract Appendix A. */
  readonly k: number
  readonly tickPenaltyMax: number
}

type MarginHeadroomLimits = {
  /** `mm_util_reject_opens`, `mm_util_reduceonly`, `mm_util_kill` of contract Appendix A. */
  readonly rejectOpensAt: number
  readonly reduceOnlyAt: number
  readonly killAt: number
  /** `mm_util_max_age_ms` of contract Appendix A. */
  readonly ageMsMax: number
  /** How long after one reading of the account the next one is asked for. */
  readonly refreshMs: number
}

type GlobalExposureLimits = {
  /** Largest delta of the whole portfolio after correlation, on either side. */
  readonly deltaUsdMax: number
}

type ChurnLimits = {
  /** Flattens of one strategy and structure within the window that are still borne. */
  readonly flattensMax: number
  readonly windowMs: number
  /** How long the strategy then opens nothing of that structure. */
  readonly blacklistMs: number
}

type EmergencyCloseLimits = {
  /** `close_buffer_ticks` of contract Appendix A. */
  readonly closeBufferTicks: number
  /** Longest that one close may take. */
  readonly durationMsMax: number
  /** Between two closes of the same instrument in Kill. */
  readonly containmentPauseMs: number
}

type GroupLimits = {
  /** `atomic_qty_epsilon` of contract Appendix A, in the instrument's own unit. */
  readonly qtyEpsilon: number
  /** `group_lock_max_wait_ms`: how long a group may be held before nothing more is opened. */
  readonly lockWaitMsMax: number
  /** `rescue_cross_spread_ticks`: how far beyond the best price a rescue reaches. */
  readonly rescueCrossSpreadTicks: number
  /** Groups on their way at one time. */
  readonly openMax: number
}

/** One part per gate that has something to set; the executor's schema holds defaults and bounds. */
export type GatesConfig = {
  readonly instrumentMetadata: InstrumentMetadataLimits
  readonly lifecycle: LifecycleLimits
  readonly units: UnitsLimits
  readonly sizing: SizingLimits
  readonly liquidity: LiquidityLimits
  readonly netEdge: NetEdgeLimits
  readonly inventorySkew: InventorySkewLimits
  readonly marginHeadroom: MarginHeadroomLimits
  readonly globalExposure: GlobalExposureLimits
  readonly churn: ChurnLimits
  readonly selfImpact: SelfImpactLimits
  readonly emergencyClose: EmergencyCloseLimits
  readonly groups: GroupLimits
}
