import type { KillSwitchState } from '@bulkhead/shared/contracts/kill-switch.ts'
import { modeReasonWords } from '@bulkhead/shared/contracts/reasons/mode-reasons.ts'
import type {
  ExecutorStatus,
  OrchestratorStatus,
  SafetyStatus,
} from '@bulkhead/shared/contracts/status.ts'
import { contractVersion, statusSchemaVersion } from '@bulkhead/shared/contracts/version.ts'
import { msFromNsText } from '@bulkhead/shared/kernel/units.ts'
import type { ComponentView, ProcessState, StatusReport } from './status-schema.ts'
import { reportedMode } from './trading-mode.core.ts'

/** A document with its age since it last changed; null document when none was ever seen whole. */
export type Reported<T> = { readonly document: T | null; readonly ageMs: number | null }

/** Everything that the report is made of, gathered by one look at the safety Redis. */
export type StatusView = {
  readonly buildId: string
  readonly environment: string
  readonly wallMs: number
  readonly redisFault: string | null
  /** Undefined when missing or malformed; the last state seen while Redis is away. */
  readonly killSwitch: KillSwitchState | undefined
  readonly heartbeats: readonly {
    readonly component: string
    readonly ageMs: number | null
    readonly pid: number | null
    readonly process: ProcessState
  }[]
  readonly executor: Reported<ExecutorStatus>
  readonly orchestrator: Reported<OrchestratorStatus>
  readonly safety: Reported<SafetyStatus>
  readonly archive: StatusReport['audit_archive']
}

export type StatusLimits = {
  /** A component whose heartbeat or document is older counts as silent, in milliseconds. */
  readonly silentAfterMs: number
  /** The ladder, used as long as the safety plane does not report its own. */
  readonly thresholdsMs: StatusReport['thresholds_ms']
}

/** Keys of contract 7.0 that are null, and listed as unavailable, while nobody measures them. */
const measuredNames = [
  'bunker_mode_active',
  'policy_age_sec',
  'last_policy_update_ts',
  'f1_cert_expires_at',
  'disk_used_pct',
  'disk_used_last_update_ts_ms',
  'disk_used_pct_secondary',
  'disk_used_secondary_last_update_ts_ms',
  'mm_util',
  'mm_util_last_update_ts_ms',
  'loop_tick_last_ts_ms',
  'atomic_naked_events_24h',
  '429_count_5m',
  '10028_count_5m',
  'wal_queue_depth',
  'wal_queue_capacity',
  'wal_queue_enqueue_failures',
  'deribit_http_p95_ms',
  'ws_event_lag_ms',
] as const

type Measured = Pick<StatusReport, (typeof measuredNames)[number]>

/** Builds the status report of contract 7.0. Whatever is silent or unknown is said to be so. */
export function buildStatus(view: StatusView, limits: StatusLimits): StatusReport {
  const silent = (name: string, reported: Reported<unknown>) =>
    isSilent(view, limits, name, reported)
  const isExecutorSilent = silent('executor', view.executor)
  const watcher = view.safety.document?.component ?? 'dead_man_switch'
  const isSafetySilent = silent(watcher, view.safety)
  const executor = isExecutorSilent ? null : view.executor.document
  const killMode = view.killSwitch?.mode ?? 'UNKNOWN'
  const mode = reportedMode({
    executor: executor
      ? { mode: executor.trading_mode, reasons: executor.mode_reasons }
      : undefined,
    killSwitch: killMode,
    isRedisReachable: view.redisFault === null,
    isSafetySilent,
  })
  const measured = measuredKeys(executor)
  const latch = openPermission(executor)
  const thresholdsMs = view.safety.document?.thresholds_ms ?? limits.thresholdsMs
  return {
    status_schema_version: statusSchemaVersion,
    contract_version: contractVersion,
    build_id: view.buildId,
    environment: view.environment,
    generated_wall_ms: view.wallMs,
    supported_profiles: ['CSP'],
    enforced_profile: 'CSP',
    trading_mode: mode.mode,
    trading_mode_source: mode.source,
    mode_reasons: [...mode.reasons],
    mode_reason_words: mode.reasons.map((code) => ({ code, words: modeReasonWords[code] })),
    risk_state: mode.mode === 'Kill' ? 'Kill' : (executor?.risk_state ?? 'Degraded'),
    connectivity_degraded: measured.bunker_mode_active === true || latch.codes.length > 0,
    f1_cert_state: executor?.measurements.f1_cert_state ?? 'MISSING',
    cortex_override: executor?.measurements.cortex_override ?? null,
    open_permission_blocked_latch: latch.isBlocked,
    open_permission_reason_codes: [...latch.codes],
    open_permission_requires_reconcile: latch.isBlocked,
    ...measured,
    unavailable_keys: Object.keys(measured).filter(
      (key) => measured[key as keyof Measured] === null,
    ),
    safety_redis: { reachable: view.redisFault === null, fault: view.redisFault },
    thresholds_ms: thresholdsMs,
    components: view.heartbeats.map((beat) =>
      !isSafetySilent && watchOf(view, beat.component)?.health === 'ABSENT'
        ? absentView(beat.component)
        : componentView(view, beat, thresholdsMs),
    ),
    kill_switch: {
      mode: killMode,
      episode: view.killSwitch?.episode ?? '',
      reason: view.killSwitch?.reason ?? '',
      since_wall_ms: msFromNsText(view.killSwitch?.since_ns ?? '') ?? null,
      current: view.redisFault === null && view.killSwitch !== undefined,
    },
    episode: view.safety.document?.episode ?? null,
    executor_silent: isExecutorSilent,
    executor: documentView(view.executor, isExecutorSilent),
    orchestrator: documentView(view.orchestrator, silent('orchestrator', view.orchestrator)),
    safety: documentView(view.safety, isSafetySilent),
    audit_archive: view.archive,
  }
}

