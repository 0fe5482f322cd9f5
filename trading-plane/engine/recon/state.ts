import type { Side } from '../../venues/port.ts'

/** An instrument of which the ledger explains another position than the venue holds. */
export type Drift = {
  /** Signed, in the instrument's own unit. */
  readonly ours: number
  readonly theirs: number
  readonly pct: number
  /** Whole readings of the account in a row that saw a difference; one may be a race. */
  readonly readings: number
  readonly proposedTickMs: number | null
}

/** The entry that would make the ledger explain what the venue holds. */
export type PositionRepair = {
  readonly instrument: string
  readonly side: Side
  readonly steps: number
}

export type ReconState = {
  readonly drifts: Map<string, Drift>
  nextReadTickMs: number
}

export function createReconState(): ReconState {
  return { drifts: new Map(), nextReadTickMs: Number.POSITIVE_INFINITY }
}
