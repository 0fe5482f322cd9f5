import { z } from 'zod'
import { tradingModes } from './reasons/mode-reasons.ts'

/** Why exposure had to be taken back (contract 3.1). */
export const nakedCauses = [
  'atomic_legging_failure',
  'emergency_close_exhausted',
  'hedge_fallback',
  'close_without_book',
  'kill_containment',
] as const

/**
 * The account of an emergency close (contract 3.1, AtomicNakedEvent): exactly one of each group
 * that broke. Exposures are null where no index price was known.
 */
export const atomicNakedEventSchema = z.strictObject({
  group_id: z.uuid(),
  strategy_id: z.string().min(1).max(64),
  incident_ts_ms: z.number(),
  exposure_usd_before: z.number().nullable(),
  exposure_usd_after: z.number().nullable(),
  /** From the moment it was known that it has to go until this account of it. */
  time_to_delta_neutral_ms: z.int().nonnegative(),
  close_attempts: z.int().nonnegative(),
  hedge_used: z.boolean(),
  /** Whether nothing was left of it; else the desk goes on and stays at ReduceOnly. */
  is_neutral: z.boolean(),
  cause: z.enum(nakedCauses),
  trading_mode_at_event: z.enum(tradingModes),
})
export type AtomicNakedEvent = z.infer<typeof atomicNakedEventSchema>
