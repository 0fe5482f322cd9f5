import { setTimeout as delay } from 'node:timers/promises'
import {
  type Command,
  type CommandAck,
  commandAckSchema,
  operatorRecordSchema,
} from '@bulkhead/shared/contracts/commands.ts'
import { redisKeys } from '@bulkhead/shared/contracts/redis-keys.ts'
import type { Clock } from '@bulkhead/shared/kernel/clock.ts'
import type { RedisLink } from '@bulkhead/shared/runtime/redis-link.ts'
import { recordOfFields } from '@bulkhead/shared/runtime/stream-fields.ts'
import type { Delivery, GateStore } from './ports.ts'

/** Name under which this verifier keeps its nonces (D-30). */
const verifierName = 'control_api'
/** How often the acknowledgements are looked at while one is awaited, in milliseconds. */
const ackPollMs = 15
/** Acknowledgements read at one look. */
const ackBatch = 100

/** The gate's stores in the safety Redis. */
export class RedisGateStore implements GateStore {
  readonly #link: RedisLink
  readonly #clock: Clock
  readonly #nonceTtlS: number

  /** @param nonceTtlS life of a claimed nonce in seconds, longer than any acceptance window */
  constructor(link: RedisLink, clock: Clock, nonceTtlS: number) {
    this.#link = link
    this.#clock = clock
    this.#nonceTtlS = nonceTtlS
  }

  async claimNonce(nonce: string): Promise<'claimed' | 'used' | 'unavailable'> {
    const key = redisKeys.nonce(verifierName, nonce)
    const claimed = await this.#link.run((redis) =>
      redis.set(key, '1', 'EX', this.#nonceTtlS, 'NX'),
    )
    if (!claimed.ok) return 'unavailable'
    return claimed.value === 'OK' ? 'claimed' : 'used'
  }

  async readOperator(operatorId: string) {
    const read = await this.#link.run((redis) => redis.hgetall(redisKeys.rbacOperator(operatorId)))
    if (!read.ok) return 'unavailable'
    const record = operatorRecordSchema.safeParse(read.value)
    return record.success ? record.data : undefined
  }

  async deliver(command: Command, raw: string): Promise<Delivery> {
    const acks = redisKeys.acks(command.audience)
    const last = await this.#link.run((redis) => redis.xrevrange(acks, '+', '-', 'COUNT', 1))
    if (!last.ok) return { delivery: 'unavailable', after: '' }
    const after = last.value[0]?.[0] ?? '0-0'
    const inbox = redisKeys.commands(command.audience)
    const pushed = await this.#link.run((redis) => redis.rpush(inbox, raw))
    if (pushed.ok) return { delivery: 'pushed', after }
    const mayHaveArrived = pushed.failure.code === 'REDIS_TIMED_OUT'
    return { delivery: mayHaveArrived ? 'unknown' : 'unavailable', after }
  }

  async awaitAck(
    command: Command,
    after: string,
    timeoutMs: number,
  ): Promise<CommandAck | undefined> {
    const acks = redisKeys.acks(command.audience)
    const deadlineTickMs = this.#clock.monotonicMs() + timeoutMs
    let from = after
    for (;;) {
      const read = await this.#link.run((redis) =>
        redis.xrange(acks, `(${from}`, '+', 'COUNT', ackBatch),
      )
      for (const [id, fields] of read.ok ? read.value : []) {
        from = id
        const ack = commandAckSchema.safeParse(recordOfFields(fields))
        if (ack.success && ack.data.command_id === command.command_id) return ack.data
      }
      if (this.#clock.monotonicMs() >= deadlineTickMs) return undefined
      await delay(ackPollMs)
    }
  }
}
