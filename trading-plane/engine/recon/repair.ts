import type { ApprovalTier } from '@bulkhead/shared/contracts/governed-actions.ts'
import type { At } from '../at.ts'
import type { Effect } from '../effects.ts'
import { amountStepsOf } from '../intents/quantize.ts'
import { decimalOf, textOfSteps } from '../numbers/decimal.ts'
import { count, type EngineState } from '../state.ts'
import { addSteps, bookAmount } from './book.ts'
import type { Drift, PositionRepair } from './state.ts'

/** What is missing in the ledger; null when it is no whole number of steps. */
export function repairOf(
  state: EngineState,
  instrument: string,
  { ours, theirs }: Pick<Drift, 'ours' | 'theirs'>,
): PositionRepair | null {
  const spec = state.instruments.get(instrument)
  const away = decimalOf(Math.abs(theirs - ours))
  if (spec === undefined || away === undefined) return null
  const steps = amountStepsOf(spec, textOfSteps(1, away))
  if (steps === undefined || steps === 0) return null
  return { instrument, side: theirs > ours ? 'buy' : 'sell', steps }
}

/**
 * Writes the entry that makes the ledger explain what the venue holds. It is the only thing that
 * changes our book but a trade, and it changes nothing when the difference is another one by now.
 *
 * @returns what became of it
 */
export function applyRepair(
  state: EngineState,
  repair: PositionRepair,
  by: { readonly requestId: string; readonly tier: ApprovalTier },
  at: At,
  out: Effect[],
): 'repaired' | 'outdated' {
  const { instrument, side, steps } = repair
  const drift = state.recon.drifts.get(instrument)
  const ours = bookAmount(state, instrument)
  const now =
    drift === undefined || ours === null ? null : repairOf(state, instrument, { ...drift, ours })
  if (drift === undefined || now?.side !== side || now.steps !== steps) {
    count(state, 'repairs_outdated')
    return 'outdated'
  }
  addSteps(state, instrument, side, steps)
  state.recon.drifts.delete(instrument)
  count(state, 'positions_repaired')
  const { requestId, tier } = by
  out.push({
    kind: 'record',
    record: {
      type: 'adjust',
      adjust_id: requestId,
      instrument,
      side,
      steps,
      tier,
      at_ms: at.nowMs,
    },
  })
  out.push({
    kind: 'audit',
    record: {
      action: 'POSITION_REPAIRED',
      subject: instrument,
      correlationId: requestId,
      fields: { side, steps: String(steps), tier, theirs: String(drift.theirs) },
    },
  })
  return 'repaired'
}
