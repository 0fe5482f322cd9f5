import type { KillLevel } from '@bulkhead/shared/contracts/kill-switch.ts'

/** One line of the audit log, as it stood in the stream. */
export type AuditLine = Readonly<Record<string, string>>

export type DrillPhase = {
  readonly name: string
  readonly level: KillLevel
  readonly outcome: string
  /** After the freeze. */
  readonly start_ms: number
  readonly duration_ms: number
}

export type DrillDeath = {
  readonly component: string
  readonly method: string
  /** From the kill to verified death. */
  readonly ms: number
}

/** The machine-readable result of a drill, written as drill.json. */
export type DrillReport = {
  readonly ok: boolean
  readonly level: KillLevel
  readonly at: string
  readonly build_id: string
  readonly thresholds_ms: Readonly<Record<KillLevel, number>>
  /** Trigger minus threshold by the watcher's monotonic clock, per level reached. */
  readonly overshoot_ms: Readonly<Partial<Record<KillLevel, number>>>
  /** When each level was triggered, after the freeze. */
  readonly triggered_ms: Readonly<Partial<Record<KillLevel, number>>>
  readonly resting_orders_before: number
  readonly phases: readonly DrillPhase[]
  readonly dead: readonly DrillDeath[]
  /** Two reads at the venue itself, not through the stack. */
  readonly resting_orders_after: readonly [number, number]
  readonly audit_verified: boolean
  /** Every claim of the drill and whether it held. */
  readonly claims: readonly {
    readonly claim: string
    readonly held: boolean
    readonly seen: string
  }[]
}

const levels: readonly string[] = ['L0', 'L1', 'L2']

/** Reads what the safety plane recorded of its own work since the freeze. */
export function readEpisode(lines: readonly AuditLine[], frozenWallMs: number) {
  const phases: DrillPhase[] = []
  const dead: DrillDeath[] = []
  const overshootMs: Partial<Record<KillLevel, number>> = {}
  const triggeredMs: Partial<Record<KillLevel, number>> = {}
  for (const line of lines) {
    const atMs = Number(BigInt(line['wall_ns'] ?? '0') / 1_000n) / 1_000 - frozenWallMs
    const level = levels.includes(line['level'] ?? '') ? (line['level'] as KillLevel) : undefined
    if (line['action'] === 'EPISODE_STARTED' || line['action'] === 'EPISODE_RAISED') {
      if (level === undefined) continue
      overshootMs[level] = rounded(Number(line['overshoot_us'] ?? 'NaN') / 1_000)
      triggeredMs[level] = rounded(atMs)
    }
    if (line['action'] === 'PHASE_FINISHED' && level !== undefined) {
      const durationMs = rounded(Number(line['duration_us'] ?? 'NaN') / 1_000)
      const startMs = rounded(atMs - durationMs)
      const outcome = line['outcome'] ?? ''
      phases.push({
        name: line['phase'] ?? '',
        level,
        outcome,
        start_ms: startMs,
        duration_ms: durationMs,
      })
    }
    const component = line['subject'] ?? ''
    const isKnownDead = dead.some((death) => death.component === component)
    if (line['action'] === 'KILL_VERIFIED' && !isKnownDead) {
      const ms = rounded(Number(line['duration_us'] ?? 'NaN') / 1_000)
      dead.push({ component, method: line['method'] ?? '', ms })
    }
  }
  return { phases, dead, overshootMs, triggeredMs }
}

const rounded = (ms: number) => Math.round(ms * 1_000) / 1_000
