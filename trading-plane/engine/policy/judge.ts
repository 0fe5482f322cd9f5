import type { AuditRecord } from '@bulkhead/shared/contracts/audit-entry.ts'
import type { PolicyDecision, PolicySnapshot } from '@bulkhead/shared/contracts/policy.ts'
import type { TradingMode } from '@bulkhead/shared/contracts/reasons/mode-reasons.ts'
import { canonicalJson } from '@bulkhead/shared/kernel/canonical-json.ts'
import type { At } from '../at.ts'
import type { Effect } from '../effects.ts'
import { isProvablyFlat } from '../exposure/flat.ts'
import type { Denial } from '../gates/gate.ts'
import type { Hash64 } from '../intents/label.ts'
import type { OrderSize } from '../intents/order-size.ts'
import { raiseLasting } from '../incidents/core.ts'
import type { Leg } from '../legs/leg.ts'
import { ageMs } from '../mode-view.ts'
import { count, type EngineState, signedSize } from '../state.ts'
import { evaluatePolicy } from './core.ts'

/** How long a judgement may take and count (control-plane refactor 5.3, PREFLIGHT_POLICY). */
const judgementMsMax = 5_000

/**
 * Whether it is too long ago that the policy began to judge an order. The judgement is one step of
 * the loop and knows no time; so the time is looked at when the order is to be sent. One of an
 * earlier run is bounded by its age (decision D-69).
 */
export function isJudgementTooOld(state: EngineState, label: string, at: At): boolean {
  const sinceTickMs = state.legs.wish(label).judgedTickMs ?? at.tickMs
  return at.tickMs - sinceTickMs > judgementMsMax
}

/** What the policy says of an order; null when it could not be evaluated. */
export function judgePolicy(
  state: EngineState,
  leg: Leg,
  size: OrderSize,
  mode: TradingMode,
  at: At,
): PolicyDecision | null {
  const snapshot = policySnapshot(state, leg, size, mode, at)
  try {
    return evaluatePolicy(state.config.policy, snapshot)
  } catch {
    // Whatever broke, nothing is known of what the policy would say (refactor B5).
    return null
  }
}

/**
 * Why the policy stops an order, or null. Without a policy nothing passes but what reduces risk
 * that is there or cannot be ruled out (decision D-08).
 */
export function policyDenial(
  state: EngineState,
  leg: Leg,
  decision: PolicyDecision | null,
  at: At,
  out: Effect[],
): Denial | null {
  if (decision === null) {
    raiseUnavailable(state, 'POLICY_UNAVAILABLE', leg, at, out)
    const isReducing = leg.reduceOnly && !isProvablyFlat(state)
    return isReducing ? null : { reason: 'PolicyUnavailable', figures: { gate: 'Policy' } }
  }
  if (decision.isAllowed) return null
  return { reason: 'PolicyDenied', figures: { gate: 'Policy', ...judgementFields(decision) } }
}

/** The entry that every order leaves before anything else is written of it (refactor 4.2). */
export function policyEntry(decision: PolicyDecision, leg: Leg, hash64: Hash64): AuditRecord {
  const { isAllowed, tier, tierRules } = decision
  const judgement = judgementFields(decision)
  return {
    action: 'POLICY_EVALUATED',
    subject: leg.label,
    correlationId: leg.intentId,
    fields: {
      allowed: String(isAllowed),
      tier,
      tier_rules: tierRules.join(' '),
      ...judgement,
      snapshot_hash: hash64(judgement.snapshot),
    },
  }
}

function judgementFields({ failed, shadow, policyVersion, snapshot }: PolicyDecision) {
  const text = (rules: PolicyDecision['failed']) =>
    rules.map(({ rule, fault, field }) => `${rule}:${fault}:${field}`).join(' ')
  return {
    failed_rules: text(failed),
    shadow_violations: text(shadow),
    policy_version: policyVersion,
    snapshot: canonicalJson(snapshot),
  }
}

/** Everything that a rule may look at, as it is now; what is not known is null. */
function policySnapshot(
  state: EngineState,
  leg: Leg,
  size: OrderSize,
  mode: TradingMode,
  at: At,
): PolicySnapshot & Readonly<Record<string, string | number | boolean | null>> {
  const { ageMsMax } = state.config.gates.marginHeadroom
  const { reading } = state.account
  const isMarginFresh = (ageMs(reading?.askedTickMs ?? null, at) ?? Infinity) <= ageMsMax
  return {
    tool: 'submit_order',
    strategy_id: leg.strategyId,
    instrument: leg.instrument,
    side: leg.side,
    time_in_force: leg.timeInForce,
    post_only: leg.postOnly,
    reduce_only: leg.reduceOnly,
    order_amount: finite(Number(leg.amount)),
    limit_price: finite(Number(leg.price)),
    order_notional_usd: finite(size.notionalUsd),
    position_amount: finite(signedSize(state, leg.instrument)),
    live_orders: state.legs.liveCount,
    mm_util: isMarginFresh ? finite(reading?.mmUtil ?? null) : null,
    trading_mode: mode,
  }
}

/** What is no finite number is not known. */
function finite(value: number | null): number | null {
  return value !== null && Number.isFinite(value) ? value : null
}

/** Says that what stands between an order and the exchange is broken. */
export function raiseUnavailable(
  state: EngineState,
  code: 'POLICY_UNAVAILABLE' | 'APPROVALS_UNAVAILABLE',
  leg: Leg,
  at: At,
  out: Effect[],
): void {
  count(state, code === 'POLICY_UNAVAILABLE' ? 'policy_failed' : 'approvals_failed')
  const { label: subject, intentId: correlationId, strategyId: strategy_id } = leg
  const fields = { strategy_id }
  raiseLasting(state, { code, severity: 'critical', subject, correlationId, fields }, at, out)
}
