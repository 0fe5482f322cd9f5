/** Thresholds of the basis monitor; names and defaults are those of contract Appendix A.2. */
export type BasisLimits = {
  /** `basis_price_max_age_ms`. */
  readonly priceAgeMsMax: number
  /** `basis_reduceonly_bps`, held for `basis_reduceonly_window_s`, kept for `.._cooldown_s`. */
  readonly reduceOnlyBps: number
  readonly reduceOnlyWindowS: number
  readonly reduceOnlyCooldownS: number
  /** `basis_kill_bps`, held for `basis_kill_window_s`. */
  readonly killBps: number
  readonly killWindowS: number
}
