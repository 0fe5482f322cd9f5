/** What the trade permission decides by; the executor's configuration holds bounds and defaults. */
export type TradePermissionConfig = {
  /** Opening orders recorded within one UTC day; the next one halts. */
  readonly openingsPerDayMax: number
  /** How long a HALT outlasts the last sight of its cause. */
  readonly latchWindowMs: number
  /** The same where nothing was seen but that a source failed. */
  readonly failedSourceLatchWindowMs: number
  /** Largest difference between our wall clock and the exchange's. */
  readonly clockDriftMsMax: number
  /** Oldest sample of the exchange's clock that proves anything. */
  readonly clockSampleAgeMsMax: number
  /** Longest silence of the venue's market data that is not an outage. */
  readonly venueSilenceMsMax: number
  readonly safetyHeartbeatAgeMsMax: number
  /** TRADE_PERMISSION_DECIDED entries per second; the rest is counted. */
  readonly decisionAuditsPerSecondMax: number
}
