/**
 * Why a guard did not start its bot, in the order of its checks. Nothing of the bot has run then.
 */
export const guardRefusals = [
  'COMMAND_NOT_FOUND',
  'CGROUP_UNAVAILABLE',
  'REDIS_UNREACHABLE',
  'RUNS_ALREADY',
  'SPAWN_FAILED',
  'CGROUP_NOT_JOINABLE',
  'WATCHER_SILENT',
  'KILL_SWITCH_UNKNOWN',
  'KILL_SWITCH_THROWN',
] as const
export type GuardRefusal = (typeof guardRefusals)[number]

/**
 * What a guard makes of its bot at one moment, strongest evidence first. Only STARTING and ALIVE
 * are followed by a heartbeat.
 */
export const livenessVerdicts = [
  'PROCESS_GONE',
  'PROCESS_STOPPED',
  'PROCESS_FROZEN',
  'STARTING',
  'EVIDENCE_MISSING',
  'EVIDENCE_STALE',
  'ALIVE',
] as const
export type LivenessVerdict = (typeof livenessVerdicts)[number]
