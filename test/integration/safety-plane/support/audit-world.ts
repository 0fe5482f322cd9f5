import { type KeyObject, randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { redisKeys } from '@bulkhead/shared/contracts/redis-keys.ts'
import type { Clock } from '@bulkhead/shared/kernel/clock.ts'
import { chainStart, nextEntry } from '@bulkhead/shared/runtime/audit-chain.ts'
import { AuditWriter } from '@bulkhead/shared/runtime/audit-writer.ts'
import { createLogger } from '@bulkhead/shared/runtime/log.ts'
import type { RedisLink } from '@bulkhead/shared/runtime/redis-link.ts'
import { recordOfFields } from '@bulkhead/shared/runtime/stream-fields.ts'
import { systemClock } from '@bulkhead/shared/runtime/system-clock.ts'
import { AuditDrain } from '@bulkhead/safety-plane/audit/loop.ts'
import { SealFile } from '@bulkhead/safety-plane/audit/seals.ts'
import type { TestRedis } from '../../../support/redis.ts'

/** Lines of one chain, in order. */
export function chainOf(
  writer: string,
  count: number,
  chain: string = randomUUID(),
  detail = '',
): string[] {
  let head = chainStart
  return Array.from({ length: count }, (_, at) => {
    const record = {
      action: 'TESTED',
      subject: String(at + 1),
      correlationId: '',
      fields: { detail },
    }
    const entry = nextEntry(head, writer, chain, BigInt(at + 1), record)
    head = { seq: Number(entry.seq), hash: entry.hash }
    return JSON.stringify(entry)
  })
}

/** A drain as a fresh run of the safety plane would have it. */
export function createDrain(
  redis: TestRedis,
  link: RedisLink,
  clock: Clock = systemClock,
  sealKey: KeyObject | null = null,
): AuditDrain {
  const component = 'dead_man_switch'
  const spoolFile = redis.layout.auditSpoolFile(component)
  return new AuditDrain({
    link,
    writer: new AuditWriter({ link, component, chain: randomUUID(), clock, spoolFile }),
    components: ['executor', 'orchestrator', component],
    seals: new SealFile(redis.layout.auditHeadsFile, sealKey),
    clock,
    log: createLogger('test', { file: join(redis.home, 'test.log') }),
  })
}

/** Pushes lines to an inbox, two hundred at a time. */
export async function pushTo(
  link: RedisLink,
  component: string,
  lines: readonly string[],
): Promise<void> {
  for (let at = 0; at < lines.length; at += 200) {
    const pushed = await link.run((redis) =>
      redis.rpush(redisKeys.auditInbox(component), ...lines.slice(at, at + 200)),
    )
    if (!pushed.ok) throw new Error(pushed.failure.message)
  }
}

/** The log as it stands. */
export async function loggedEntries(link: RedisLink): Promise<Record<string, string>[]> {
  const read = await link.run((redis) => redis.xrange(redisKeys.auditLog, '-', '+'))
  if (!read.ok) throw new Error(read.failure.message)
  return read.value.map(([, fields]) => recordOfFields(fields))
}
