/** Contract 3.5 and Appendix A. */
export type SweeperLimits = {
  /** Between two sweeps. */
  readonly everyMs: number
  /** `stale_order_sec`: how old an order that opens may grow at the venue. */
  readonly staleOrderMs: number
}
