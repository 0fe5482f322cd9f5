import type { EpisodeView, SafetyStatus } from '@bulkhead/shared/contracts/status.ts'
import type { Clock } from '@bulkhead/shared/kernel/clock.ts'
import { readSchedulingPolicy } from '@bulkhead/shared/runtime/process-identity.ts'
import {
  type Episode,
  type EpisodeState,
  isConfirmed,
  isRunning,
} from '../kill-sequence/episode.core.ts'
import { switchStateOf, watchdogStateOf } from '../kill-sequence/switch-state.ts'
import type { Readiness } from '../readiness/loop.ts'
import type { LadderState, WatchedState } from './core.ts'

export type StatusParts = {
  readonly self: SafetyStatus['component']
  readonly runId: string
  readonly buildId: string
  readonly configHash: string
  readonly startedTickMs: number
  readonly thresholdsMs: SafetyStatus['thresholds_ms']
  readonly ladder: LadderState
  /** How often the watched components beat. */
  readonly heartbeatIntervalMs: number
  readonly episode: EpisodeState
  readonly reset: SafetyStatus['reset']
  readonly readiness: Readiness
  readonly backstops: SafetyStatus['backstops']
  readonly lastDrill: SafetyStatus['last_drill']
  readonly egressGate: SafetyStatus['egress_gate']
}

/** The status document of the dead-man switch as it is right now. */
export function buildStatus(parts: StatusParts, clock: Clock): SafetyStatus {
  const { episode } = parts.episode
  const tickMs = clock.monotonicMs()
  return {
    component: parts.self,
    run_id: parts.runId,
    build_id: parts.buildId,
    config_hash: parts.configHash,
    wall_ms: clock.wallMs(),
    uptime_ms: Math.max(0, tickMs - parts.startedTickMs),
    kill_switch_mode: switchStateOf(parts.episode).mode,
    watchdog_state: watchdogStateOf(parts.episode),
    thresholds_ms: parts.thresholdsMs,
    watch: parts.ladder.watched.map((watch) => ({
      component: watch.component,
      age_ms: watch.changedTickMs === null ? null : Math.max(0, tickMs - watch.changedTickMs),
      misses: missesOf(watch, tickMs, parts.heartbeatIntervalMs),
      health: healthOf(watch, tickMs, parts.ladder.graceUntilTickMs),
      escalation: watch.escalation,
    })),
    episode: episode === null ? null : viewOf(episode),
    reset: parts.reset,
    ready: parts.readiness.ready,
    not_ready_reasons: parts.readiness.reasons.slice(0, 32).map((reason) => reason.slice(0, 128)),
    backstops: parts.backstops,
    last_drill: parts.lastDrill,
    resident_memory_mb: process.memoryUsage.rss() / 1_048_576,
    egress_gate: parts.egressGate,
    scheduling_policy: readSchedulingPolicy(process.pid),
  }
}

/** The miss counter of the topology's watchdog bridge: it ends with the next beat. */
function missesOf(
  { changedTickMs, isExpected }: WatchedState,
  tickMs: number,
  intervalMs: number,
): number {
  if (changedTickMs === null || !isExpected) return 0
  return Math.max(0, Math.floor((tickMs - changedTickMs) / intervalMs) - 1)
}

function healthOf(
  { changedTickMs, escalation, isSevered, isExpected }: WatchedState,
  tickMs: number,
  graceUntilTickMs: number,
): SafetyStatus['watch'][number]['health'] {
  if (!isExpected) return 'ABSENT'
  if (escalation !== null || isSevered) return 'CRITICAL'
  if (changedTickMs !== null) return 'HEALTHY'
  return tickMs < graceUntilTickMs ? 'GRACE' : 'CRITICAL'
}

function viewOf(episode: Episode): EpisodeView {
  return {
    episode: episode.id,
    level: episode.level,
    trigger: episode.trigger,
    component: episode.component,
    started_wall_ms: episode.startedWallMs,
    finished: !isRunning(episode),
    confirmed: isConfirmed(episode),
    phases: episode.phases.map((entry) => ({
      phase: entry.phase,
      outcome: entry.outcome,
      started_ms: Math.max(0, entry.startedTickMs - episode.startedTickMs),
      duration_ms:
        entry.finishedTickMs === null
          ? null
          : Math.max(0, entry.finishedTickMs - entry.startedTickMs),
    })),
  }
}
