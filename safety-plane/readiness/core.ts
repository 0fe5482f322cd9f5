/** What one probe of the kill path found. */
export type ProbeFacts = {
  /** Fault code of the authenticated read, or null when it answered. */
  readonly venueFault: string | null
  /** Per killable component: why it could not be killed now, or null. */
  readonly targets: readonly { readonly component: string; readonly fault: string | null }[]
  /** Fault code of the append to Redis, or null. */
  readonly redisFault: string | null
  readonly isStateDurable: boolean
  /** Whether the countdown at the exchange is armed, or none is configured. */
  readonly isBackstopSound: boolean
}

/** Why the kill path is not ready, as shown; empty when every part answered (design 5.5). */
export function notReadyReasons(facts: ProbeFacts): string[] {
  return [
    ...(facts.venueFault === null ? [] : [`VENUE_READ_FAILED: ${facts.venueFault}`]),
    ...facts.targets.flatMap(({ component, fault }) =>
      fault === null ? [] : [`TARGET_NOT_KILLABLE: ${component} ${fault}`],
    ),
    ...(facts.redisFault === null ? [] : [`REDIS_APPEND_FAILED: ${facts.redisFault}`]),
    ...(facts.isStateDurable ? [] : ['STATE_NOT_DURABLE']),
    ...(facts.isBackstopSound ? [] : ['BACKSTOP_NOT_ARMED']),
  ]
}
