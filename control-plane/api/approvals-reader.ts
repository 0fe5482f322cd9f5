import { z } from 'zod'
import {
  approvalsDocumentSchema,
  approvalViewSchema,
} from '@bulkhead/shared/contracts/approvals.ts'
import {
  approvalsEndedMax,
  approvalsPendingMax,
} from '@bulkhead/shared/contracts/governed-actions.ts'
import { redisKeys } from '@bulkhead/shared/contracts/redis-keys.ts'
import { fail, ok, type Result } from '@bulkhead/shared/kernel/result.ts'
import type { RedisLink } from '@bulkhead/shared/runtime/redis-link.ts'

/** What waits for people, as the executor says it. */
export const approvalsReplySchema = z.strictObject({
  /** Nothing is known to wait then: what was held is gone with the executor (decision D-56). */
  executor_silent: z.boolean(),
  pending: z.array(approvalViewSchema).max(approvalsPendingMax),
  ended: z.array(approvalViewSchema).max(approvalsEndedMax),
})
export type ApprovalsReply = z.infer<typeof approvalsReplySchema>

const silent: ApprovalsReply = { executor_silent: true, pending: [], ended: [] }

/** A document that is missing or cannot be understood is never shown as `nothing waits`. */
export async function readApprovals(
  link: Pick<RedisLink, 'run'>,
): Promise<Result<ApprovalsReply, 'SAFETY_REDIS_UNREACHABLE'>> {
  const read = await link.run((redis) => redis.get(redisKeys.approvalRequests))
  if (!read.ok) return fail('SAFETY_REDIS_UNREACHABLE')
  const document = approvalsDocumentSchema.safeParse(jsonOf(read.value ?? ''))
  if (!document.success) return ok(silent)
  const { pending, ended } = document.data
  return ok({ executor_silent: false, pending, ended })
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
