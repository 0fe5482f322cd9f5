import type { KillLevel } from '@bulkhead/shared/contracts/kill-switch.ts'

/** What is in force here. */
export type OwnSwitch = {
  readonly episode: { readonly id: string; readonly level: KillLevel } | null
  /** The episode that was reset last, or empty. */
  readonly cleared: string
  readonly sinceResetMs: number
}

/** What the other watcher's record says; level null for NORMAL. */
export type PeerSwitch = { readonly level: KillLevel | null; readonly episode: string }

export type PeerVerdict =
  | { readonly kind: 'nothing' }
  /** Start a kill of this level here too, or raise the one that is open. */
  | { readonly kind: 'join'; readonly level: KillLevel }
  /** Both are in a kill of their own; go on under the other's id. */
  | { readonly kind: 'merge' }

/**
 * How long the other watcher may take to follow a reset that was obeyed here. After that a record
 * that is still thrown counts again: a desk is re-armed as a whole or not at all.
 */
export const followMsMax = 3_000

const rank = { L0: 0, L1: 1, L2: 2 } as const satisfies Record<KillLevel, number>
const nothing: PeerVerdict = { kind: 'nothing' }

/**
 * What the other watcher's record means here (decision D-37). It can start and raise a kill and can
 * never lower or end one; of two ids for one kill the smaller is shared.
 */
export function judgePeer(own: OwnSwitch, peer: PeerSwitch): PeerVerdict {
  if (peer.level === null) return nothing
  const { episode, cleared, sinceResetMs } = own
  if (episode === null) {
    const isFollowing = peer.episode === cleared && sinceResetMs < followMsMax
    return isFollowing ? nothing : { kind: 'join', level: peer.level }
  }
  if (rank[peer.level] > rank[episode.level]) return { kind: 'join', level: peer.level }
  return peer.episode !== '' && peer.episode < episode.id ? { kind: 'merge' } : nothing
}
