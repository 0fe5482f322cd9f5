/** Mistakes that can be planted on purpose; each must be found within its number of seeds. */
export const plants = [
  'sync-removed',
  'acknowledged-before-sync',
  'repeated-on-time-out',
  'dedupe-removed',
  'session-unchecked',
] as const
export type Plant = (typeof plants)[number]
