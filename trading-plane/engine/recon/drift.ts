import type { VenuePosition } from '../../venues/port.ts'
import type { At } from '../at.ts'
import type { Effect } from '../effects.ts'
import { raiseIncident } from '../incidents/core.ts'
import type { Hash64 } from '../intents/label.ts'
import { textOfSteps } from '../numbers/decimal.ts'
import type { EngineState } from '../state.ts'
import { bookAmount, isRiskOff } from './book.ts'
import { driftPct, repairTier } from './core.ts'
import { proposeRepair, withdrawRepair } from './propose.ts'
import type { Drift } from './state.ts'

/** `position_reconcile_epsilon` of contract Appendix A; the smallest amount where that is more. */
export const positionEpsilon = 1e-6

export function epsilonOf(state: EngineState, instrument: string): number {
  const spec = state.instruments.get(instrument)
  return Math.max(positionEpsilon, spec === undefined ? 0 : Number(textOfSteps(1, spec.minAmount)))
}

/**
 * Holds what our ledger explains against a whole reading of the account. Exposure follows the venue
 * at once and without asking; only the ledger is never made to agree but by a repair that went the
 * way of every action (refactor 6.1, B18).
 */
export function judgeDrifts(
  state: EngineState,
  positions: readonly VenuePosition[],
  at: At,
  out: Effect[],
  hash64: Hash64,
): void {
  const { recon, config } = state
  recon.nextReadTickMs = at.tickMs + config.recon.readEveryMs
  const held = new Map(positions.map(({ instrument, size }) => [instrument, size]))
  const known = [...state.bookSteps.keys(), ...held.keys(), ...recon.drifts.keys()]
  for (const instrument of new Set(known)) {
    const ours = bookAmount(state, instrument)
    const theirs = held.get(instrument) ?? 0
    if (ours === null || isSettled(state, instrument, theirs, at)) recon.drifts.delete(instrument)
    else if (Math.abs(ours - theirs) <= epsilonOf(state, instrument)) end(state, instrument, out)
    else note(state, instrument, ours, theirs, at, out, hash64)
  }
}

/** What expired was delivered or settled, without a trade of ours; nothing is left to explain. */
function isSettled(state: EngineState, instrument: string, theirs: number, at: At): boolean {
  const expirationMs = state.instruments.get(instrument)?.expirationMs ?? 0
  const hasExpired = expirationMs <= at.nowMs || state.metadata.gone.has(instrument)
  return hasExpired && theirs === 0
}

function end(state: EngineState, instrument: string, out: Effect[]): void {
  const drift = state.recon.drifts.get(instrument)
  if (drift === undefined) return
  state.recon.drifts.delete(instrument)
  withdrawRepair(state, instrument, out)
  if (drift.readings < 2) return
  out.push({
    kind: 'audit',
    record: { action: 'POSITION_DRIFT_ENDED', subject: instrument, correlationId: '', fields: {} },
  })
}

function note(
  state: EngineState,
  instrument: string,
  ours: number,
  theirs: number,
  at: At,
  out: Effect[],
  hash64: Hash64,
): void {
  const before = state.recon.drifts.get(instrument)
  const readings = (before?.readings ?? 0) + 1
  const pct = driftPct(ours, theirs)
  const proposedTickMs = before?.proposedTickMs ?? null
  const drift: Drift = { ours, theirs, pct, readings, proposedTickMs }
  state.recon.drifts.set(instrument, drift)
  if (readings === 1) {
    // A fill between two answers looks the same; the next reading tells.
    state.recon.nextReadTickMs = Math.min(
      state.recon.nextReadTickMs,
      at.tickMs + state.config.retryMs,
    )
    return
  }
  if (readings === 2) raise(state, instrument, drift, out)
  if (isRiskOff(state, instrument)) cancelOpenings(state, instrument)
  proposeRepair(state, instrument, drift, at, out, hash64)
}

function raise(state: EngineState, instrument: string, drift: Drift, out: Effect[]): void {
  const { ours, theirs, pct } = drift
  raiseIncident(
    state,
    {
      code: ours === 0 ? 'POSITION_NOT_OURS' : 'POSITION_DRIFT',
      severity: 'critical',
      subject: instrument,
      correlationId: '',
      fields: {
        ours: String(ours),
        theirs: String(theirs),
        drift_pct: pct.toFixed(2),
        tier: repairTier(pct, state.config.recon),
        risk_off: String(isRiskOff(state, instrument)),
      },
    },
    out,
  )
}

/** What rests there and could open is taken back by the next turn. */
function cancelOpenings(state: EngineState, instrument: string): void {
  for (const leg of state.legs.live()) {
    const isOpening = leg.instrument === instrument && !leg.reduceOnly
    if (isOpening) state.legs.wish(leg.label).cancelWanted = true
  }
}
