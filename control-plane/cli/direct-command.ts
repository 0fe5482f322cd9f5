import { setTimeout as delay } from 'node:timers/promises'
import { type CommandAck, commandAckSchema } from '@bulkhead/shared/contracts/commands.ts'
import { type WatcherId, watcherIds } from '@bulkhead/shared/contracts/components.ts'
import { redisKeys } from '@bulkhead/shared/contracts/redis-keys.ts'
import type { Stack } from '@bulkhead/shared/contracts/stack.ts'
import { type EpisodeView, safetyStatusSchema } from '@bulkhead/shared/contracts/status.ts'
import { fail, ok, type Result } from '@bulkhead/shared/kernel/result.ts'
import type { RedisLink } from '@bulkhead/shared/runtime/redis-link.ts'
import { systemClock } from '@bulkhead/shared/runtime/system-clock.ts'
import { openOperatorLink } from './redis-reader.ts'
import { type KeyFault, signWish, type Wish } from './signed-command.ts'

/** How long the safety plane is given to acknowledge, in milliseconds. */
const ackMsMax = 10_000
const ackPollMs = 20
/** Newest acknowledgements that are looked through. */
const ackReadMax = 100

export type DirectFault =
  | KeyFault
  | { readonly code: 'REDIS_UNREACHABLE' | 'COMMAND_TIMED_OUT'; readonly message: string }

/** A way to the safety plane that needs no control API; close it when done. */
export type DirectLine = {
  readonly send: (wish: Wish) => Promise<Result<CommandAck, DirectFault>>
  readonly readEpisode: () => Promise<EpisodeView | null>
  readonly close: () => void
}

/**
 * Opens the break-glass way: the same signed bytes as through the API go straight into the inbox of
 * the safety plane, which verifies signature, role, time and nonce itself (decision D-50).
 */
export async function openDirectLine(stack: Stack): Promise<Result<DirectLine, DirectFault>> {
  const opened = await openOperatorLink(stack)
  if (!opened.ok) return fail({ code: 'REDIS_UNREACHABLE', message: opened.failure })
  const link = opened.value
  return ok({
    send: (wish) => send(link, stack, wish),
    readEpisode: () => readEpisode(link),
    close: () => link.close(),
  })
}

async function send(
  link: RedisLink,
  stack: Stack,
  wish: Wish,
): Promise<Result<CommandAck, DirectFault>> {
  const signed = signWish(wish, stack.operator)
  if (!signed.ok) return signed
  const { commandId, envelope } = signed.value
  const watchers = watchersOf(stack)
  const pushed = await link.run((redis) =>
    Promise.all(watchers.map((id) => redis.rpush(redisKeys.commands(id), envelope))),
  )
  if (!pushed.ok) return fail({ code: 'REDIS_UNREACHABLE', message: pushed.failure.message })
  const deadlineTickMs = systemClock.monotonicMs() + ackMsMax
  while (systemClock.monotonicMs() < deadlineTickMs) {
    for (const watcher of watchers) {
      const ack = await findAck(link, watcher, commandId)
      if (ack !== undefined) return ok(ack)
    }
    await delay(ackPollMs)
  }
  const message = 'the safety plane did not acknowledge; it may still obey when it comes back'
  return fail({ code: 'COMMAND_TIMED_OUT', message })
}

/** Every dead-man switch of the stack: each verifies and obeys for itself (decision D-37). */
function watchersOf({ components }: Stack): readonly WatcherId[] {
  const isRunning = (id: WatcherId) => components.some(({ component }) => component === id)
  return watcherIds.filter((id) => id === watcherIds[0] || isRunning(id))
}

async function findAck(
  link: RedisLink,
  watcher: WatcherId,
  commandId: string,
): Promise<CommandAck | undefined> {
  const key = redisKeys.acks(watcher)
  const read = await link.run((redis) => redis.xrevrange(key, '+', '-', 'COUNT', ackReadMax))
  if (!read.ok) return undefined
  for (const [, fields] of read.value) {
    const pairs = Array.from({ length: fields.length / 2 }, (_, at) =>
      fields.slice(2 * at, 2 * at + 2),
    )
    const ack = commandAckSchema.safeParse(Object.fromEntries(pairs))
    if (ack.success && ack.data.command_id === commandId) return ack.data
  }
  return undefined
}

async function readEpisode(link: RedisLink): Promise<EpisodeView | null> {
  const key = redisKeys.status('dead_man_switch')
  const read = await link.run((redis) => redis.get(key))
  if (!read.ok || read.value === null) return null
  try {
    const status = safetyStatusSchema.safeParse(JSON.parse(read.value))
    return status.success ? status.data.episode : null
  } catch {
    return null
  }
}
