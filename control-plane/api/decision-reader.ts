import { type DecisionRecord, decisionSchema } from '@bulkhead/shared/contracts/decisions.ts'
import { redisKeys } from '@bulkhead/shared/contracts/redis-keys.ts'
import { fail, ok, type Result } from '@bulkhead/shared/kernel/result.ts'
import type { RedisLink } from '@bulkhead/shared/runtime/redis-link.ts'

/**
 * What the executor still knows of one intent, oldest judgement first: one that is proposed a
 * second time is judged a second time. A record that does not parse is left out.
 */
export async function readDecisions(
  link: Pick<RedisLink, 'run'>,
  intentId: string,
): Promise<Result<DecisionRecord[], 'SAFETY_REDIS_UNREACHABLE'>> {
  const read = await link.run((redis) => redis.hgetall(redisKeys.decisions))
  if (!read.ok) return fail('SAFETY_REDIS_UNREACHABLE')
  const records = Object.values(read.value).flatMap((text) => recordOf(text) ?? [])
  const own = records.filter((record) => record.intent_id === intentId)
  return ok(own.toSorted((left, right) => left.decided_ms - right.decided_ms))
}

function recordOf(text: string): DecisionRecord | undefined {
  try {
    return decisionSchema.safeParse(JSON.parse(text)).data
  } catch {
    return undefined
  }
}
