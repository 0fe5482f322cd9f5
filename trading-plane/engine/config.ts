import type { Policy } from '@bulkhead/shared/contracts/policy.ts'
import type { GatesConfig } from './gates/config.ts'
import type { SweeperLimits } from './sweeper/config.ts'
import type { MonitorsConfig } from './monitors/config.ts'
import type { ReconConfig } from './recon/core.ts'
import type { TradePermissionConfig } from './trade-permission/config.ts'

/** When a trade or an order is an incident (control-plane refactor 5.3). */
export type IncidentsConfig = {
  /** Largest distance of a trade from its expected price, in percent of that, without a word. */
  readonly deviationWarningPct: number
  /** The same, without giving the order up. */
  readonly deviationCriticalPct: number
  /** Longest wait for the answer to an order. */
  readonly submitWaitMsMax: number
  /** Longest wait for the fill of an order that opens. */
  readonly fillWaitMsMax: number
}

/** What the engine decides by; built from the executor's checked configuration. */
export type EngineConfig = {
  readonly gates: GatesConfig
  readonly monitors: MonitorsConfig
  readonly sweeper: SweeperLimits
  readonly orderNotionalUsdMax: number
  readonly positionNotionalUsdMax: number
  /** Live orders at one time, for opening and for closing orders each. */
  readonly openOrdersMax: number
  /** Orders proposed within one second, for opening and for closing orders each. */
  readonly intentsPerSecondMax: number
  /** Oldest kill-switch reading with which the desk may be Active. */
  readonly killSwitchAgeMsMax: number
  /** Oldest kill-switch reading with which an order may leave. */
  readonly killSwitchAgeAtDispatchMsMax: number
  readonly safetyHeartbeatAgeMsMax: number
  readonly marketDataAgeMsMax: number
  /** `emergency_reduceonly_cooldown_s`. */
  readonly emergencyCooldownMs: number
  /** `max_policy_age_sec`. */
  readonly policyAgeMsMax: number
  /** `cancel_open_batch_max` of contract Appendix A: cancels started per tick. */
  readonly cancelOpenBatchMax: number
  /** `rate_limit_kill_min_10028` of contract Appendix A. */
  readonly tooManyRequestsKillMin: number
  readonly rateLimit: {
    /** `limits_fetch_failures_trip_count` of contract Appendix A. */
    readonly readFailuresTrip: number
    /** `limits_fetch_failure_window_s`. */
    readonly readFailureWindowMs: number
  }
  /** Least time between two cancels, look-ups or reconciliations of the same thing. */
  readonly retryMs: number
  /** How far past its lease an order must be before its absence proves anything. */
  readonly leaseMarginMs: number
  /** Oldest order of an earlier run, recorded and never sent, that is still sent (D-69). */
  readonly unsentAgeMsMax: number
  /** Ended legs kept in memory; the ledger keeps all. */
  readonly endedLegsMax: number
  /** Intent ids and trade ids remembered against repetition; the ledger keeps all. */
  readonly rememberedIdsMax: number
  /** INTENT_DENIED entries per second; the rest is counted. */
  readonly deniedAuditsPerSecondMax: number
  readonly tradePermission: TradePermissionConfig
  /** Checked when it was loaded; nothing changes it while the engine runs. */
  readonly policy: Policy
  /** How long an intent waits for people. */
  readonly approvalMsMax: number
  readonly incidents: IncidentsConfig
  readonly recon: ReconConfig
}
