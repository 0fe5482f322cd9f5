import {
  type HoldingTier,
  isHigherTier,
  isHolding,
} from '@bulkhead/shared/contracts/governed-actions.ts'
import type { PlaceIntent } from '@bulkhead/shared/contracts/intents.ts'
import type { TradingMode } from '@bulkhead/shared/contracts/reasons/mode-reasons.ts'
import { hold, notify } from '../approvals/hold.ts'
import type { At } from '../at.ts'
import type { Effect } from '../effects.ts'
import type { Denial } from '../gates/gate.ts'
import type { Hash64 } from '../intents/label.ts'
import type { OrderSize } from '../intents/order-size.ts'
import { enter, type Trace } from '../intents/trace.ts'
import type { Leg } from '../legs/leg.ts'
import type { EngineState } from '../state.ts'
import { judgePolicy, policyDenial, policyEntry } from './judge.ts'

/** An order that passed every gate, on its way to the policy. */
export type GatedOrder = {
  readonly intent: PlaceIntent
  readonly leg: Leg
  readonly size: OrderSize
  readonly mode: TradingMode
  /** The tier at which people agreed to it; null when nobody was asked. */
  readonly agreed: HoldingTier | null
}

/** What the policy makes of an order: it stops it, has it wait for people, or lets it go. */
export function applyPolicy(
  state: EngineState,
  { intent, leg, size, mode, agreed }: GatedOrder,
  at: At,
  out: Effect[],
  hash64: Hash64,
  trace: Trace,
): Denial | 'held' | null {
  enter(trace, 'Policy')
  const decision = judgePolicy(state, leg, size, mode, at)
  const denial = policyDenial(state, leg, decision, at, out)
  if (denial !== null || decision === null) return denial
  out.push({ kind: 'audit', record: policyEntry(decision, leg, hash64) })
  enter(trace, 'Approval')
  const { tier, tierRules } = decision
  if (tier === 'T0') return null
  if (!isHolding(tier)) {
    notify(state, intent, { ...decision, tier }, at, out)
    return null
  }
  const figures = { gate: 'Approval', tier, rules: tierRules.join(' ') }
  if (agreed !== null) {
    const isEnough = !isHigherTier(tier, agreed)
    return isEnough ? null : { reason: 'ApprovalInsufficient', figures: { ...figures, agreed } }
  }
  const reason = hold(state, intent, { ...decision, tier }, at, out)
  return reason === null ? 'held' : { reason, figures }
}
