import type { At } from '../at.ts'
import type { InstrumentSpec } from '../intents/instrument.ts'
import type { EngineState } from '../state.ts'

const DAY_MS = 86_400_000
/** Keys remembered at one time; the one that was flattened longest ago is forgotten first. */
const keysMax = 1_000

/**
 * Remembers that a position of a strategy had to be flattened. One too many within the window, and
 * the strategy opens nothing of that kind for a while (contract 1.2.2).
 */
export function noteFlatten(
  state: EngineState,
  strategyId: string,
  spec: InstrumentSpec,
  at: At,
): void {
  const { flattensMax, windowMs, blacklistMs } = state.config.gates.churn
  const key = churnKey(strategyId, spec, at)
  const before = state.churn.get(key)
  const recent = [...(before?.tickMs ?? []), at.tickMs].filter(
    (tick) => at.tickMs - tick < windowMs,
  )
  const hasTripped = recent.length > flattensMax
  const untilTickMs = hasTripped ? at.tickMs + blacklistMs : (before?.untilTickMs ?? at.tickMs)
  state.churn.delete(key)
  state.churn.set(key, { tickMs: recent, untilTickMs })
  const [oldest] = state.churn.keys()
  if (state.churn.size > keysMax && oldest !== undefined) state.churn.delete(oldest)
}

/** Strategy and structure: what kind of instrument, of which coin, how far from its end. */
export function churnKey(
  strategyId: string,
  { kind, name, expirationMs }: InstrumentSpec,
  at: At,
): string {
  const coin = name.split(/[-_]/, 1)[0] ?? name
  const days = (expirationMs - at.nowMs) / DAY_MS
  const tenor = days > 3_650 ? 'perpetual' : days > 35 ? 'long' : days > 7 ? 'month' : 'week'
  return `${strategyId}|${kind}|${coin}|${tenor}`
}
