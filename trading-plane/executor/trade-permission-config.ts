import { z } from 'zod'
import type { TradePermissionConfig } from '../engine/trade-permission/config.ts'

/** A question for the exchange's clock is late by no more than this. */
const clockAnswerMsMax = 10_000

/**
 * The trade permission (D-23). There is no switch to turn it off; the limits that the plan fixes
 * can be tightened and not loosened.
 */
export const tradePermissionSchema = z.strictObject({
  /** Opening orders of one UTC day. */
  openingsPerDayMax: z.int().min(1).max(10_000_000).default(100_000),
  latchWindowMs: z.int().min(1_000).max(86_400_000).default(60_000),
  failedSourceLatchWindowMs: z.int().min(1_000).max(86_400_000).default(5_000),
  clockDriftMsMax: z.int().min(50).max(1_000).default(1_000),
  clockSyncIntervalMs: z.int().min(1_000).max(60_000).default(60_000),
  /** Within it an outage of the exchange must show. */
  venueSilenceMsMax: z.int().min(200).max(5_000).default(3_000),
  decisionAuditsPerSecondMax: z.int().min(1).max(1_000).default(10),
})
export type TradePermissionSettings = z.infer<typeof tradePermissionSchema>

/** What the engine decides by. An answer of the clock stays good for two more questions. */
export function tradePermissionConfig(
  settings: TradePermissionSettings,
  safetyHeartbeatAgeMsMax: number,
): TradePermissionConfig {
  const { clockSyncIntervalMs, ...limits } = settings
  const clockSampleAgeMsMax = 2 * clockSyncIntervalMs + clockAnswerMsMax
  return { ...limits, clockSampleAgeMsMax, safetyHeartbeatAgeMsMax }
}
