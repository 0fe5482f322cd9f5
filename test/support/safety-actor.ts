import type { Command, CommandAck, CommandEnvelope } from '@bulkhead/shared/contracts/commands.ts'
import { redisKeys } from '@bulkhead/shared/contracts/redis-keys.ts'
import { nsTextFromMs } from '@bulkhead/shared/kernel/units.ts'
import type { RedisLink } from '@bulkhead/shared/runtime/redis-link.ts'
import type { TestRedis } from './redis.ts'

/** What the actor answers; null lets the command go unanswered. */
export type Answer = Partial<CommandAck> | null

export type SafetyActor = {
  /** Envelopes in the order in which they were obeyed, exactly as they stood in the inbox. */
  readonly received: readonly string[]
  readonly stop: () => Promise<void>
}

/**
 * Stands in for the safety plane on a real Redis, as its own ACL user: drains the command inbox and
 * acknowledges, and moves audit entries of the control API from their inbox into the log.
 */
export async function startSafetyActor(
  redis: TestRedis,
  answer: (command: Command) => Answer = () => ({}),
): Promise<SafetyActor> {
  const link = await redis.link('safety')
  const received: string[] = []
  const stopping = new AbortController()
  const run = async () => {
    while (!stopping.signal.aborted) {
      const moved = (await drainCommands(link, received, answer)) || (await drainAudit(link))
      if (!moved) await new Promise((resolve) => setTimeout(resolve, 5))
    }
  }
  const running = run()
  return {
    received,
    stop: async () => {
      stopping.abort()
      await running
    },
  }
}

async function drainCommands(
  link: RedisLink,
  received: string[],
  answer: (command: Command) => Answer,
): Promise<boolean> {
  const inbox = redisKeys.commands('dead_man_switch')
  const work = redisKeys.commandsInWork('dead_man_switch')
  const moved = await link.run((redis) => redis.lmove(inbox, work, 'LEFT', 'RIGHT'))
  if (!moved.ok || moved.value === null) return false
  const raw = moved.value
  received.push(raw)
  const envelope = JSON.parse(raw) as CommandEnvelope
  const command = JSON.parse(Buffer.from(envelope.payload, 'base64').toString()) as Command
  const answered = answer(command)
  if (answered !== null) {
    const ack = {
      command_id: command.command_id,
      outcome: 'EXECUTED',
      reason: '',
      episode: 'episode-1',
      detail: '',
      at_ns: nsTextFromMs(Date.now()),
      ...answered,
    }
    await link.run((redis) => redis.xadd(redisKeys.acks('dead_man_switch'), '*', ...flat(ack)))
  }
  await link.run((redis) => redis.lrem(work, 1, raw))
  return true
}

async function drainAudit(link: RedisLink): Promise<boolean> {
  const inbox = redisKeys.auditInbox('control_api')
  const work = redisKeys.auditInWork('control_api')
  const moved = await link.run((redis) => redis.lmove(inbox, work, 'LEFT', 'RIGHT'))
  if (!moved.ok || moved.value === null) return false
  const line = moved.value
  const entry = JSON.parse(line) as Record<string, string>
  await link.run((redis) => redis.xadd(redisKeys.auditLog, '*', ...flat(entry)))
  await link.run((redis) => redis.lrem(work, 1, line))
  return true
}

const flat = (record: Readonly<Record<string, string>>): string[] => Object.entries(record).flat()