/**
 * Silent: Redis is away, or there is no document, or it or the heartbeat stopped changing, or the
 * host says that the process is gone or frozen, which is known before any beat is missing.
 */
function isSilent(
  view: StatusView,
  limits: StatusLimits,
  component: string,
  reported: Reported<unknown>,
): boolean {
  const beat = view.heartbeats.find((heartbeat) => heartbeat.component === component)
  const isOld = (ageMs: number | null | undefined) =>
    ageMs === null || ageMs === undefined || ageMs > limits.silentAfterMs
  return (
    view.redisFault !== null ||
    reported.document === null ||
    isOld(reported.ageMs) ||
    beat?.process === 'GONE' ||
    beat?.process === 'STOPPED' ||
    isOld(beat?.ageMs)
  )
}

/** A silent executor comes back only through a restart, and a restart must reconcile first. */
function openPermission(executor: ExecutorStatus | null) {
  if (executor === null) {
    return { isBlocked: true, codes: ['RESTART_RECONCILE_REQUIRED'] as const }
  }
  return {
    isBlocked: executor.open_permission_blocked_latch,
    codes: executor.open_permission_reason_codes,
  }
}

/** The executor's measurements under the contract's own names; a silent one measures nothing. */
function measuredKeys(executor: ExecutorStatus | null): Measured {
  const loopTick = { loop_tick_last_ts_ms: executor?.loop_tick_last_ts_ms ?? null }
  const told: Partial<Measured> = { ...executor?.measurements, ...loopTick }
  return Object.fromEntries(measuredNames.map((name) => [name, told[name] ?? null])) as Measured
}

const watchOf = (view: StatusView, component: string) =>
  view.safety.document?.watch.find((item) => item.component === component)

/** What an earlier run of a bot left behind says nothing of it while nobody runs it. */
function absentView(component: string): ComponentView {
  return {
    component,
    age_ms: null,
    silence: 'ABSENT',
    pid: null,
    process: 'UNKNOWN',
    escalation: null,
  }
}

function componentView(
  view: StatusView,
  beat: StatusView['heartbeats'][number],
  thresholdsMs: StatusReport['thresholds_ms'],
): ComponentView {
  const watched = watchOf(view, beat.component)
  return {
    component: beat.component,
    age_ms: beat.ageMs,
    silence: silenceOf(beat.ageMs, thresholdsMs),
    pid: beat.pid,
    process: beat.process,
    escalation: watched?.escalation ?? null,
  }
}

/** Late begins at half the first threshold: several beats are missing, nothing has happened yet. */
function silenceOf(
  ageMs: number | null,
  thresholdsMs: StatusReport['thresholds_ms'],
): ComponentView['silence'] {
  if (ageMs === null) return 'NEVER_SEEN'
  if (ageMs >= thresholdsMs.L2) return 'L2'
  if (ageMs >= thresholdsMs.L1) return 'L1'
  if (ageMs >= thresholdsMs.L0) return 'L0'
  return ageMs >= thresholdsMs.L0 / 2 ? 'LATE' : 'FRESH'
}

function documentView<T>(reported: Reported<T>, silent: boolean) {
  return { silent, age_ms: reported.ageMs, document: reported.document }
}
