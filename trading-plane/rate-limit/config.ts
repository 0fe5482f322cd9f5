import { z } from 'zod'
import type { LimiterConfig } from './core.ts'

/** How fast the executor may ask the venue, and when it holds back (contract 3.3). */
export const rateLimitSchema = z
  .strictObject({
    /** Until the venue told what the account has: Deribit's lowest tier. */
    ratePerSecond: z.number().min(0.1).max(10_000).default(5),
    burst: z.int().min(2).max(100_000).default(20),
    /** Shares of the burst that are kept: from opening orders, and from refreshing questions. */
    openReserve: z.number().min(0.05).max(0.9).default(0.25),
    dataReserve: z.number().min(0.05).max(0.9).default(0.5),
    /** How long opening is held back after the venue refused something for its number. */
    brownoutMs: z.int().min(1_000).max(600_000).default(10_000),
    limitsPollS: z.int().min(1).max(3_600).default(60),
    /** `limits_fetch_failures_trip_count`, `limits_fetch_failure_window_s`. */
    limitsFetchFailuresTripCount: z.int().min(1).max(100).default(3),
    limitsFetchFailureWindowS: z.int().min(10).max(86_400).default(300),
  })
  .refine((own) => own.openReserve <= own.dataReserve, {
    path: ['openReserve'],
    error: 'must not be above dataReserve, because questions are shed first',
  })
export type RateLimitSettings = z.output<typeof rateLimitSchema>

/** Requests of one class that may wait at one time. */
const waitingMax = 256

/** The same for the limiter. */
export function limiterConfig(settings: RateLimitSettings): LimiterConfig {
  const { ratePerSecond: rate, burst, openReserve, dataReserve, brownoutMs } = settings
  return { limit: { rate, burst, dataCost: 1 }, openReserve, dataReserve, brownoutMs, waitingMax }
}
