import type { At } from '../at.ts'
import type { InstrumentSpec } from '../intents/instrument.ts'
import type { EngineState } from '../state.ts'
import type { Verdict, Wish } from './gate.ts'

export type InstrumentState = 'Active' | 'DelistingSoon' | 'ExpiredOrDelisted'

/** Nothing is opened that is about to expire, has expired, or no longer trades (contract 1.0.Y). */
export function lifecycleGate(state: EngineState, { spec }: Wish, at: At): Verdict {
  return instrumentState(state, spec, at) === 'Active' ? null : 'InstrumentExpiredOrDelisted'
}

export function instrumentState(state: EngineState, spec: InstrumentSpec, at: At): InstrumentState {
  if (!spec.isActive || state.metadata.gone.has(spec.name)) return 'ExpiredOrDelisted'
  if (hasExpired(spec, at)) return 'ExpiredOrDelisted'
  const bufferMs = state.config.gates.lifecycle.expiryDelistBufferMs
  return latestMs(at) >= spec.expirationMs - bufferMs ? 'DelistingSoon' : 'Active'
}

export function hasExpired(spec: InstrumentSpec, at: At): boolean {
  return latestMs(at) >= spec.expirationMs
}

/** Of our clock and the venue's the later: a clock that is behind opens nothing for longer. */
function latestMs(at: At): number {
  return Math.max(at.nowMs, at.serverMs ?? at.nowMs)
}
