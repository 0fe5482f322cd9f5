/** Bounds of the pause between two attempts to connect. */
export type BackoffBounds = { readonly firstMs: number; readonly mostMs: number }

/** Doubles from `firstMs` to `mostMs`; `attempt` counts failures since the last success, from 1. */
export function backoffMs(attempt: number, bounds: BackoffBounds): number {
  const doublings = Math.min(Math.max(attempt, 1) - 1, 30)
  return Math.min(bounds.mostMs, bounds.firstMs * 2 ** doublings)
}
