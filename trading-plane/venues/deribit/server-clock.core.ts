import type { ClockSample } from '../port.ts'

/** How far the venue's clock is from our monotonic one, and how well we know it. */
export type ServerClock = ClockSample

/** A sample is replaced by a worse one only when it is older than this. */
const sampleAgeMsMax = 60_000

/**
 * Takes the moment at which the venue sent a reply as the middle of the way back. Among recent
 * samples the one with the shortest round trip errs least and wins.
 */
export function observeServerTime(
  clock: ServerClock | null,
  sentTickMs: number,
  receivedTickMs: number,
  serverSentMs: number,
): ServerClock {
  const roundTripMs = receivedTickMs - sentTickMs
  const isBetter = clock === null || roundTripMs <= clock.roundTripMs
  const isOld = clock !== null && receivedTickMs - clock.observedTickMs > sampleAgeMsMax
  if (!isBetter && !isOld) return clock
  return clockSample(sentTickMs, receivedTickMs, serverSentMs)
}

/** One look at the venue's clock by itself, whatever better ones came before. */
export function clockSample(
  sentTickMs: number,
  receivedTickMs: number,
  serverSentMs: number,
): ClockSample {
  const roundTripMs = receivedTickMs - sentTickMs
  const offsetMs = serverSentMs + roundTripMs / 2 - receivedTickMs
  return { offsetMs, roundTripMs, observedTickMs: receivedTickMs }
}

export function serverMsAt(clock: ServerClock | null, tickMs: number): number | null {
  return clock === null ? null : tickMs + clock.offsetMs
}
