import { assert } from '@bulkhead/shared/kernel/assert.ts'

/** How far one chain has come in the log. */
export type ChainProgress = {
  readonly seq: number
  readonly hash: string
  /** Sequence numbers below `seq` that never arrived; at most `missingMax`. */
  readonly missing: readonly number[]
}

/** Chain id (`writer/chain`) to progress. */
export type DrainState = ReadonlyMap<string, ChainProgress>

/** What the drain must know of an entry; the rest of it passes through untouched. */
export type Arrival = { readonly chainId: string; readonly seq: number; readonly hash: string }

export type Sorted<A extends Arrival> = {
  /** To append to the log, in this order. */
  readonly append: readonly A[]
  /** In the log already: to forget. */
  readonly duplicates: readonly A[]
  /** Ahead of an entry of their chain that has not come yet. */
  readonly held: readonly A[]
}

/** Holes that are remembered per chain, so that a late entry is told from a second delivery. */
export const missingMax = 1_024

const unseen: ChainProgress = { seq: 0, hash: '', missing: [] }

/**
 * Decides what becomes of entries taken off an inbox, so that each stands in the log once and every
 * chain in its own order, although a writer's spool may deliver late or twice.
 *
 * @param acceptGaps true once the missing entries had their time: the hole becomes visible in the
 *   log
 */
export function sortArrivals<A extends Arrival>(
  state: DrainState,
  arrivals: readonly A[],
  acceptGaps: boolean,
): Sorted<A> {
  const progress = new Map(state)
  const append: A[] = []
  const duplicates: A[] = []
  const held: A[] = []
  for (const arrival of inChainOrder(arrivals)) {
    const chain = progress.get(arrival.chainId) ?? unseen
    if (arrival.seq <= chain.seq && !chain.missing.includes(arrival.seq)) duplicates.push(arrival)
    else if (arrival.seq > chain.seq + 1 && !acceptGaps) held.push(arrival)
    else {
      append.push(arrival)
      progress.set(arrival.chainId, advance(chain, arrival))
    }
  }
  assert(
    append.length + duplicates.length + held.length === arrivals.length,
    'every arrival is accounted for',
  )
  return { append, duplicates, held }
}

/** Progress once the log holds the entry, appended now or found there. */
export function learn(state: DrainState, entry: Arrival): DrainState {
  const chain = state.get(entry.chainId) ?? unseen
  return new Map(state).set(entry.chainId, advance(chain, entry))
}

function advance(chain: ChainProgress, { seq, hash }: Arrival): ChainProgress {
  if (seq <= chain.seq) return { ...chain, missing: chain.missing.filter((other) => other !== seq) }
  const holes: number[] = []
  for (let hole = Math.max(chain.seq + 1, seq - missingMax); hole < seq; hole += 1) holes.push(hole)
  return { seq, hash, missing: [...chain.missing, ...holes].slice(-missingMax) }
}

/** Each chain by sequence number; chains stay in the order in which they first arrived. */
function inChainOrder<A extends Arrival>(arrivals: readonly A[]): A[] {
  const chains = new Map<string, A[]>()
  for (const arrival of arrivals) {
    const chain = chains.get(arrival.chainId)
    if (chain === undefined) chains.set(arrival.chainId, [arrival])
    else chain.push(arrival)
  }
  return [...chains.values()].flatMap((chain) => chain.toSorted((a, b) => a.seq - b.seq))
}
