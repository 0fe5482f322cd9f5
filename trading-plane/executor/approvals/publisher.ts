import type { ApprovalsDocument, ApprovalView } from '@bulkhead/shared/contracts/approvals.ts'
import { approversNeeded } from '@bulkhead/shared/contracts/governed-actions.ts'
import { redisKeys, statusTtlMs } from '@bulkhead/shared/contracts/redis-keys.ts'
import type { Clock } from '@bulkhead/shared/kernel/clock.ts'
import { approvalHash } from '@bulkhead/shared/runtime/approval-hash.ts'
import type { RedisLink } from '@bulkhead/shared/runtime/redis-link.ts'
import type { ApprovalRequest } from '../../engine/approvals/core.ts'
import type { EngineView } from '../../engine/engine.ts'

type Shown = Pick<EngineView, 'approvalsPending' | 'approvalsEnded'>

/** Shows people what is held back. It lives no longer than a status document. */
export async function publishApprovals(
  link: Pick<RedisLink, 'run'>,
  runId: string,
  clock: Clock,
  { approvalsPending, approvalsEnded }: Shown,
): Promise<void> {
  const document: ApprovalsDocument = {
    run_id: runId,
    wall_ms: clock.wallMs(),
    pending: approvalsPending.map(viewOf),
    ended: approvalsEnded.map(viewOf),
  }
  const text = JSON.stringify(document)
  await link.run((redis) => redis.set(redisKeys.approvalRequests, text, 'PX', statusTtlMs))
}

function viewOf({ payload, state, grantedBy, owners, endedBy }: ApprovalRequest): ApprovalView {
  return {
    payload,
    request_hash: approvalHash(payload),
    state,
    granted_by: [...grantedBy],
    approvers_needed: approversNeeded[payload.tier],
    owners: [...owners],
    ended_by: endedBy,
  }
}
