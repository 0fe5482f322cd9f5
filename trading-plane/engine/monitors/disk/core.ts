import type { DiskLimits } from './config.ts'

/** One source's word: the used part of the disk, and when it was asked. */
export type DiskReading = { readonly usedPct: number; readonly askedTickMs: number }

export type DiskState = {
  /** From the file system itself. */
  readonly primary: DiskReading | null
  /** From another program, which takes another way to the same disk. */
  readonly secondary: DiskReading | null
  readonly isDegraded: boolean
}

export const diskAtStart: DiskState = { primary: null, secondary: null, isDegraded: false }

/** Takes over what one source says; a value that is no part of a disk was not said. */
export function takeDiskReading(
  before: DiskState,
  source: 'primary' | 'secondary',
  reading: DiskReading,
): DiskState {
  const { usedPct } = reading
  return usedPct >= 0 && usedPct <= 1 ? { ...before, [source]: reading } : before
}

/** Degraded begins at its watermark and ends below the lower one, so that it does not flutter. */
export function stepDisk(before: DiskState, tickMs: number, limits: DiskLimits): DiskState {
  const usedPct = freshPct(before.primary, tickMs, limits)
  const isDegraded =
    usedPct === null
      ? before.isDegraded
      : usedPct >= limits.degradedAt || (before.isDegraded && usedPct >= limits.recoveredBelow)
  return { ...before, isDegraded }
}

function freshPct(reading: DiskReading | null, tickMs: number, limits: DiskLimits): number | null {
  if (reading === null || !(tickMs - reading.askedTickMs <= limits.ageMsMax)) return null
  return reading.usedPct
}
