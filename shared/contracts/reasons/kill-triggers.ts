/** What can start or raise a kill episode, strongest evidence first. */
export const killTriggers = [
  'OPERATOR_COMMAND',
  'HEARTBEAT_STALE',
  'HEARTBEAT_NEVER_SEEN',
  'MARKET_DATA_FAILSAFE',
  'SAFETY_REDIS_UNAVAILABLE',
  'CANCEL_BUDGET_STARVED',
  /** Something that this kill had severed was seen running again: it is severed once more. */
  'TARGET_REAPPEARED',
  /** Redis records a thrown switch that the safety plane has no memory of: it is proven anew. */
  'RECORDED_STATE',
  /** The other dead-man switch of this desk has thrown the switch (decision D-37). */
  'OTHER_WATCHER',
] as const

export type KillTrigger = (typeof killTriggers)[number]
