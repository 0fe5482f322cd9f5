import type { CommandRefusal } from '@bulkhead/shared/contracts/reasons/command-refusals.ts'
import { isHolding } from '@bulkhead/shared/contracts/governed-actions.ts'
import type { At } from '../at.ts'
import type { Effect } from '../effects.ts'
import { handleIntent } from '../intents/handle-intent.ts'
import type { Hash64 } from '../intents/label.ts'
import { applyRepair } from '../recon/repair.ts'
import type { EngineState } from '../state.ts'
import { type ApprovalDecision, decided, ended, isGranted, refuseDecision } from './core.ts'
import { approvalEntry, refuseHeld } from './hold.ts'
import { type Held, noteEnded } from './state.ts'

const actions = {
  GRANT: 'APPROVAL_GRANTED',
  DENY: 'APPROVAL_DENIED',
  ESCALATE: 'APPROVAL_ESCALATED',
} as const

/** Why a decision would not count now, or null. */
export function judgeApproval(
  state: EngineState,
  decision: ApprovalDecision,
  at: At,
): CommandRefusal | null {
  const held = state.approvals.pending.get(decision.requestId)
  return refuseDecision(held?.request, decision, at.tickMs)
}

/** Takes over what somebody signed; what has enough signatures goes on at once. */
export function takeApproval(
  state: EngineState,
  decision: ApprovalDecision,
  at: At,
  out: Effect[],
  hash64: Hash64,
): void {
  const held = state.approvals.pending.get(decision.requestId)
  if (held === undefined || refuseDecision(held.request, decision, at.tickMs) !== null) return
  const request = decided(held.request, decision)
  const { operatorId, lapsed } = decision
  const fallen = lapsed.length === 0 ? {} : { lapsed: lapsed.join(' ') }
  const by = { decided_by: operatorId, ...fallen }
  out.push({ kind: 'audit', record: approvalEntry(actions[decision.type], request, by) })
  if (request.state === 'DENIED') {
    noteEnded(state.approvals, request)
    if ('intent' in held) refuseHeld(state, held, 'ApprovalDenied', out)
    return
  }
  if (isGranted(request)) consume(state, { ...held, request }, at, out, hash64)
  else state.approvals.pending.set(decision.requestId, { ...held, request })
}

/**
 * Spends an approval: the intent goes through every gate again, once. It waits no more before it is
 * judged, so nothing can spend it twice.
 */
function consume(state: EngineState, held: Held, at: At, out: Effect[], hash64: Hash64): void {
  const { request } = held
  noteEnded(state.approvals, request)
  const outcome = goOn(state, held, at, out, hash64)
  const spent = ended(request, 'CONSUMED', outcome)
  state.approvals.ended = state.approvals.ended.map((one) => (one === request ? spent : one))
  out.push({ kind: 'audit', record: approvalEntry('APPROVAL_CONSUMED', spent, { outcome }) })
}

/** @returns what became of it, for people */
function goOn(state: EngineState, held: Held, at: At, out: Effect[], hash64: Hash64): string {
  const { tier, request_id: requestId } = held.request.payload
  if ('repair' in held) return applyRepair(state, held.repair, { requestId, tier }, at, out)
  const agreed = isHolding(tier) ? tier : null
  const result = handleIntent(state, held.intent, at, out, hash64, agreed)
  return result === 'permitted' ? 'went on' : `denied ${result}`
}
