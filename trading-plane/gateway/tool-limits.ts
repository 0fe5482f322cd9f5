import { z } from 'zod'
import { RateWindow } from '../engine/numbers/rate-window.ts'
import type { ToolUse } from '../rate-limit/core.ts'

const windowMs = 60_000
/** Below this a desk in trouble could not get out in time. */
const reducingMin = 60

/**
 * Calls per minute, per tool (control-plane refactor 3.2). They are no substitute for the venue's
 * own limit, which paces: they stop a program that has gone wild.
 */
export const toolLimitsSchema = z.strictObject({
  openPerMinuteMax: z.int().min(1).max(6_000).default(600),
  reducePerMinuteMax: z.int().min(reducingMin).max(6_000).default(600),
  containPerMinuteMax: z.int().min(reducingMin).max(6_000).default(600),
  cancelPerMinuteMax: z.int().min(reducingMin).max(12_000).default(3_000),
})
export type ToolLimitsConfig = z.infer<typeof toolLimitsSchema>

/**
 * Counts the calls of the last minute, each use with a budget of its own: a flood of one takes
 * nothing of another's. Its memory is bounded by the limits themselves.
 */
export class ToolLimits {
  readonly #windows: Readonly<Record<ToolUse, RateWindow>>

  constructor(config: ToolLimitsConfig) {
    this.#windows = {
      OPEN: new RateWindow(config.openPerMinuteMax, windowMs),
      HEDGE: new RateWindow(config.reducePerMinuteMax, windowMs),
      EMERGENCY_CLOSE: new RateWindow(config.containPerMinuteMax, windowMs),
      CANCEL: new RateWindow(config.cancelPerMinuteMax, windowMs),
    }
  }

  /** Counts one more call and says true, or says false when its budget is spent. */
  take(use: ToolUse, tickMs: number): boolean {
    return this.#windows[use].take(tickMs)
  }
}
