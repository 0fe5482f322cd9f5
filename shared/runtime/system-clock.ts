import type { Clock } from '../kernel/clock.ts'
import { NS_PER_MS } from '../kernel/units.ts'

/**
 * How far the anchored clock may part from the system's before it is anchored anew, in nanoseconds.
 */
const driftNsMax = 2n * NS_PER_MS

/** Wall time minus monotonic time when the two were last compared, in nanoseconds. */
let anchorNs: bigint | undefined

/**
 * Wall time in nanoseconds: the system's milliseconds carried on by the monotonic clock, so that
 * two readings without a clock step between them never go back.
 */
function wallNs(): bigint {
  const monotonicNs = process.hrtime.bigint()
  const systemNs = BigInt(Date.now()) * NS_PER_MS
  const carriedNs = anchorNs === undefined ? undefined : monotonicNs + anchorNs
  if (carriedNs !== undefined && within(carriedNs - systemNs, driftNsMax)) return carriedNs
  anchorNs = systemNs - monotonicNs
  return systemNs
}

const within = (differenceNs: bigint, boundNs: bigint) =>
  differenceNs <= boundNs && differenceNs >= -boundNs

/**
 * The host's clocks. `monotonicMs` is CLOCK_MONOTONIC, so it compares between processes of a host.
 */
export const systemClock: Clock = {
  monotonicMs: () => Number(process.hrtime.bigint()) / 1e6,
  wallMs: () => Date.now(),
  wallNs,
}
