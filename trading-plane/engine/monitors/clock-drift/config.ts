/** `time_drift_threshold_ms` of contract Appendix A. */
export type ClockDriftLimits = { readonly driftMsMax: number }
