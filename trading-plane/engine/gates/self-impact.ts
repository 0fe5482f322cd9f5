import type { At } from '../at.ts'
import { churnKey } from '../churn/churn.ts'
import { brokenRule, selfFraction, selfUsd } from '../self-impact/core.ts'
import { impactNow, latchTrades, tradesAgeMs } from '../self-impact/flow.ts'
import type { EngineState } from '../state.ts'
import { figure, type PreparedIntent, type Verdict } from './gate.ts'

/** Keys that cool down at one time; the one that tripped longest ago is forgotten first. */
const keysMax = 1_000

/**
 * No more of what feeds on our own trades (contract 1.2.3). It judges nothing while the public
 * trades are not known: then it sets the latch that waits for a reconciliation. When it trips, it
 * begins the cooldown of strategy and structure.
 */
export function selfImpactGate(state: EngineState, prepared: PreparedIntent, at: At): Verdict {
  const { intent, spec } = prepared
  const limits = state.config.gates.selfImpact
  const { cooldowns } = state.impact
  const ageMs = tradesAgeMs(state, spec.name, at)
  if (ageMs === null || !(ageMs <= limits.feedAgeMsMax)) {
    latchTrades(state, spec.name)
    const figures = { public_trades_age_ms: figure(ageMs ?? Number.NaN) }
    return { reason: 'OpenPermissionLatched', figures }
  }
  const key = cooldowns.size > 0 ? churnKey(intent.strategy_id, spec, at) : null
  const untilTickMs = key === null ? undefined : cooldowns.get(key)
  if (untilTickMs !== undefined && at.tickMs < untilTickMs) {
    const leftS = Math.ceil((untilTickMs - at.tickMs) / 1_000)
    return { reason: 'FeedbackLoopGuardActive', figures: { cooldown_s: String(leftS) } }
  }
  const impact = impactNow(state, spec.name, at)
  const rule = brokenRule(impact, intent.side, limits)
  if (rule === null) return null
  coolDown(cooldowns, churnKey(intent.strategy_id, spec, at), at.tickMs + limits.cooldownMs)
  return {
    reason: 'FeedbackLoopGuardActive',
    figures: {
      rule,
      self_notional_usd: figure(selfUsd(impact)),
      public_notional_usd: figure(impact.publicUsd),
      self_fraction: figure(selfFraction(impact)),
    },
  }
}

function coolDown(cooldowns: Map<string, number>, key: string, untilTickMs: number): void {
  cooldowns.delete(key)
  cooldowns.set(key, untilTickMs)
  const [oldest] = cooldowns.keys()
  if (cooldowns.size > keysMax && oldest !== undefined) cooldowns.delete(oldest)
}
