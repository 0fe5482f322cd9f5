/** `exchange_health_stale_s` of contract Appendix A, and the fixed figures of contract 2.3.1. */
export type ExchangeHealthLimits = {
  readonly pollMs: number
  readonly staleMs: number
  /** How long before a maintenance window opening ends. */
  readonly maintenanceLeadMs: number
}
