/** What one probe of the kill path found. */
export type ProbeFacts = {
  /** Fault code of the authenticated read, or null when it answered. */
  readonly venueFault: string | null
  /** Per killable component: why it could not be killed now, or null. */
  readonly targets: readonly { readonly component: string; readonly fault: string | null }[]
  /** Fault code of the append to Redis, or null. */
  readonly redisFault: string | null
  readonly isStateDurable: boolean
  /** Components that live and do not answer past Redis. */
  readonly silentPaths: readonly string[]
  /** Why the last passed drill does not do, or null. */
  readonly drillFault: DrillFault | null
  /** What is wrong with the safety key, or not known of it. */
  readonly keyFaults: readonly string[]
  /** Whether the countdown at the exchange is armed, or none is configured. */
  readonly isBackstopSound: boolean
}

export const drillFaults = ['DRILL_NEVER_PASSED', 'DRILL_TOO_OLD'] as const
export type DrillFault = (typeof drillFaults)[number]

const dayMs = 86_400_000
/** Clocks of two hosts may differ by so much; what is further ahead was not passed yet. */
const futureMsMax = 300_000

/**
 * Why a drill passed at that time is not good enough; null where none is asked for.
 *
 * @param passedWallMs null when none was ever passed
 * @param ageDaysMax null when drills are no condition
 */
export function drillFaultOf(
  passedWallMs: number | null,
  nowMs: number,
  ageDaysMax: number | null,
): DrillFault | null {
  if (ageDaysMax === null) return null
  if (passedWallMs === null || passedWallMs > nowMs + futureMsMax) return 'DRILL_NEVER_PASSED'
  return nowMs - passedWallMs > ageDaysMax * dayMs ? 'DRILL_TOO_OLD' : null
}

/** Why the kill path is not ready, as shown; empty when every part answered (design 5.5). */
export function notReadyReasons(facts: ProbeFacts): string[] {
  return [
    ...(facts.venueFault === null ? [] : [`VENUE_READ_FAILED: ${facts.venueFault}`]),
    ...facts.keyFaults,
    ...facts.targets.flatMap(({ component, fault }) =>
      fault === null ? [] : [`TARGET_NOT_KILLABLE: ${component} ${fault}`],
    ),
    ...(facts.redisFault === null ? [] : [`REDIS_APPEND_FAILED: ${facts.redisFault}`]),
    ...(facts.isStateDurable ? [] : ['STATE_NOT_DURABLE']),
    ...facts.silentPaths.map((component) => `SECOND_PATH_SILENT: ${component}`),
    ...(facts.drillFault === null ? [] : [facts.drillFault]),
    ...(facts.isBackstopSound ? [] : ['BACKSTOP_NOT_ARMED']),
  ]
}
