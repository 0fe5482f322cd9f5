import type { At } from '../at.ts'
import type { EngineState } from '../state.ts'
import { figure, type Verdict, type Wish } from './gate.ts'

/**
 * Nothing is opened by a grid that may no longer be the venue's (contract 1.0.X). The age is that
 * of this instrument: one that the last reading did not bring is as old as the reading that did.
 */
export function instrumentMetadataGate(state: EngineState, { spec }: Wish, at: At): Verdict {
  const ageMs = metadataAgeMs(state, spec.name, at)
  if (ageMs <= state.config.gates.instrumentMetadata.ttlMs) return null
  return { reason: 'InstrumentMetadataMissing', figures: { age_ms: figure(ageMs) } }
}

/** Milliseconds since the venue last told of an instrument; infinite when it never did. */
export function metadataAgeMs(state: EngineState, instrument: string, at: At): number {
  const toldTickMs = state.metadata.toldTickMs.get(instrument)
  return toldTickMs === undefined ? Number.POSITIVE_INFINITY : at.tickMs - toldTickMs
}
