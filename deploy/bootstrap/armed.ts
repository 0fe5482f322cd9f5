import type { WatcherId } from '@bulkhead/shared/contracts/components.ts'
import {
  killSwitchStateSchema,
  strongestSwitchState,
} from '@bulkhead/shared/contracts/kill-switch.ts'
import { redisKeys } from '@bulkhead/shared/contracts/redis-keys.ts'
import type { RedisLink } from '@bulkhead/shared/runtime/redis-link.ts'

/** Whether every watcher says NORMAL right now; a component that was killed waits for it. */
export async function isArmed(link: RedisLink, watchers: readonly WatcherId[]): Promise<boolean> {
  const read = await link.run((redis) =>
    Promise.all(watchers.map((id) => redis.hgetall(redisKeys.killSwitchStateOf(id)))),
  )
  if (!read.ok) return false
  const states = read.value.map((fields) => killSwitchStateSchema.safeParse(fields).data)
  return strongestSwitchState(states)?.mode === 'NORMAL'
}
