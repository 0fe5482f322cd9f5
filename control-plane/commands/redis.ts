import { setTimeout as delay } from 'node:timers/promises'
import {
  type Command,
  type CommandAck,
  commandAckSchema,
  operatorRecordSchema,
} from '@bulkhead/shared/contracts/commands.ts'
import { type WatcherId, watcherIds } from '@bulkhead/shared/contracts/components.ts'
import { redisKeys } from '@bulkhead/shared/contracts/redis-keys.ts'
import type { Clock } from '@bulkhead/shared/kernel/clock.ts'
import type { RedisLink } from '@bulkhead/shared/runtime/redis-link.ts'
import { recordOfFields } from '@bulkhead/shared/runtime/stream-fields.ts'
import { combineAcks } from './acks.core.ts'
import type { AckMarks, Delivery, GateStore } from './ports.ts'

/** Name under which this verifier keeps its nonces (D-30). */
const verifierName = 'control_api'
/** How often the acknowledgements are looked at while one is awaited, in milliseconds. */
const ackPollMs = 15
/** How long the answer of one watcher waits for that of the other, in milliseconds. */
const otherWatcherMsMax = 3_000
/** Acknowledgements read at one look. */
const ackBatch = 100

/** The gate's stores in the safety Redis. */
export class RedisGateStore implements GateStore {
  readonly #watchers: readonly WatcherId[]
  readonly #link: RedisLink
  readonly #clock: Clock
  readonly #nonceTtlS: number

  /**
   * @param nonceTtlS life of a claimed nonce in seconds, longer than any acceptance window
   * @param watchers every dead-man switch of the desk
   */
  constructor(
    link: RedisLink,
    clock: Clock,
    nonceTtlS: number,
    watchers: readonly WatcherId[] = [watcherIds[0]],
  ) {
    this.#watchers = watchers
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

  /** A command for the safety plane goes to every watcher: each checks and obeys for itself. */
  async deliver(command: Command, raw: string): Promise<Delivery> {
    const actors = this.#actorsOf(command)
    const last = await this.#link.run((redis) =>
      Promise.all(actors.map((id) => redis.xrevrange(redisKeys.acks(id), '+', '-', 'COUNT', 1))),
    )
    if (!last.ok) return { delivery: 'unavailable', after: {} }
    const marks = actors.map((id, at) => [id, last.value[at]?.[0]?.[0] ?? '0-0'] as const)
    const after = Object.fromEntries(marks)
    const pushes = await Promise.all(
      actors.map((id) => this.#link.run((redis) => redis.rpush(redisKeys.commands(id), raw))),
    )
    if (pushes.some(({ ok }) => ok)) return { delivery: 'pushed', after }
    const mayHaveArrived = pushes.some(
      (push) => !push.ok && push.failure.code === 'REDIS_TIMED_OUT',
    )
    return { delivery: mayHaveArrived ? 'unknown' : 'unavailable', after }
  }

  async awaitAck(
    command: Command,
    after: AckMarks,
    timeoutMs: number,
  ): Promise<CommandAck | undefined> {
    const actors = this.#actorsOf(command)
    const startTickMs = this.#clock.monotonicMs()
    const from = { ...after }
    const answers = new Map<string, { readonly ack: CommandAck; readonly tickMs: number }>()
    for (;;) {
      for (const id of actors) {
        if (answers.has(id)) continue
        const ack = await this.#nextAck(id, command.command_id, from)
        if (ack !== undefined) answers.set(id, { ack, tickMs: this.#clock.monotonicMs() })
      }
      const nowTickMs = this.#clock.monotonicMs()
      const firstTickMs = Math.min(...[...answers.values()].map(({ tickMs }) => tickMs))
      const isOver = nowTickMs - startTickMs >= timeoutMs
      const isLate = isOver || nowTickMs - firstTickMs >= otherWatcherMsMax
      const acks = actors.map((watcher) => ({ watcher, ack: answers.get(watcher)?.ack }))
      const combined = combineAcks(command.type, acks, isLate)
      if (combined !== undefined || isOver) return combined
      await delay(ackPollMs)
    }
  }

  #actorsOf(command: Command): readonly string[] {
    return command.audience === 'dead_man_switch' ? this.#watchers : [command.audience]
  }

  async #nextAck(
    actor: string,
    commandId: string,
    from: Record<string, string>,
  ): Promise<CommandAck | undefined> {
    const start = `(${from[actor] ?? '0-0'}`
    const read = await this.#link.run((redis) =>
      redis.xrange(redisKeys.acks(actor), start, '+', 'COUNT', ackBatch),
    )
    for (const [id, fields] of read.ok ? read.value : []) {
      from[actor] = id
      const ack = commandAckSchema.safeParse(recordOfFields(fields))
      if (ack.success && ack.data.command_id === commandId) return ack.data
    }
    return undefined
  }
}
