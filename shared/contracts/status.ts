import { z } from 'zod'
import { watcherIdSchema } from './components.ts'
import {
  killLevelSchema,
  killSwitchModeSchema,
  phaseOutcomes,
  watchdogStateSchema,
  killPhases,
} from './kill-switch.ts'
import { killModeReasons, reduceOnlyModeReasons, tradingModes } from './reasons/mode-reasons.ts'
import {
  permissionFaults,
  permissionGates,
  permissionReasons,
  tradePermissions,
} from './reasons/trade-permission.ts'
import { sviRejections } from './reasons/svi-rejections.ts'
import { resetObstacles } from './reasons/reset-obstacles.ts'
import { intentDenialReasons, openPermissionReasons } from './reasons/intent-denials.ts'

/**
 * The documents in `safety:status:{component}`. Each is written whole by its component and expires
 * after `statusTtlMs`; a reader that finds none reports the component silent (design section 7).
 */
const head = {
  run_id: z.string().max(64),
  build_id: z.string().max(64),
  config_hash: z.string().max(64),
  wall_ms: z.number(),
  uptime_ms: z.number().nonnegative(),
}

/** Refusals that the status shows. */
export const lastRefusalsMax = 5

const orderView = z.strictObject({
  label: z.string(),
  venue_order_id: z.string(),
  instrument: z.string(),
  side: z.enum(['buy', 'sell']),
  price: z.number(),
  amount: z.number(),
  filled_amount: z.number(),
  reduce_only: z.boolean(),
  state: z.string(),
})
export type OrderView = z.infer<typeof orderView>

const positionView = z.strictObject({
  instrument: z.string(),
  /** Signed, in the instrument's own unit; negative is short. */
  size: z.number(),
  average_price: z.number(),
  mark_price: z.number(),
})

const smileView = z.strictObject({
  /** Coin and expiry, as in `BTC-24SEP27`. */
  smile: z.string().max(64),
  expires_ms: z.number(),
  /** Of the last valid fit; null before the first. */
  at_the_money_vol: z.number().nonnegative().nullable(),
  rmse: z.number().nonnegative().nullable(),
  age_ms: z.number().nonnegative().nullable(),
  /** Why the newest fit is not used; null when it is. */
  rejection: z.enum(sviRejections).nullable(),
})

const ratio = z.number().nonnegative().nullable()
const epochMs = z.number().nullable()
const count = z.int().nonnegative()

/**
 * What contract 7.0 wants to be told, under its own names, taken from the very snapshot that the
 * mode was decided from. Null is not known; counts are always known.
 */
export const measurementsSchema = z
  .strictObject({
    bunker_mode_active: z.boolean(),
    /** Null while none was read (D-24, D-49). */
    policy_age_sec: z.number().nonnegative().nullable(),
    last_policy_update_ts: epochMs,
    f1_cert_state: z.enum(['PASS', 'FAIL', 'STALE', 'MISSING', 'INVALID']),
    f1_cert_expires_at: epochMs,
    disk_used_pct: ratio,
    disk_used_last_update_ts_ms: epochMs,
    disk_used_pct_secondary: ratio,
    disk_used_secondary_last_update_ts_ms: epochMs,
    mm_util: ratio,
    mm_util_last_update_ts_ms: epochMs,
    /** Orders stand alone: there is no group of legs that could be left naked. */
    atomic_naked_events_24h: count,
    '429_count_5m': count,
    '10028_count_5m': count,
    wal_queue_depth: count,
    wal_queue_capacity: z.int().positive(),
    wal_queue_enqueue_failures: count,
    deribit_http_p95_ms: z.number().nonnegative().nullable(),
    ws_event_lag_ms: z.number().nonnegative().nullable(),
    /** The strongest of what cortex, basis and exchange health want, and who wants something. */
    cortex_override: z.enum(['None', 'ForceReduceOnly', 'ForceKill']),
    override_producers: z.array(z.string().max(128)).max(64),
  })
  .refine((own) => own.wal_queue_depth <= own.wal_queue_capacity, {
    path: ['wal_queue_depth'],
    error: 'must not be above wal_queue_capacity',
  })
export type Measurements = z.infer<typeof measurementsSchema>

export const executorStatusSchema = z.strictObject({
  ...head,
  component: z.literal('executor'),
  venue: z.string(),
  environment: z.enum(['DEV', 'STAGING', 'PAPER', 'MICRO_LIVE', 'LIVE']),
  trading_mode: z.enum(tradingModes),
  mode_reasons: z.array(z.enum([...killModeReasons, ...reduceOnlyModeReasons])),
  risk_state: z.enum(['Healthy', 'Degraded', 'Maintenance', 'Kill']),
  open_permission_blocked_latch: z.boolean(),
  open_permission_reason_codes: z.array(z.enum(openPermissionReasons)),
  /** The permission to take new risk (D-23), with what it counts and measures. */
  trade_permission: z.strictObject({
    decision: z.enum(tradePermissions),
    reason_code: z.enum(permissionReasons),
    blocking_gate: z.enum(permissionGates).nullable(),
    precedence_rank: z.int().min(1).max(permissionGates.length).nullable(),
    is_latched: z.boolean(),
    error_codes: z.array(z.enum(permissionFaults)).max(permissionFaults.length),
    openings_today: z.number().nonnegative(),
    openings_per_day_max: z.number().nonnegative(),
    /** Our wall clock minus the exchange's; null while the exchange's is not known. */
    exchange_clock_drift_ms: z.number().nullable(),
  }),
  /** The newest intents that were refused, newest first. */
  last_refusals: z
    .array(
      z.strictObject({
        intent_id: z.string().max(64),
        strategy_id: z.string().max(64),
        instrument: z.string().max(64),
        reject_reason_code: z.enum(intentDenialReasons),
        refused_by: z.string().max(64),
        decided_ms: z.number(),
      }),
    )
    .max(lastRefusalsMax),
  venue_connected: z.boolean(),
  /** Cancel-on-disconnect as read back from the venue on this session. */
  cancel_on_disconnect: z.enum(['armed', 'absent', 'unknown']),
  market_data_age_ms: z.number().nonnegative().nullable(),
  loop_tick_last_ts_ms: z.number(),
  measurements: measurementsSchema,
  /** Volatility smiles of the options that are listened to, by expiry (contract 4.1). */
  volatility_smiles: z.array(smileView).max(64),
  orders: z.array(orderView).max(200),
  positions: z.array(positionView).max(200),
  counters: z.record(z.string(), z.number()),
})
export type ExecutorStatus = z.infer<typeof executorStatusSchema>

