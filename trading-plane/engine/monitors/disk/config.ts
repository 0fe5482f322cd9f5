/** Watermarks of contract 7.2 and `disk_used_max_age_ms`; all are parts of the disk, 0 to 1. */
export type DiskLimits = {
  readonly ageMsMax: number
  /** `disk_pause_archives_pct`: below it a Degraded that the disk caused is over. */
  readonly recoveredBelow: number
  /** `disk_degraded_pct`. */
  readonly degradedAt: number
  /** `disk_kill_pct`; kills only when both sources say so (contract 2.2.3.1.2). */
  readonly killAt: number
}
