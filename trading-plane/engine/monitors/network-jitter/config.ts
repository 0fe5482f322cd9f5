/** Thresholds of bunker mode; `bunker_jitter_threshold_ms` and `bunker_exit_stable_s` of A.3. */
export type NetworkJitterLimits = {
  /** Slowest twentieth of the venue's answers, in three evaluations one after the other. */
  readonly callP95MsMax: number
  readonly eventLagMsMax: number
  /** Part of the requests that got no answer, 0.02 for two percent. */
  readonly timeoutRateMax: number
  readonly exitStableMs: number
}
