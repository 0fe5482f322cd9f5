import { z } from 'zod'
import type { GatesConfig } from '../engine/gates/config.ts'

const dayS = 86_400

const instrumentMetadata = z.strictObject({
  /** `instrument_cache_ttl_s`: oldest metadata with which new risk is taken. */
  ttlS: z.int().min(10).max(dayS).default(3_600),
  refreshS: z.int().min(1).max(dayS).default(240),
})

const lifecycle = z.strictObject({
  /** `expiry_delist_buffer_s`: how long before expiry opening ends; the contract has no default. */
  expiryDelistBufferS: z.int().min(0).max(dayS),
})

const units = z.strictObject({
  /** `contracts_amount_match_tolerance`, relative to the amount. */
  matchTolerance: z.number().min(0).max(0.05).default(0.001),
  /** How long one mismatch keeps the desk Degraded. */
  mismatchDegradedS: z.int().min(1).max(dayS).default(300),
})

const sizing = z.strictObject({
  /**
   * `open_haircut_mult` (contract 5.2): opening orders go out with this share of the wished amount.
   */
  openHaircutMult: z.number().min(0.01).max(1).default(1),
})

const liquidity = z.strictObject({
  /** `max_slippage_bps`. */
  slippageBpsMax: z.number().min(0).max(1_000).default(10),
  /** `l2_book_snapshot_max_age_ms`. */
  bookAgeMsMax: z.int().min(50).max(60_000).default(1_000),
})

const netEdge = z
  .strictObject({
    /** `min_edge_usd`: what an opening order must be worth after fees and slippage. */
    edgeUsdMin: z.number().min(0).max(1_000_000),
    /** `fee_cache_soft_s`, `fee_cache_hard_s`, `fee_stale_buffer`. */
    feeSoftS: z.int().min(1).max(dayS).default(300),
    feeHardS: z.int().min(1).max(dayS).default(900),
    feeStaleBuffer: z.number().min(0).max(10).default(0.2),
  })
  .refine((own) => own.feeSoftS < own.feeHardS, {
    path: ['feeSoftS'],
    error: 'must be below feeHardS',
  })

const inventorySkew = z.strictObject({
  /** `delta_limit` in coins by underlying; the contract has no default. */
  deltaLimits: z.record(
    z.string().regex(/^[A-Z0-9]{2,16}$/),
    z.number().positive().max(1_000_000_000),
  ),
  /** `inventory_skew_k`: how much more edge is asked for at the limit, relative. */
  k: z.number().min(0).max(1).default(0.5),
  /** `inventory_skew_tick_penalty_max`. */
  tickPenaltyMax: z.int().min(0).max(1_000).default(3),
})

const marginHeadroom = z
  .strictObject({
    /** `mm_util_reject_opens`, `mm_util_reduceonly`, `mm_util_kill`. */
    rejectOpensAt: z.number().min(0.01).max(1).default(0.7),
    reduceOnlyAt: z.number().min(0.01).max(1).default(0.85),
    killAt: z.number().min(0.01).max(1).default(0.95),
    /** `mm_util_max_age_ms`. */
    ageMsMax: z.int().min(1_000).max(600_000).default(30_000),
    refreshMs: z.int().min(200).max(60_000).default(5_000),
  })
  .refine((own) => own.rejectOpensAt <= own.reduceOnlyAt && own.reduceOnlyAt <= own.killAt, {
    path: ['rejectOpensAt'],
    error: 'must not be above reduceOnlyAt, nor that above killAt',
  })
  .refine((own) => own.refreshMs < own.ageMsMax, {
    path: ['refreshMs'],
    error: 'must be below ageMsMax',
  })

const globalExposure = z.strictObject({
  /** Largest delta of the whole portfolio after correlation, on either side. */
  deltaUsdMax: z.number().positive().max(1_000_000_000),
})

const churn = z.strictObject({
  /** Contract 1.2.2: more than two flattens within five minutes blacklist for fifteen. */
  flattensMax: z.int().min(1).max(100).default(2),
  windowS: z.int().min(1).max(dayS).default(300),
  blacklistS: z.int().min(1).max(dayS).default(900),
})

