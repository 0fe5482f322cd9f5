import type { DeadManSwitchConfig } from './config.ts'
import type { LadderLimits } from './core.ts'

/** One late read may be a stall of our own, a second the reconnect that followed it. */
const redisFailedReadsMin = 3

/** The ladder that a configuration asks for. */
export function ladderLimitsOf(config: DeadManSwitchConfig): LadderLimits {
  const { ladder, redis, watch, marketDataFailsafe, liveness } = config
  const rungs = [
    { level: 'L0', afterMs: ladder.softStopAfterMs },
    { level: 'L1', afterMs: ladder.hardStopAfterMs },
    { level: 'L2', afterMs: ladder.emergencyAfterMs },
  ] as const
  const pingGapMsMax = 2 * (ladder.watchedHeartbeatIntervalMs + liveness.timeoutMs)
  const components = watch.map(({ component, expected, livenessSocket }) => ({
    component,
    expected,
    pingGapMsMax: livenessSocket === null ? null : pingGapMsMax,
    rungs,
    staleTrigger: 'HEARTBEAT_STALE' as const,
    neverSeenTrigger: 'HEARTBEAT_NEVER_SEEN' as const,
  }))
  const failsafe =
    marketDataFailsafe === null
      ? []
      : [
          {
            component: marketDataFailsafe.component,
            expected: 'at_boot' as const,
            pingGapMsMax: null,
            rungs: [{ level: 'L1', afterMs: marketDataFailsafe.heartbeatAgeMsMax }] as const,
            staleTrigger: 'MARKET_DATA_FAILSAFE' as const,
            neverSeenTrigger: 'MARKET_DATA_FAILSAFE' as const,
          },
        ]
  return {
    watched: [...components, ...failsafe],
    bootGraceMs: ladder.bootGraceMs,
    readFreshMs: 2 * ladder.pollIntervalMs + redis.commandTimeoutMs,
    redisGoneAfterMs: Math.min(ladder.redisGoneAfterMs, ladder.softStopAfterMs),
    redisSilentAfterMs: Math.min(ladder.redisSilentAfterMs, ladder.softStopAfterMs),
    redisFailedReadsMin,
  }
}
