import type { ApprovalView } from '@bulkhead/shared/contracts/approvals.ts'
import type { Paint } from './output.ts'
import { timeText } from './render-status.ts'

/** One request in one line. */
export function approvalLine(view: ApprovalView, nowMs: number, paint: Paint): string {
  const { payload, state } = view
  const words = state === 'PENDING' ? paint('yellow', waits(view, nowMs)) : paint('dim', state)
  const what = `${payload.strategy_id} ${payload.tool} ${payload.instrument}`
  return `${payload.request_id}  ${payload.tier}  ${what} ${params(view)}  ${words}`
}

/** Everything that a person signs for, and what became of it. */
export function renderApproval(view: ApprovalView, nowMs: number, paint: Paint): string[] {
  const { payload } = view
  const isPending = view.state === 'PENDING'
  return [
    `request     ${payload.request_id}`,
    `what        ${payload.tool} ${payload.instrument} ${params(view)}`,
    `proposed    ${timeText(payload.created_ms)} by strategy ${payload.strategy_id}`,
    `asked by    ${payload.rules.join(', ')} of policy ${payload.policy_version}`,
    `tier        ${payload.tier}, ${view.approvers_needed} must agree`,
    `agreed      ${view.granted_by.join(', ') || 'nobody yet'}`,
    `may not     ${view.owners.join(', ') || 'nobody is named as its owner'}`,
    `hash        ${view.request_hash}`,
    isPending
      ? `state       ${paint('yellow', waits(view, nowMs))}`
      : `state       ${view.state} ${view.ended_by}`.trimEnd(),
  ]
}

function waits(
  { payload, granted_by: agreed, approvers_needed: needed }: ApprovalView,
  nowMs: number,
) {
  const leftS = Math.max(0, Math.round((payload.expires_ms - nowMs) / 1_000))
  return `waits for ${needed - agreed.length} more, ${leftS} s left`
}

function params({ payload }: ApprovalView): string {
  return Object.entries(payload.params)
    .filter(([, value]) => value !== null)
    .map(([name, value]) => `${name}=${String(value)}`)
    .join(' ')
}