export const orchestratorStatusSchema = z.strictObject({
  ...head,
  component: z.literal('orchestrator'),
  executor_connected: z.boolean(),
  strategies: z
    .array(
      z.strictObject({
        id: z.string(),
        state: z.enum(['running', 'failed']),
        proposed: z.number(),
        denied: z.number(),
      }),
    )
    .max(64),
})
export type OrchestratorStatus = z.infer<typeof orchestratorStatusSchema>

const watchView = z.strictObject({
  component: z.string(),
  /**
   * Milliseconds by the watcher's monotonic clock since the value last changed; null if never seen.
   */
  age_ms: z.number().nonnegative().nullable(),
  /** ABSENT: one that people start and stop, and that nobody runs now (decision D-32). */
  health: z.enum(['HEALTHY', 'CRITICAL', 'GRACE', 'ABSENT']),
  /** Heartbeats missed in the present silence; 0 as long as the next one is not due. */
  misses: z.int().nonnegative(),
  /** Level reached in the present silence, or null. */
  escalation: killLevelSchema.nullable(),
})

const phaseView = z.strictObject({
  phase: z.enum(killPhases),
  outcome: z.enum(phaseOutcomes).nullable(),
  started_ms: z.number().nonnegative(),
  duration_ms: z.number().nonnegative().nullable(),
})

export const episodeViewSchema = z.strictObject({
  episode: z.string(),
  level: killLevelSchema,
  trigger: z.string(),
  component: z.string(),
  started_wall_ms: z.number(),
  finished: z.boolean(),
  confirmed: z.boolean(),
  phases: z.array(phaseView).max(64),
})
export type EpisodeView = z.infer<typeof episodeViewSchema>

/** What a reset would clear and what stands in its way, whether or not somebody wants one. */
export const resetViewSchema = z.strictObject({
  /** The episode that a reset must name. */
  episode: z.string(),
  obstacles: z
    .array(z.strictObject({ code: z.enum(resetObstacles), detail: z.string().max(256) }))
    .max(resetObstacles.length),
  /** Whether a second person must sign too (decision D-20). */
  needs_approver: z.boolean(),
  /** The request that waits for its second signature. */
  pending: z
    .strictObject({
      command_id: z.string(),
      operator_id: z.string(),
      expires_wall_ms: z.number(),
    })
    .nullable(),
  /** How long the watched components have after a reset until they must have been seen. */
  boot_grace_ms: z.number().nonnegative(),
})
export type ResetView = z.infer<typeof resetViewSchema>

/** A switch of the exchange's own: stale means that it was armed and is not confirmed any more. */
export const backstopStates = ['armed', 'stale', 'absent'] as const
export type BackstopState = (typeof backstopStates)[number]

const backstopViewSchema = z.strictObject({
  /** Countdown at the exchange that cancels everything unless the safety plane starts it anew. */
  cancel_all_after: z.enum(backstopStates),
  cancel_all_after_ms: z.number().positive().nullable(),
  /** Whether new connections of the account cancel their orders when lost, asked from outside. */
  cancel_on_disconnect: z.enum(backstopStates),
})
export type BackstopView = z.infer<typeof backstopViewSchema>

export const safetyStatusSchema = z.strictObject({
  ...head,
  component: watcherIdSchema,
  kill_switch_mode: killSwitchModeSchema,
  watchdog_state: watchdogStateSchema,
  thresholds_ms: z.strictObject({ L0: z.number(), L1: z.number(), L2: z.number() }),
  watch: z.array(watchView).max(32),
  /** The running or the last episode; null when there was none since the last reset. */
  episode: episodeViewSchema.nullable(),
  /** Null while there is nothing to reset. */
  reset: resetViewSchema.nullable(),
  /** Whether every part of the kill path answered at the last probe (design 5.5). */
  ready: z.boolean(),
  not_ready_reasons: z.array(z.string().max(128)).max(32),
  backstops: backstopViewSchema,
  /** The last passed drill of the whole kill path that an operator vouches for; null for none. */
  last_drill: z
    .strictObject({
      level: killLevelSchema,
      passed_wall_ms: z.number().positive(),
      operator_id: z.string().max(32),
    })
    .nullable(),
  resident_memory_mb: z.number().nonnegative(),
  /** The executor's way to the exchange, as last answered; null where no gate is configured. */
  egress_gate: z.enum(['open', 'closed', 'unreachable']).nullable(),

  /** How the kernel schedules it; FIFO is ahead of every ordinary process (decision D-41). */
  scheduling_policy: z
    .enum(['OTHER', 'FIFO', 'RR', 'BATCH', 'IDLE', 'DEADLINE', 'UNKNOWN'])
    .optional(),
})
export type SafetyStatus = z.infer<typeof safetyStatusSchema>
