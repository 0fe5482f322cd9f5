/** What stands in the way of a reset, in the order in which they are shown. */
export const resetObstacles = [
  'SAFETY_PLANE_SILENT',
  'NOTHING_TO_RESET',
  'KILL_UNDER_WAY',
  'KILL_UNPROVEN',
  'ORDERS_REST',
  'ORDERS_UNKNOWN',
  'OTHER_WATCHER_HOLDS',
] as const

export type ResetObstacle = (typeof resetObstacles)[number]

/** What each means to the person who wants to trade again. */
export const resetObstacleWords: Readonly<Record<ResetObstacle, string>> = {
  SAFETY_PLANE_SILENT: 'The safety plane does not answer, and only it can reset.',
  NOTHING_TO_RESET: 'Nothing is thrown.',
  KILL_UNDER_WAY: 'The kill is still under way.',
  KILL_UNPROVEN: 'Something that the kill must achieve is not proven yet.',
  ORDERS_REST: 'Orders rest on the exchange that the level of the kill forbids.',
  ORDERS_UNKNOWN: 'The exchange did not say whether orders rest.',
  OTHER_WATCHER_HOLDS: 'Another dead-man switch has thrown the switch and cannot reset now.',
}
