import type { EngineState } from '../state.ts'
import type { Verdict } from './gate.ts'

/** Strategies that are here and have not seen enough yet. */
export function warmingStrategies(here: EngineState['strategiesHere']): string[] {
  return [...here].filter(([, { isWarmedUp }]) => !isWarmedUp).map(([id]) => id)
}

/** Nobody opens while a strategy still warms up (safety topology, section 3: GUARDED). */
export function strategyWarmupGate({ strategiesHere }: EngineState): Verdict {
  const warming = warmingStrategies(strategiesHere)
  if (warming.length === 0) return null
  return { reason: 'StrategiesNotWarmedUp', figures: { warming: warming.join(' ').slice(0, 256) } }
}
