import type { AuditRecord } from '@bulkhead/shared/contracts/audit-entry.ts'
import {
  approvalsPendingMax,
  approversNeeded,
  type ToldTier,
} from '@bulkhead/shared/contracts/governed-actions.ts'
import type { PlaceIntent } from '@bulkhead/shared/contracts/intents.ts'
import type { PolicyDecision } from '@bulkhead/shared/contracts/policy.ts'
import type { IntentDenialReason } from '@bulkhead/shared/contracts/reasons/intent-denials.ts'
import type { At } from '../at.ts'
import type { Effect } from '../effects.ts'
import type { Drift, PositionRepair } from '../recon/state.ts'
import { count, type EngineState } from '../state.ts'
import { outcomeMessage } from '../transitions.ts'
import { type ApprovalRequest, ended } from './core.ts'
import { type HeldIntent, noteEnded } from './state.ts'

/**
 * Holds an intent back until people agree. Nothing is reserved for it: it is judged anew when they
 * have (decision D-56).
 *
 * @returns why it cannot be held, or null
 */
export function hold(
  state: EngineState,
  intent: PlaceIntent,
  decision: PolicyDecision & { readonly tier: ToldTier },
  at: At,
  out: Effect[],
): IntentDenialReason | null {
  const { pending } = state.approvals
  if (pending.size >= approvalsPendingMax) return 'ApprovalsFull'
  const request = requestOf(state, intent, decision, at)
  pending.set(intent.intent_id, { request, intent })
  count(state, 'intents_held')
  out.push({ kind: 'audit', record: approvalEntry('APPROVAL_REQUESTED', request) })
  out.push({ kind: 'tell', message: outcomeMessage(identityOf(intent), 'held') })
  return null
}

/** T1: done at once, and people hear of it (refactor 3.4). */
export function notify(
  state: EngineState,
  intent: PlaceIntent,
  decision: PolicyDecision & { readonly tier: ToldTier },
  at: At,
  out: Effect[],
): void {
  const request = ended(requestOf(state, intent, decision, at), 'NOTIFIED', '')
  noteEnded(state.approvals, request)
  out.push({ kind: 'audit', record: approvalEntry('ACTION_NOTIFIED', request) })
}

/** What has waited too long is over (refactor 5.3, AWAITING_APPROVAL). */
export function expireHeld(state: EngineState, at: At, out: Effect[]): void {
  for (const held of state.approvals.pending.values()) {
    if (at.tickMs < held.request.expiresTickMs) continue
    noteEnded(state.approvals, ended(held.request, 'EXPIRED', 'ran out'))
    out.push({ kind: 'audit', record: approvalEntry('APPROVAL_EXPIRED', held.request) })
    if ('intent' in held) refuseHeld(state, held, 'ApprovalExpired', out)
  }
}

/** Its strategy wants it no more, or is gone. @returns whether there was one */
export function withdrawHeld(
  state: EngineState,
  intentId: string,
  strategyId: string,
  out: Effect[],
): boolean {
  const held = state.approvals.pending.get(intentId)
  if (held === undefined || !('intent' in held)) return false
  if (held.intent.strategy_id !== strategyId) return false
  withdrawRequest(state, held.request, strategyId, out)
  out.push({ kind: 'tell', message: outcomeMessage(identityOf(held.intent), 'cancelled') })
  return true
}

/** Nobody needs to agree any more. */
export function withdrawRequest(
  state: EngineState,
  request: ApprovalRequest,
  by: string,
  out: Effect[],
): void {
  noteEnded(state.approvals, ended(request, 'WITHDRAWN', by))
  out.push({ kind: 'audit', record: approvalEntry('APPROVAL_WITHDRAWN', request) })
}

