import { isRiskOff } from '../recon/book.ts'
import type { EngineState } from '../state.ts'
import type { PreparedIntent, Verdict } from './gate.ts'

/** Nothing opens in an instrument whose position our ledger does not explain (refactor 6.1). */
export function positionDriftGate(state: EngineState, { spec }: PreparedIntent): Verdict {
  if (!isRiskOff(state, spec.name)) return null
  const { ours = 0, theirs = 0 } = state.recon.drifts.get(spec.name) ?? {}
  return { reason: 'PositionDriftRiskOff', figures: { ours: String(ours), theirs: String(theirs) } }
}
