import type { EgressRefusal } from '@bulkhead/shared/contracts/reasons/egress-refusals.ts'
import { fail, ok, type Result } from '@bulkhead/shared/kernel/result.ts'

/** What a watcher wants of the gate. */
export const votes = ['open', 'closed'] as const
export type Vote = (typeof votes)[number]

export type CastVote = {
  readonly vote: Vote
  /** When its watcher decided, by the monotonic clock that all processes of a host share. */
  readonly decidedTickMs: number
}

/** The last word of each watcher that has spoken. */
export type GateState = { readonly votes: Readonly<Record<string, CastVote>> }

/** A place that may be reached: a name or an address, and a port. */
export type Target = { readonly host: string; readonly port: number }

/** What the loop does, in this order: nothing is answered before all of it is done. */
export type GateEffect =
  /** Destroy every connection. */
  | { readonly type: 'cut' }
  /** Make the closed votes of that moment durable, so that a restart does not forget one. */
  | { readonly type: 'store' }

export type GateStep = { readonly state: GateState; readonly effects: readonly GateEffect[] }

/**
 * A gate begins closed: nobody has asked for it to be open yet, and whoever had closed it still
 * does (decision D-33).
 */
export function startGate(closedBefore: readonly string[]): GateState {
  const cast = { vote: 'closed', decidedTickMs: 0 } as const
  return { votes: Object.fromEntries(closedBefore.map((watcher) => [watcher, cast])) }
}

/**
 * Open only while at least one watcher says open and none that has spoken says closed. A vote stays
 * until its own watcher changes it, whether that watcher is there or not.
 */
export function isOpen({ votes: cast }: GateState): boolean {
  const all = Object.values(cast).map(({ vote }) => vote)
  return all.includes('open') && !all.includes('closed')
}

/** Watchers whose last word is closed, in a fixed order. */
export function closedBy({ votes: cast }: GateState): string[] {
  return Object.keys(cast)
    .filter((watcher) => cast[watcher]?.vote === 'closed')
    .sort()
}

/**
 * Takes one vote. A vote for closed always counts and always cuts, even when the gate is closed
 * already: what was asked for is then true whatever was true before. A vote for open that was
 * decided before its watcher's last word comes late, from a connection that it gave up, and says
 * nothing any more.
 */
export function castVote(state: GateState, watcher: string, cast: CastVote): GateStep {
  const last = state.votes[watcher]
  if (cast.vote === 'open' && last !== undefined && cast.decidedTickMs < last.decidedTickMs) {
    return { state, effects: [] }
  }
  const decidedTickMs = Math.max(cast.decidedTickMs, last?.decidedTickMs ?? 0)
  const next = { votes: { ...state.votes, [watcher]: { vote: cast.vote, decidedTickMs } } }
  const isStored = closedBy(next).join() === closedBy(state).join()
  return {
    state: next,
    effects: [
      ...(cast.vote === 'closed' ? [{ type: 'cut' } as const] : []),
      ...(isStored ? [] : [{ type: 'store' } as const]),
    ],
  }
}

/** Judges a request that was read whole; everything about its bytes was judged before. */
export function admit(
  request: { readonly method: string; readonly target: string },
  state: GateState,
  allowed: readonly Target[],
): Result<Target, EgressRefusal> {
  if (request.method !== 'CONNECT') return fail('METHOD_NOT_CONNECT')
  const target = parseTarget(request.target)
  if (target === undefined) return fail('TARGET_MALFORMED')
  const isAllowed = allowed.some(({ host, port }) => host === target.host && port === target.port)
  if (!isAllowed) return fail('TARGET_NOT_ALLOWED')
  return isOpen(state) ? ok(target) : fail('GATE_CLOSED')
}

const authorityForm =
  /^(\[[0-9a-f:.]{2,45}\]|[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?):([1-9]\d{0,4})$/

/** `host:port` as it stands in a CONNECT request (RFC 9112, authority form), in lower case. */
export function parseTarget(text: string): Target | undefined {
  const [, host, digits] = authorityForm.exec(text.toLowerCase()) ?? []
  const port = Number(digits)
  if (host === undefined || port > 65_535) return undefined
  return { host: host.replace(/^\[|\]$/g, ''), port }
}
