import type { ApprovalPayload, ApprovalState } from '@bulkhead/shared/contracts/approvals.ts'
import {
  approversNeeded,
  type HoldingTier,
  isHigherTier,
} from '@bulkhead/shared/contracts/governed-actions.ts'
import type { CommandRefusal } from '@bulkhead/shared/contracts/reasons/command-refusals.ts'

/** A request for approval, with what decides about it. */
export type ApprovalRequest = {
  readonly payload: ApprovalPayload
  readonly state: ApprovalState
  /** Different people who agreed so far. */
  readonly grantedBy: readonly string[]
  /** People behind the proposer; they may deny and not agree. */
  readonly owners: readonly string[]
  /** By our monotonic clock; `expires_ms` of the payload is for people. */
  readonly expiresTickMs: number
  readonly endedBy: string
}

/** What one person signed about a request. */
export type ApprovalDecision = {
  readonly type: 'GRANT' | 'DENY' | 'ESCALATE'
  readonly requestId: string
  readonly operatorId: string
  readonly tier: HoldingTier
  /** Whether the hash that was signed is that of the payload as it is held now. */
  readonly isBound: boolean
  /** People who agreed before and may not any more: their word falls with their right. */
  readonly lapsed: readonly string[]
}

/**
 * Why a decision does not count, or null. The signer's signature, role, time and nonce were checked
 * before; this is about the request itself (refactor 3.4, B13, B14).
 */
export function refuseDecision(
  request: ApprovalRequest | undefined,
  decision: ApprovalDecision,
  tickMs: number,
): CommandRefusal | null {
  if (request === undefined || request.state !== 'PENDING') return 'NO_REQUEST_TO_DECIDE'
  if (tickMs >= request.expiresTickMs) return 'APPROVAL_EXPIRED'
  if (!decision.isBound) return 'REQUEST_MISMATCH'
  const { tier, strategy_id: proposer } = request.payload
  if (decision.type === 'ESCALATE') {
    return isHigherTier(decision.tier, tier) ? null : 'TIER_NOT_HIGHER'
  }
  if (decision.tier !== tier) return 'TIER_MISMATCH'
  if (decision.type === 'DENY') return null
  const { operatorId } = decision
  if (operatorId === proposer || request.owners.includes(operatorId)) return 'SELF_APPROVAL'
  return request.grantedBy.includes(operatorId) ? 'GRANTED_ALREADY' : null
}

/**
 * A request after a decision that `refuseDecision` let pass. What was agreed to at a lower tier
 * does not count at a higher one: its payload, and so its hash, is another.
 */
export function decided(request: ApprovalRequest, decision: ApprovalDecision): ApprovalRequest {
  const { operatorId, tier } = decision
  if (decision.type === 'DENY') return ended(request, 'DENIED', operatorId)
  if (decision.type === 'ESCALATE') {
    return { ...request, payload: { ...request.payload, tier }, grantedBy: [] }
  }
  const stillValid = request.grantedBy.filter((granter) => !decision.lapsed.includes(granter))
  return { ...request, grantedBy: [...stillValid, operatorId] }
}

/** Whether as many people agreed as its tier asks for. */
export function isGranted({ state, payload, grantedBy }: ApprovalRequest): boolean {
  return state === 'PENDING' && grantedBy.length >= approversNeeded[payload.tier]
}

/** A request that is over; it never comes back. */
export function ended(
  request: ApprovalRequest,
  state: Exclude<ApprovalState, 'PENDING'>,
  endedBy: string,
): ApprovalRequest {
  return { ...request, state, endedBy }
}
