import type { PlaceIntent } from '@bulkhead/shared/contracts/intents.ts'
import { approvalsEndedMax } from '@bulkhead/shared/contracts/governed-actions.ts'
import type { PositionRepair } from '../recon/state.ts'
import type { ApprovalRequest } from './core.ts'

/** An intent that waits, and what is asked about it. */
export type HeldIntent = { readonly request: ApprovalRequest; readonly intent: PlaceIntent }

/** A repair of our book that waits. */
export type HeldRepair = { readonly request: ApprovalRequest; readonly repair: PositionRepair }
export type Held = HeldIntent | HeldRepair

export type ApprovalsState = {
  /** By id of the action, oldest first; at most `approvalsPendingMax`. */
  readonly pending: Map<string, Held>
  /** Newest first; for people who want to know what became of a request. */
  ended: readonly ApprovalRequest[]
}

export function createApprovalsState(): ApprovalsState {
  return { pending: new Map(), ended: [] }
}

/** Notes what is over; it waits no more. */
export function noteEnded(approvals: ApprovalsState, request: ApprovalRequest): void {
  approvals.pending.delete(request.payload.request_id)
  approvals.ended = [request, ...approvals.ended].slice(0, approvalsEndedMax)
}
