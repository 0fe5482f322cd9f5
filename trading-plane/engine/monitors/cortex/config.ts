/** Thresholds of the cortex; names and defaults are those of contract Appendix A.2. */
export type CortexLimits = {
  /** `spread_max_bps`: a wider spread takes no new risk. */
  readonly spreadMaxBps: number
  /** `spread_kill_bps` and `depth_kill_min`, held for `cortex_kill_window_s`. */
  readonly spreadKillBps: number
  readonly depthKillMinUsd: number
  readonly killWindowS: number
  /** `depth_min`: less depth takes no new risk. */
  readonly depthMinUsd: number
  /** `spread_depth_cooldown_s`. */
  readonly spreadDepthCooldownS: number
  /** `dvol_jump_pct` as a fraction, within `dvol_jump_window_s`. */
  readonly dvolJump: number
  readonly dvolJumpWindowS: number
  /** `dvol_cooldown_s`. */
  readonly dvolCooldownS: number
  /** Oldest book or volatility that counts as known; the contract has no default. */
  readonly inputAgeMsMax: number
}

/** A market that is watched, and the volatility index of its coin. */
export type Reference = { readonly instrument: string; readonly volatilityIndex: string }
