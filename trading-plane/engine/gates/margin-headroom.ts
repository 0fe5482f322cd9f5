import type { EngineState } from '../state.ts'
import type { AccountSummary } from '../../venues/port.ts'
import { figure, type PreparedIntent, type Verdict } from './gate.ts'

/** Keeps a zero equity from being divided by. */
const equityMin = 1e-9

/**
 * No opening order while maintenance margin eats too much of the equity (contract 1.4.3). The mode
 * has the two higher bounds; a use of margin that is not known is the mode's too.
 */
export function marginHeadroomGate(state: EngineState, _prepared: PreparedIntent): Verdict {
  const mmUtil = state.account.reading?.mmUtil ?? null
  if (mmUtil === null || mmUtil < state.config.gates.marginHeadroom.rejectOpensAt) return null
  return { reason: 'MarginHeadroomRejectOpens', figures: { mm_util: figure(mmUtil) } }
}

/** Use of margin of the worst currency: a margin call in one of them is a margin call. */
export function worstMarginUse(summaries: readonly AccountSummary[]): number | null {
  if (summaries.length === 0) return null
  return Math.max(
    ...summaries.map(({ maintenanceMargin, equity }) => {
      return maintenanceMargin / Math.max(equity, equityMin)
    }),
  )
}