/** Nobody minds the intents of these strategies any more. */
export function withdrawUnminded(
  state: EngineState,
  strategyIds: readonly string[],
  out: Effect[],
): void {
  for (const held of state.approvals.pending.values()) {
    if (!('intent' in held)) continue
    const { intent_id: intentId, strategy_id: strategyId } = held.intent
    if (strategyIds.includes(strategyId)) withdrawHeld(state, intentId, strategyId, out)
  }
}

/** Tells the strategy, and whoever asks for an explanation, that nothing comes of it. */
export function refuseHeld(
  state: EngineState,
  { intent }: HeldIntent,
  reason: IntentDenialReason,
  out: Effect[],
): void {
  count(state, 'intents_denied')
  count(state, `denied_${reason}`)
  const message = outcomeMessage(identityOf(intent), 'denied', { reject_reason_code: reason })
  out.push({ kind: 'tell', message })
  const { intent_id: intentId } = intent
  out.push({ kind: 'decision-withheld', intentId, reason, refusedBy: 'Approval' })
}

/** Every word on a request leaves one, under the id of its intent. */
export function approvalEntry(
  action: string,
  { payload, grantedBy }: ApprovalRequest,
  fields: Readonly<Record<string, string>> = {},
): AuditRecord {
  return {
    action,
    subject: payload.strategy_id,
    correlationId: payload.request_id,
    fields: {
      tool: payload.tool,
      instrument: payload.instrument,
      tier: payload.tier,
      approvers_needed: String(approversNeeded[payload.tier]),
      rules: payload.rules.join(' '),
      granted_by: grantedBy.join(' '),
      ...fields,
    },
  }
}

export function identityOf(intent: PlaceIntent) {
  return { intentId: intent.intent_id, strategyId: intent.strategy_id }
}

function requestOf(
  state: EngineState,
  intent: PlaceIntent,
  { tier, tierRules, policyVersion }: PolicyDecision & { readonly tier: ToldTier },
  at: At,
): ApprovalRequest {
  const { policy, approvalMsMax } = state.config
  return {
    payload: {
      request_id: intent.intent_id,
      tool: 'submit_order',
      strategy_id: intent.strategy_id,
      instrument: intent.instrument,
      params: {
        side: intent.side,
        amount: intent.amount,
        limit_price: intent.limit_price ?? null,
        time_in_force: intent.time_in_force,
        post_only: intent.post_only,
        group_id: intent.group_id,
        leg_index: intent.leg_index,
      },
      tier,
      policy_version: policyVersion,
      rules: [...tierRules],
      created_ms: at.nowMs,
      expires_ms: at.nowMs + approvalMsMax,
    },
    state: 'PENDING',
    grantedBy: [],
    owners: policy.strategy_owners[intent.strategy_id] ?? [],
    expiresTickMs: at.tickMs + approvalMsMax,
    endedBy: '',
  }
}

/** What people are asked about a repair of our book; nobody stands behind its proposer. */
export function requestOfRepair(
  state: EngineState,
  proposal: {
    readonly repair: PositionRepair
    readonly drift: Drift
    readonly decision: PolicyDecision
    readonly requestId: string
    readonly tier: ToldTier
  },
  at: At,
): ApprovalRequest {
  const { repair, drift, decision, requestId, tier } = proposal
  const { approvalMsMax } = state.config
  return {
    payload: {
      request_id: requestId,
      tool: 'repair_position',
      strategy_id: 'recon',
      instrument: repair.instrument,
      params: {
        side: repair.side,
        steps: repair.steps,
        ours: drift.ours,
        theirs: drift.theirs,
        drift_pct: Number.isFinite(drift.pct) ? Number(drift.pct.toFixed(2)) : null,
      },
      tier,
      policy_version: decision.policyVersion,
      rules: [...decision.tierRules],
      created_ms: at.nowMs,
      expires_ms: at.nowMs + approvalMsMax,
    },
    state: 'PENDING',
    grantedBy: [],
    owners: [],
    expiresTickMs: at.tickMs + approvalMsMax,
    endedBy: '',
  }
}
