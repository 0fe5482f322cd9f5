import type { Clock } from '@bulkhead/shared/kernel/clock.ts'
import { fail, ok, type Result } from '@bulkhead/shared/kernel/result.ts'
import type { RedisLink } from '@bulkhead/shared/runtime/redis-link.ts'

/** Why a Redis is not fit to carry the safety of a desk, in the order of the checks. */
export const redisConfigFaults = [
  'REDIS_UNREACHABLE',
  'REDIS_REFUSED',
  'REDIS_NOT_APPENDING',
  'REDIS_NOT_SYNCING_ALWAYS',
  'REDIS_SNAPSHOTS',
  'REDIS_EVICTS',
  'REDIS_NOTIFICATIONS_OFF',
] as const
export type RedisConfigFault = (typeof redisConfigFaults)[number]

/**
 * Reads back the settings that safety rests on (design section 4): every write on the disk before
 * it is acknowledged, nothing evicted, notifications for string sets and list pushes.
 */
export async function checkRedisConfig(
  link: Pick<RedisLink, 'run'>,
): Promise<Result<void, readonly RedisConfigFault[]>> {
  const read = await link.run((redis) =>
    Promise.all(
      ['appendonly', 'appendfsync', 'save', 'maxmemory-policy', 'notify-keyspace-events'].map(
        async (name) => settingOf(await redis.config('GET', name)),
      ),
    ),
  )
  if (!read.ok) {
    return fail([read.failure.code === 'REDIS_REFUSED' ? 'REDIS_REFUSED' : 'REDIS_UNREACHABLE'])
  }
  const [appendonly, appendfsync, save, policy, events = ''] = read.value
  const faults: RedisConfigFault[] = []
  if (appendonly !== 'yes') faults.push('REDIS_NOT_APPENDING')
  if (appendfsync !== 'always') faults.push('REDIS_NOT_SYNCING_ALWAYS')
  if (save !== '') faults.push('REDIS_SNAPSHOTS')
  if (policy !== 'noeviction') faults.push('REDIS_EVICTS')
  const covers = (kind: string) => events.includes(kind) || events.includes('A')
  if (!events.includes('K') || !covers('$') || !covers('l')) faults.push('REDIS_NOTIFICATIONS_OFF')
  return faults.length === 0 ? ok(undefined) : fail(faults)
}

/**
 * Asks until the safety Redis answers: at the start of a host many things are slow at once, and one
 * question without an answer says nothing about how Redis is set up.
 *
 * @param waitMs how long to ask at most; a question under way is waited for
 */
export async function checkRedisWithin(
  link: Pick<RedisLink, 'run' | 'waitUntilReady'>,
  waitMs: number,
  clock: Clock,
): Promise<Result<void, readonly RedisConfigFault[]>> {
  const deadlineTickMs = clock.monotonicMs() + waitMs
  for (;;) {
    await link.waitUntilReady(Math.max(0, deadlineTickMs - clock.monotonicMs()))
    const checked = await checkRedisConfig(link)
    const isAnswered = checked.ok || !checked.failure.includes('REDIS_UNREACHABLE')
    if (isAnswered || clock.monotonicMs() >= deadlineTickMs) return checked
  }
}

/** CONFIG GET answers with a list or, over RESP3, with a map. */
function settingOf(reply: unknown): string | undefined {
  if (Array.isArray(reply)) return reply[1] === undefined ? undefined : String(reply[1])
  if (reply instanceof Map) return String([...reply.values()][0])
  if (typeof reply === 'object' && reply !== null) return String(Object.values(reply)[0])
  return undefined
}
