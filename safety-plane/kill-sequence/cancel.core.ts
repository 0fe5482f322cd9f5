type Order = {
  readonly orderId: string
  readonly instrument: string
  readonly reduceOnly: boolean
}

/** One cancel request. */
export type CancelStep =
  | { readonly kind: 'all' }
  | { readonly kind: 'instrument'; readonly instrument: string }
  | { readonly kind: 'order'; readonly orderId: string }

/**
 * Cancel requests that one soft stop may spend. The account's burst is 20 on the lowest tier
 * (deribit.md), and the sweep needs the rest.
 */
export const cancelStepsMax = 12

/**
 * How to cancel every order that is not reduce-only and as few others as possible, within the
 * budget that all keys of the account share. Where that is not to be had, everything is cancelled
 * with one request: running out of budget would leave orders resting, and look like the target
 * eating it.
 */
export function cancelPlan(open: readonly Order[]): CancelStep[] {
  if (open.every(({ reduceOnly }) => reduceOnly)) return []
  if (!open.some(({ reduceOnly }) => reduceOnly)) return [{ kind: 'all' }]
  const kept = new Set(open.filter(({ reduceOnly }) => reduceOnly).map((order) => order.instrument))
  const adding = open.filter(({ reduceOnly }) => !reduceOnly)
  const whole = new Set(
    adding.map(({ instrument }) => instrument).filter((name) => !kept.has(name)),
  )
  const steps: CancelStep[] = [
    ...[...whole].map((instrument) => ({ kind: 'instrument' as const, instrument })),
    ...adding
      .filter(({ instrument }) => kept.has(instrument))
      .map(({ orderId }) => ({ kind: 'order' as const, orderId })),
  ]
  return steps.length <= cancelStepsMax ? steps : [{ kind: 'all' }]
}
