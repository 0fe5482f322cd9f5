import type { Clock } from '../kernel/clock.ts'
import { NS_PER_MS } from '../kernel/units.ts'

/** The host's clocks. `monotonicMs` is CLOCK_MONOTONIC, so it compares between processes of a host. */
export const systemClock: Clock = {
  monotonicMs: () => Number(process.hrtime.bigint()) / 1e6,
  wallMs: () => Date.now(),
  wallNs: () => BigInt(Date.now()) * NS_PER_MS + (process.hrtime.bigint() % NS_PER_MS),
}
