/** Contract 1.2.3 and Appendix A; the executor's schema holds defaults and bounds. */
export type SelfImpactLimits = {
  /** `feedback_loop_window_s`. */
  readonly windowMs: number
  /** `public_trade_feed_max_age_ms`. */
  readonly feedAgeMsMax: number
  /** `self_trade_fraction_trip` of all that was traded. */
  readonly fractionTrip: number
  /** `self_trade_min_self_notional_usd`: below it the fraction says nothing. */
  readonly selfNotionalUsdMin: number
  /** `self_trade_notional_trip_usd`, whatever the fraction. */
  readonly notionalUsdTrip: number
  /** `feedback_loop_cooldown_s`. */
  readonly cooldownMs: number
}
