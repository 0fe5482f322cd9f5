import { numberOf } from '../numbers/decimal.ts'
import type { EngineState } from '../state.ts'
import { figure, type Verdict, type Wish } from './gate.ts'

/** Keeps a zero amount from being divided by (contract 1.0 rule 2). */
const amountMin = 1e-9

/**
 * Contracts and amount, where both are said, must be the same size (contract 1.0 rules 2 to 4).
 * Without a multiplier in the fetched metadata that cannot be shown, so it counts as a mismatch.
 * The denial degrades the desk for a while: a wiring fault is not market noise.
 */
export function unitsGate(state: EngineState, { intent, spec }: Wish): Verdict {
  if (intent.contracts === undefined) return null
  const amount = Number(intent.amount)
  const multiplier = spec.contractSize === null ? Number.NaN : numberOf(spec.contractSize)
  const difference = Math.abs(amount - intent.contracts * multiplier)
  const relative = difference / Math.max(Math.abs(amount), amountMin)
  if (relative <= state.config.gates.units.matchTolerance) return null
  return { reason: 'ContractsAmountMismatch', figures: { relative: figure(relative) } }
}
