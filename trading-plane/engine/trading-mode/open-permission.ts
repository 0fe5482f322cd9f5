import {
  type OpenPermissionReason,
  openPermissionReasons,
} from '@bulkhead/shared/contracts/reasons/intent-denials.ts'

/**
 * The open-permission latch (contract 2.2.4): every reason remembers when it was set, so that a
 * reconciliation clears only what it could have seen.
 */
export type OpenPermission = {
  /** Counts every setting. */
  readonly sequence: number
  readonly setAt: ReadonlyMap<OpenPermissionReason, number>
}

/** A process that has just started knows nothing about the venue (AT-430). */
export const openPermissionAtStart: OpenPermission = {
  sequence: 1,
  setAt: new Map([['RESTART_RECONCILE_REQUIRED', 1]]),
}

export function latch(state: OpenPermission, reason: OpenPermissionReason): OpenPermission {
  const sequence = state.sequence + 1
  return { sequence, setAt: new Map([...state.setAt, [reason, sequence]]) }
}

/** Clears the reasons that stood when the reconciliation began; later ones need another. */
export function clearUpTo(state: OpenPermission, sequence: number): OpenPermission {
  const setAt = new Map([...state.setAt].filter(([, at]) => at > sequence))
  return { sequence: state.sequence, setAt }
}

export function isLatched(state: OpenPermission): boolean {
  return state.setAt.size > 0
}

/** What breaks the story that the venue tells us also degrades the desk (contract 3.4). */
const breaks: readonly OpenPermissionReason[] = [
  'WS_BOOK_GAP_RECONCILE_REQUIRED',
  'WS_TRADES_GAP_RECONCILE_REQUIRED',
  'WS_DATA_STALE_RECONCILE_REQUIRED',
  'SESSION_TERMINATION_RECONCILE_REQUIRED',
]

/** Whether a stream of the venue broke and no reconciliation came after it. */
export function isContinuityLost(state: OpenPermission): boolean {
  return breaks.some((reason) => state.setAt.has(reason))
}

/** In registry order, whatever the order of their setting. */
export function latchedReasons(state: OpenPermission): OpenPermissionReason[] {
  return openPermissionReasons.filter((reason) => state.setAt.has(reason))
}
