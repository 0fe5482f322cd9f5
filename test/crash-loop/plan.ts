import { type Failpoint, failpoints } from '@bulkhead/trading-plane/failpoints/failpoints.ts'

/** One start of the executor, the step at which it ends, and at which visit of it. */
export type Cycle = { readonly failpoint: Failpoint; readonly visit: number }

/** Steps that only a torn ledger leads through: it is torn before the start. */
const onTorn: readonly Failpoint[] = ['ledger-torn-copied', 'ledger-tail-cut']
/** The crash whose last frame was not synced, so that a loss of power may take a part of it. */
const leavesTorn: Cycle = { failpoint: 'ledger-frame-written', visit: 2 }

const firstOfVenue = failpoints.indexOf('session-signed-in')
/** Steps before there is a venue: a second crash while the first one is being recovered from. */
const ofRecovery = failpoints.slice(0, firstOfVenue).filter((name) => !onTorn.includes(name))

/** Steps that come by many times in one life, so that later visits are other moments. */
const recurring: readonly Failpoint[] = [
  'ledger-batch-taken',
  'ledger-frame-written',
  'ledger-frame-synced',
  'ledger-batch-released',
  'intent-recorded',
  'dispatch-recorded',
  'dispatch-judged',
  'order-written',
  'order-answered',
  'order-reply-handled',
  'outcome-told',
  'orders-handled',
  'trades-handled',
]
const laterVisitMax = 7

export function wantsTornLedger({ failpoint }: Cycle): boolean {
  return onTorn.includes(failpoint)
}

/**
 * `count` cycles or a few more, dealt to the lanes. Every failpoint is visited; each crash on the
 * way of an order is followed by a second one while the next start recovers from it. What is left
 * a seed draws.
 */
export function planCycles(count: number, lanes: number, seed: number): Cycle[][] {
  const next = drawer(seed)
  const draw = (from: readonly Failpoint[]) => from[next() % from.length] as Failpoint
  const again = (): Cycle => ({ failpoint: draw(ofRecovery), visit: 1 })
  const plan: Cycle[][] = Array.from({ length: lanes }, () => [])
  const deal = (...cycles: Cycle[]) => shortest(plan).push(...cycles)
  for (const [index, failpoint] of failpoints.entries()) {
    const cycle = { failpoint, visit: 1 }
    if (wantsTornLedger(cycle)) deal(leavesTorn, cycle)
    else if (index < firstOfVenue) deal(cycle)
    else deal(cycle, again())
  }
  while (plan.flat().length < count) {
    deal({ failpoint: draw(recurring), visit: 2 + (next() % (laterVisitMax - 1)) }, again())
  }
  return plan
}

function shortest(plan: Cycle[][]): Cycle[] {
  return plan.reduce((best, lane) => (lane.length < best.length ? lane : best))
}

/** The same numbers for the same seed: a linear congruence of which the high bits are used. */
function drawer(seed: number): () => number {
  let state = BigInt(seed)
  return () => {
    state = (state * 6_364_136_223_846_793_005n + 1_442_695_040_888_963_407n) % 2n ** 64n
    return Number(state >> 33n)
  }
}
