type Order = {
  readonly orderId: string
  readonly instrument: string
  readonly reduceOnly: boolean
}

/** One cancel request. */
export type CancelStep =
  | { readonly kind: 'all' }
  | { readonly kind: 'instrument'; readonly instrument: string }
  | { readonly kind: 'order'; readonly orderId: string; readonly instrument: string }

/** What one pass of a soft stop cancels. */
export type CancelPlan = {
  readonly steps: readonly CancelStep[]
  /** False when orders are left for the next pass, after the budget has refilled. */
  readonly isWhole: boolean
}

/**
 * Cancel requests that one pass may spend. The account's burst is 20 on the lowest tier
 * (deribit.md), and the sweep needs the rest.
 */
export const cancelStepsMax = 12

/** In this time the lowest tier, at 5 requests a second, refills a whole pass and more. */
export const budgetRefillMs = 3_000

/**
 * How to cancel orders that are not reduce-only and no others (decision D-04), as far as one pass
 * may go within the budget that all keys of the account share. Running out of it would leave orders
 * resting, and look like the target eating it; so what is left waits for the refill.
 */
export function cancelPlan(open: readonly Order[]): CancelPlan {
  if (open.every(({ reduceOnly }) => reduceOnly)) return { steps: [], isWhole: true }
  if (!open.some(({ reduceOnly }) => reduceOnly)) return { steps: [{ kind: 'all' }], isWhole: true }
  const kept = new Set(open.filter(({ reduceOnly }) => reduceOnly).map((order) => order.instrument))
  const adding = open.filter(({ reduceOnly }) => !reduceOnly)
  const whole = new Set(
    adding.map(({ instrument }) => instrument).filter((name) => !kept.has(name)),
  )
  const steps: CancelStep[] = [
    ...[...whole].map((instrument) => ({ kind: 'instrument' as const, instrument })),
    ...adding
      .filter(({ instrument }) => kept.has(instrument))
      .map(({ orderId, instrument }) => ({ kind: 'order' as const, orderId, instrument })),
  ]
  return { steps: steps.slice(0, cancelStepsMax), isWhole: steps.length <= cancelStepsMax }
}
