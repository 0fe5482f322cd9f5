import {
  type HoldingTier,
  isHigherTier,
  isHolding,
  type ToldTier,
} from '@bulkhead/shared/contracts/governed-actions.ts'
import type { PlaceIntent } from '@bulkhead/shared/contracts/intents.ts'
import type { TradingMode } from '@bulkhead/shared/contracts/reasons/mode-reasons.ts'
import type { PolicyDecision } from '@bulkhead/shared/contracts/policy.ts'
import type { IntentDenialReason } from '@bulkhead/shared/contracts/reasons/intent-denials.ts'
import { hold, notify } from '../approvals/hold.ts'
import type { At } from '../at.ts'
import type { Effect } from '../effects.ts'
import type { Denial } from '../gates/gate.ts'
import type { Hash64 } from '../intents/label.ts'
import type { OrderSize } from '../intents/order-size.ts'
import { enter, type Trace } from '../intents/trace.ts'
import type { Leg } from '../legs/leg.ts'
import type { EngineState } from '../state.ts'
import { judgePolicy, policyDenial, policyEntry, raiseUnavailable } from './judge.ts'

/** An order that passed every gate, on its way to the policy. */
export type GatedOrder = {
  readonly intent: PlaceIntent
  readonly leg: Leg
  readonly size: OrderSize
  readonly mode: TradingMode
  /** The tier at which people agreed to it; null when nobody was asked. */
  readonly agreed: HoldingTier | null
  /** Whether it can wait for people; a leg of a group cannot (decision D-67). */
  readonly mayWait: boolean
}

/** What the policy makes of an order: it stops it, has it wait for people, or lets it go. */
export function applyPolicy(
  state: EngineState,
  gated: GatedOrder,
  at: At,
  out: Effect[],
  hash64: Hash64,
  trace: Trace,
): Denial | 'held' | null {
  const { leg, size, mode } = gated
  enter(trace, 'Policy')
  const decision = judgePolicy(state, leg, size, mode, at)
  const denial = policyDenial(state, leg, decision, at, out)
  if (denial !== null || decision === null) return denial
  out.push({ kind: 'audit', record: policyEntry(decision, leg, hash64) })
  enter(trace, 'Approval')
  return decision.tier === 'T0' ? null : askPeople(state, gated, decision, at, out)
}

/** T1 tells people, T2 and T3 wait for them; where they cannot be asked nothing is sent (B6). */
function askPeople(
  state: EngineState,
  { intent, leg, agreed, mayWait }: GatedOrder,
  decision: PolicyDecision,
  at: At,
  out: Effect[],
): Denial | 'held' | null {
  const { tier, tierRules } = decision
  const figures = { gate: 'Approval', tier, rules: tierRules.join(' ') }
  if (agreed !== null) {
    const isEnough = !isHigherTier(tier, agreed)
    return isEnough ? null : { reason: 'ApprovalInsufficient', figures: { ...figures, agreed } }
  }
  if (isHolding(tier) && !mayWait) return { reason: 'GroupNeedsApproval', figures }
  try {
    const reason = tier === 'T0' ? null : tellOrHold(state, intent, { ...decision, tier }, at, out)
    if (reason !== null) return { reason, figures }
    return isHolding(tier) ? 'held' : null
  } catch {
    // Whatever broke, nobody was asked.
    raiseUnavailable(state, 'APPROVALS_UNAVAILABLE', leg, at, out)
    return { reason: 'ApprovalsUnavailable', figures }
  }
}

function tellOrHold(
  state: EngineState,
  intent: PlaceIntent,
  decision: PolicyDecision & { readonly tier: ToldTier },
  at: At,
  out: Effect[],
): IntentDenialReason | null {
  if (isHolding(decision.tier)) return hold(state, intent, decision, at, out)
  notify(state, intent, decision, at, out)
  return null
}
