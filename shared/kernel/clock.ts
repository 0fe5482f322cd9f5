/**
 * The two clocks a process may look at. Cores never see a clock: they get its readings as inputs.
 *
 * Intervals, ages and deadlines use `monotonicMs`. `wallMs` is for people and for the exchange; it
 * may step, so it can make the desk more careful but never start a kill (design law 9).
 */
export interface Clock {
  /** Milliseconds on a clock that never steps, with a fraction; comparable within one host. */
  monotonicMs(): number
  /** Milliseconds since the Unix epoch, UTC; may step. */
  wallMs(): number
  /** Nanoseconds since the Unix epoch, UTC; the unit of heartbeats and audit entries. */
  wallNs(): bigint
}
