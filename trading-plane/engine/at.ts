/** The moment at which an event is handled; read once by the loop, handed to everything below. */
export type At = {
  /** Wall clock, for people and for the exchange. */
  readonly nowMs: number
  /** Monotonic clock, for every interval and age. */
  readonly tickMs: number
  /** The venue's clock as estimated from its replies; null before the first one. */
  readonly serverMs: number | null
}
