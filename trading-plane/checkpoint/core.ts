/** What the schedule looks at; times by our monotonic clock. */
export type ScheduleView = {
  readonly tickMs: number
  readonly isRunning: boolean
  /** The last attempt, or the start where there was none. */
  readonly triedTickMs: number
  /** The start had to replay more than it may. */
  readonly isBehind: boolean
  /** Up to where the newest checkpoint goes. */
  readonly madeSeq: number
  readonly durableSeq: number
}

export type SchedulePolicy = {
  readonly intervalMs: number
  readonly maxWalReplaySec: number
  readonly tailRecordsMin: number
}

/** Whether a checkpoint is to be made now: there is something to hold, and it is time. */
export function isDue(view: ScheduleView, policy: SchedulePolicy): boolean {
  const isWorthIt = view.durableSeq - policy.tailRecordsMin > view.madeSeq
  const isTime = view.isBehind || view.tickMs - view.triedTickMs >= policy.intervalMs
  return isWorthIt && isTime && !view.isRunning
}

/** Whether a start now would have to replay more than `max_wal_replay_sec` of records. */
export function isOverdue(
  view: Pick<ScheduleView, 'tickMs' | 'madeSeq' | 'durableSeq'> & { readonly madeTickMs: number },
  policy: SchedulePolicy,
): boolean {
  const isWorthIt = view.durableSeq - policy.tailRecordsMin > view.madeSeq
  return isWorthIt && view.tickMs - view.madeTickMs > policy.maxWalReplaySec * 1_000
}