const selfImpact = z
  .strictObject({
    /** `feedback_loop_window_s`; pulled trades are dated no further back than 30 s. */
    windowS: z.int().min(1).max(20).default(10),
    /** `public_trade_feed_max_age_ms`. */
    feedAgeMsMax: z.int().min(500).max(60_000).default(5_000),
    /** `self_trade_fraction_trip`. */
    fractionTrip: z.number().min(0.01).max(1).default(0.5),
    /** `self_trade_min_self_notional_usd`, `self_trade_notional_trip_usd`. */
    selfNotionalUsdMin: z.number().min(0).max(1_000_000_000).default(5_000),
    notionalUsdTrip: z.number().positive().max(1_000_000_000).default(20_000),
    /** `feedback_loop_cooldown_s`. */
    cooldownS: z.int().min(1).max(dayS).default(300),
  })
  .refine((own) => own.selfNotionalUsdMin <= own.notionalUsdTrip, {
    path: ['selfNotionalUsdMin'],
    error: 'must not be above notionalUsdTrip',
  })

const emergencyClose = z.strictObject({
  /** `close_buffer_ticks`: how far beyond the best price the first attempt reaches. */
  closeBufferTicks: z.int().min(1).max(1_000).default(5),
  durationMsMax: z.int().min(1_000).max(600_000).default(30_000),
  /** Between two closes of the same instrument while the mode is Kill. */
  containmentPauseMs: z.int().min(1_000).max(3_600_000).default(30_000),
})

const groups = z.strictObject({
  /** `atomic_qty_epsilon`: wide enough for rounding, never for a step. */
  qtyEpsilon: z.number().min(0).max(0.000_001).default(0.000_000_001),
  /** `group_lock_max_wait_ms`. */
  lockWaitMsMax: z.int().min(1).max(1_000).default(10),
  /** `rescue_cross_spread_ticks`. */
  rescueCrossSpreadTicks: z.int().min(0).max(100).default(2),
  openMax: z.int().min(1).max(64).default(8),
})

/**
 * What the gates judge by, with the defaults of contract Appendix A. What has no default there has
 * none here and must be said: a desk that does not know its limits does not start.
 */
export const gatesSchema = z
  .strictObject({
    instrumentMetadata: instrumentMetadata.prefault({}),
    lifecycle,
    units: units.prefault({}),
    sizing: sizing.prefault({}),
    liquidity: liquidity.prefault({}),
    netEdge,
    inventorySkew,
    marginHeadroom: marginHeadroom.prefault({}),
    globalExposure,
    churn: churn.prefault({}),
    selfImpact: selfImpact.prefault({}),
    emergencyClose: emergencyClose.prefault({}),
    groups: groups.prefault({}),
  })
  .refine((own) => own.instrumentMetadata.refreshS < own.instrumentMetadata.ttlS, {
    path: ['instrumentMetadata', 'refreshS'],
    error: 'must be below ttlS',
  })
  .refine((own) => own.instrumentMetadata.refreshS < own.netEdge.feeSoftS, {
    path: ['instrumentMetadata', 'refreshS'],
    error: 'must be below netEdge.feeSoftS, because the fee rates come with the instruments',
  })

/** The same in the engine's units. */
export function gatesConfig(settings: z.output<typeof gatesSchema>): GatesConfig {
  const { units: own, netEdge: fees, selfImpact: impact } = settings
  return {
    instrumentMetadata: {
      ttlMs: settings.instrumentMetadata.ttlS * 1_000,
      refreshMs: settings.instrumentMetadata.refreshS * 1_000,
    },
    lifecycle: { expiryDelistBufferMs: settings.lifecycle.expiryDelistBufferS * 1_000 },
    units: {
      matchTolerance: own.matchTolerance,
      mismatchDegradedMs: own.mismatchDegradedS * 1_000,
    },
    sizing: settings.sizing,
    liquidity: settings.liquidity,
    netEdge: {
      edgeUsdMin: fees.edgeUsdMin,
      feeSoftMs: fees.feeSoftS * 1_000,
      feeHardMs: fees.feeHardS * 1_000,
      feeStaleBuffer: fees.feeStaleBuffer,
    },
    inventorySkew: settings.inventorySkew,
    marginHeadroom: settings.marginHeadroom,
    globalExposure: settings.globalExposure,
    churn: {
      flattensMax: settings.churn.flattensMax,
      windowMs: settings.churn.windowS * 1_000,
      blacklistMs: settings.churn.blacklistS * 1_000,
    },
    selfImpact: {
      windowMs: impact.windowS * 1_000,
      feedAgeMsMax: impact.feedAgeMsMax,
      fractionTrip: impact.fractionTrip,
      selfNotionalUsdMin: impact.selfNotionalUsdMin,
      notionalUsdTrip: impact.notionalUsdTrip,
      cooldownMs: impact.cooldownS * 1_000,
    },
    emergencyClose: settings.emergencyClose,
    groups: settings.groups,
  }
}
