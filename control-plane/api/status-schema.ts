import { z } from 'zod'
import { killLevelSchema, killSwitchModes } from '@bulkhead/shared/contracts/kill-switch.ts'
import { openPermissionReasons } from '@bulkhead/shared/contracts/reasons/intent-denials.ts'
import { modeReasons, tradingModes } from '@bulkhead/shared/contracts/reasons/mode-reasons.ts'
import {
  episodeViewSchema,
  executorStatusSchema,
  orchestratorStatusSchema,
  safetyStatusSchema,
} from '@bulkhead/shared/contracts/status.ts'
import { archiveStates } from '../audit/follower.ts'

/** GONE: no process of that number, or another one, or a zombie. STOPPED: frozen by a signal. */
export const processStates = ['RUNNING', 'STOPPED', 'GONE', 'UNKNOWN'] as const
export type ProcessState = (typeof processStates)[number]

/**
 * How far a component's silence has gone, measured against the ladder. ABSENT: a guarded bot that
 * nobody runs now, whose silence therefore means nothing (decision D-32).
 */
const silenceSteps = ['ABSENT', 'NEVER_SEEN', 'FRESH', 'LATE', 'L0', 'L1', 'L2'] as const

const componentView = z.strictObject({
  component: z.string(),
  /**
   * Milliseconds since the heartbeat last changed, by the API's monotonic clock; null if never
   * seen.
   */
  age_ms: z.number().nonnegative().nullable(),
  silence: z.enum(silenceSteps),
  /** Registered process id; null when the component is not registered. */
  pid: z.int().nullable(),
  /** What the host says of that very process; UNKNOWN without a pid or for another host. */
  process: z.enum(processStates),
  /** Escalation level that the safety plane reports for the present silence. */
  escalation: killLevelSchema.nullable(),
})

/** A status document as last published. A silent one is shown as last known, never as current. */
const reported = <T extends z.ZodType>(document: T) =>
  z.strictObject({
    silent: z.boolean(),
    age_ms: z.number().nonnegative().nullable(),
    document: document.nullable(),
  })

const nullableCount = z.int().nonnegative().nullable()
const nullableNumber = z.number().nullable()

/**
 * Keys of contract 7.0 whose capability may be absent; null then, and listed in `unavailable_keys`.
 */
const measuredKeys = {
  bunker_mode_active: z.boolean().nullable(),
  policy_age_sec: nullableNumber,
  last_policy_update_ts: nullableNumber,
  f1_cert_expires_at: nullableNumber,
  disk_used_pct: nullableNumber,
  disk_used_last_update_ts_ms: nullableNumber,
  disk_used_pct_secondary: nullableNumber,
  disk_used_secondary_last_update_ts_ms: nullableNumber,
  mm_util: nullableNumber,
  mm_util_last_update_ts_ms: nullableNumber,
  loop_tick_last_ts_ms: nullableNumber,
  atomic_naked_events_24h: nullableCount,
  '429_count_5m': nullableCount,
  '10028_count_5m': nullableCount,
  wal_queue_depth: nullableCount,
  wal_queue_capacity: nullableCount,
  wal_queue_enqueue_failures: nullableCount,
  deribit_http_p95_ms: nullableNumber,
  ws_event_lag_ms: nullableNumber,
}

/**
 * `GET /api/v1/status`: contract 7.0 (CSP minimum) and what the dashboard and the CLI show besides.
 */
export const statusReportSchema = z.strictObject({
  status_schema_version: z.int(),
  contract_version: z.string(),
  build_id: z.string(),
  environment: z.string(),
  generated_wall_ms: z.number(),
  supported_profiles: z.array(z.string()),
  enforced_profile: z.enum(['CSP', 'GOP', 'FULL']),
  trading_mode: z.enum(tradingModes),
  /**
   * Who says so: the executor itself, the kill-switch state, or the rule that absence is not
   * safety.
   */
  trading_mode_source: z.enum(['executor', 'kill_switch', 'fail_closed']),
  mode_reasons: z.array(z.enum(modeReasons)),
  mode_reason_words: z.array(z.strictObject({ code: z.enum(modeReasons), words: z.string() })),
  risk_state: z.enum(['Healthy', 'Degraded', 'Maintenance', 'Kill']),
  connectivity_degraded: z.boolean(),
  f1_cert_state: z.enum(['PASS', 'FAIL', 'STALE', 'MISSING', 'INVALID']),
  cortex_override: z.enum(['None', 'ForceReduceOnly', 'ForceKill']).nullable(),
  open_permission_blocked_latch: z.boolean(),
  open_permission_reason_codes: z.array(z.enum(openPermissionReasons)),
  open_permission_requires_reconcile: z.boolean(),
  ...measuredKeys,
  /** Keys that are null because nothing measures them in this run. Never to be read as healthy. */
  unavailable_keys: z.array(z.string()),
  safety_redis: z.strictObject({ reachable: z.boolean(), fault: z.string().nullable() }),
  thresholds_ms: z.strictObject({ L0: z.number(), L1: z.number(), L2: z.number() }),
  components: z.array(componentView),
  kill_switch: z.strictObject({
    /** UNKNOWN when the state is missing or does not parse; new risk is then forbidden. */
    mode: z.enum([...killSwitchModes, 'UNKNOWN']),
    episode: z.string(),
    reason: z.string(),
    since_wall_ms: z.number().nullable(),
    /** False while Redis is away and this is the last state seen. */
    current: z.boolean(),
  }),
  episode: episodeViewSchema.nullable(),
  executor_silent: z.boolean(),
  executor: reported(executorStatusSchema),
  orchestrator: reported(orchestratorStatusSchema),
  safety: reported(safetyStatusSchema),
  audit_archive: z.strictObject({
    state: z.enum(archiveStates),
    last_id: z.string(),
  }),
})
export type StatusReport = z.infer<typeof statusReportSchema>
export type ComponentView = z.infer<typeof componentView>

/** `GET /api/v1/health`. */
export const healthReportSchema = z.strictObject({
  ok: z.boolean(),
  build_id: z.string(),
  contract_version: z.string(),
})
