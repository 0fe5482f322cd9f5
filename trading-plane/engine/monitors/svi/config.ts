/** Thresholds of the volatility smiles (contract 4.1, Appendix A.5). */
export type SviLimits = {
  /** How often one smile is fitted anew. */
  readonly fitEveryMs: number
  /** Oldest quote that counts as known. */
  readonly quoteAgeMsMax: number
  /** Fewer strikes than this make no smile. */
  readonly strikesMin: number
  /** Gate 1, as a volatility; the second where the book is thin. */
  readonly rmseMax: number
  readonly rmseThinMax: number
  /** Gate 2, as a fraction; the second where the book is thin. */
  readonly driftMax: number
  readonly driftThinMax: number
  /** `svi_guard_trip_count`, `svi_guard_trip_window_s`. */
  readonly tripsMax: number
  readonly tripWindowMs: number
}
