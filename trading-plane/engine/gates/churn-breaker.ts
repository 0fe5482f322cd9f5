import type { At } from '../at.ts'
import { churnKey } from '../churn/churn.ts'
import type { EngineState } from '../state.ts'
import type { PreparedIntent, Verdict } from './gate.ts'

/** No more opening of what had to be flattened again and again (contract 1.2.2). */
export function churnBreakerGate(state: EngineState, prepared: PreparedIntent, at: At): Verdict {
  const { intent, spec } = prepared
  const record = state.churn.get(churnKey(intent.strategy_id, spec, at))
  if (record === undefined || at.tickMs >= record.untilTickMs) return null
  const leftS = Math.ceil((record.untilTickMs - at.tickMs) / 1_000)
  return {
    reason: 'ChurnBreakerActive',
    log: 'ChurnBreakerTrip',
    figures: { flattens: String(record.tickMs.length), blacklisted_s: String(leftS) },
  }
}
