import { textOfSteps } from '../numbers/decimal.ts'
import type { Side } from '../../venues/port.ts'
import type { EngineState } from '../state.ts'

/** Takes a trade or a repair into what the ledger explains. */
export function addSteps(
  { bookSteps }: Pick<EngineState, 'bookSteps'>,
  instrument: string,
  side: Side,
  steps: number,
): void {
  const after = (bookSteps.get(instrument) ?? 0) + (side === 'buy' ? steps : -steps)
  if (after === 0) bookSteps.delete(instrument)
  else bookSteps.set(instrument, after)
}

/** What the ledger explains of a position, signed; null while its grid is not known. */
export function bookAmount(state: EngineState, instrument: string): number | null {
  const steps = state.bookSteps.get(instrument) ?? 0
  if (steps === 0) return 0
  const spec = state.instruments.get(instrument)
  if (spec === undefined) return null
  return Math.sign(steps) * Number(textOfSteps(Math.abs(steps), spec.amountStep))
}

/**
 * Nothing opens in an instrument whose position nobody can explain (refactor 6.1, 6.2); where money
 * is real, from the first reading on that says so.
 */
export function isRiskOff({ recon, config }: EngineState, instrument: string): boolean {
  const drift = recon.drifts.get(instrument)
  if (drift === undefined || drift.pct <= config.recon.riskOffPct) return false
  return config.recon.mustAsk || drift.readings > 1
}
