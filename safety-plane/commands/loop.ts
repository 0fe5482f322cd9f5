import type { AuditRecord } from '@bulkhead/shared/contracts/audit-entry.ts'
import {
  type CommandAck,
  operatorRecordSchema,
  permissionOf,
  rolePermissions,
  type SafetyCommand,
} from '@bulkhead/shared/contracts/commands.ts'
import type { WatcherId } from '@bulkhead/shared/contracts/components.ts'
import type { CommandRefusal } from '@bulkhead/shared/contracts/reasons/command-refusals.ts'
import { redisKeys } from '@bulkhead/shared/contracts/redis-keys.ts'
import type { Clock } from '@bulkhead/shared/kernel/clock.ts'
import {
  type CommandWindow,
  keyIdOf,
  verifyCommand,
} from '@bulkhead/shared/runtime/command-signing.ts'
import type { Logger } from '@bulkhead/shared/runtime/log.ts'
import type { RedisLink } from '@bulkhead/shared/runtime/redis-link.ts'
import { refuseOperator } from './core.ts'
import type { CommandJournal, TakenCommand } from './journal.ts'
import type { Operators } from './operators.ts'
import { executed, type Outcome, refused } from './outcome.ts'
import type { KillSwitchControl } from './ports.ts'
import { ResetDesk } from './reset.ts'

export type CommandLoopOptions = {
  /** Whose inbox, acknowledgements and nonces these are. */
  readonly self: WatcherId
  readonly link: RedisLink
  readonly operators: Operators
  readonly journal: CommandJournal
  readonly control: KillSwitchControl
  readonly window: CommandWindow
  /** Environments with real money need a second approver for a reset (decision D-20). */
  readonly resetNeedsApprover: boolean
  /** How long a reset waits for its second signature. */
  readonly resetApprovalMsMax: number
  /** Only told: how long components have after a reset. */
  readonly bootGraceMs: number
  /** @returns false when neither Redis nor the disk took the entry */
  readonly audit: (record: AuditRecord) => Promise<boolean>
  readonly clock: Clock
  readonly log: Logger
}

/** Commands are addressed to the role, whichever watcher obeys (decision D-37). */
const audience = 'dead_man_switch'
/** Commands taken in one turn. */
const turnMax = 32

/**
 * Takes signed commands off the inbox and obeys them after checking signature, window, nonce and
 * role itself, whatever the control plane already checked. Each command is acknowledged once; one
 * that a crash interrupted is taken up again.
 */
export class CommandLoop {
  readonly #options: CommandLoopOptions
  readonly #desk: ResetDesk
  #isRunning = false
  #isWanted = false

  constructor(options: CommandLoopOptions) {
    this.#options = options
    this.#desk = new ResetDesk({
      ...options,
      needsApprover: options.resetNeedsApprover,
      approvalMsMax: options.resetApprovalMsMax,
      authorize: (command) => this.#refuseByRole(command),
    })
  }

  /** What a reset would clear and what stands in its way, kept fresh by whoever keeps house. */
  get resets(): Pick<ResetDesk, 'view' | 'refresh'> {
    return this.#desk
  }

  /** Works off everything that waits; requests during a turn are served by the next. */
  async run(): Promise<void> {
    this.#isWanted = true
    if (this.#isRunning) return
    this.#isRunning = true
    try {
      while (this.#isWanted) {
        this.#isWanted = false
        await this.#turn()
      }
    } finally {
      this.#isRunning = false
    }
  }

  async #turn(): Promise<void> {
    for (let at = 0; at < turnMax; at += 1) {
      const raw = await this.#next()
      if (raw === undefined) return
      const settled = await this.#handle(raw)
      if (!settled) return
    }
    this.#isWanted = true
  }

  /** What an earlier run left in work comes first. */
  async #next(): Promise<string | undefined> {
    const inWork = redisKeys.commandsInWork(this.#options.self)
    const left = await this.#options.link.run((redis) => redis.lrange(inWork, 0, 0))
    if (!left.ok) return undefined
    if (left.value[0] !== undefined) return left.value[0]
    const moved = await this.#options.link.run((redis) =>
      redis.lmove(redisKeys.commands(this.#options.self), inWork, 'LEFT', 'RIGHT'),
    )
    return moved.ok ? (moved.value ?? undefined) : undefined
  }

  /** @returns false when Redis did not take the outcome: the command stays in work */
  async #handle(raw: string): Promise<boolean> {
    const { clock, operators, window } = this.#options
    const keyOf = (keyId: string) => {
      const operator = operators.get(keyId)
      return operator === undefined ? undefined : Buffer.from(operator.key_hex, 'hex')
    }
    const verified = verifyCommand(raw, keyOf, audience, clock.wallMs(), window)
    if (!verified.ok) {
      await this.#auditRefusal('', 'unverified', verified.failure)
      return this.#settle(raw, this.#ackOf('', refused(verified.failure)))
    }
    return this.#obey(raw, verified.value)
  }

  async #obey(raw: string, command: SafetyCommand): Promise<boolean> {
    const { journal, clock, window, link, control } = this.#options
    const memory = journal.find(command.nonce)
    if (memory.kind === 'spent') return this.#refuseReplay(raw, command)
    // A crash came between the outcome and its acknowledgement: nothing is done twice.
    if (memory.kind === 'settled') return this.#acknowledge(raw, command.nonce, memory.ack)
    const lifeMs = window.ageMsMax + 2 * window.futureSkewMsMax + 60_000
    const nowMs = clock.wallMs()
    const taken = {
      commandId: command.command_id,
      expiresWallMs: nowMs + lifeMs,
      generation: memory.kind === 'open' ? memory.generation : control.generation,
    }
    this.#note(() => journal.open(command.nonce, taken, nowMs))
    const key = redisKeys.nonce(this.#options.self, command.nonce)
    const claimed = await link.run((redis) =>
      redis.set(key, command.command_id, 'PX', lifeMs, 'NX'),
    )
    if (!claimed.ok) return false
    const isFirst = claimed.value === 'OK' || memory.kind === 'open'
    if (!isFirst) return this.#refuseReplay(raw, command)
    const refusal = await this.#refuseByRole(command)
    if (refusal === 'ACTOR_UNAVAILABLE') return false
    const outcome = refusal === null ? await this.#execute(command, taken) : refused(refusal)
    return this.#finish(raw, command, outcome)
  }

  /** A replay leaves the memory of the first delivery as it is. */
  async #refuseReplay(raw: string, command: SafetyCommand): Promise<boolean> {
    await this.#auditRefusal(command.command_id, command.operator_id, 'NONCE_REPLAYED')
    return this.#settle(raw, this.#ackOf(command.command_id, refused('NONCE_REPLAYED')))
  }

  async #refuseByRole(command: SafetyCommand): Promise<CommandRefusal | null> {
    const { operators, link } = this.#options
    const operator = operators.get(keyIdOf(command.operator_id, command.key_version))
    if (operator === undefined) return 'KEY_UNKNOWN'
    const key = redisKeys.rbacOperator(command.operator_id)
    const read = await link.run((redis) => redis.hgetall(key))
    if (!read.ok) return 'ACTOR_UNAVAILABLE'
    const isAbsent = Object.keys(read.value).length === 0
    const parsed = operatorRecordSchema.safeParse(read.value)
    const facts = {
      provisionedRole: operator.role,
      keyVersion: operator.key_version,
      registered: isAbsent ? null : parsed.success ? parsed.data : ('unreadable' as const),
    }
    return refuseOperator(facts, permissionOf(command), rolePermissions)
  }

  async #execute(command: SafetyCommand, taken: TakenCommand): Promise<Outcome> {
    if (command.type === 'RESET') return this.#desk.request(command)
    if (command.type === 'APPROVE_RESET') return this.#desk.approve(command)
    const episode = this.#options.control.kill(command, taken.generation)
    await this.#options.audit(auditOf('COMMAND_EXECUTED', command, episode))
    return executed(episode, `kill ${command.level} is under way`)
  }

  async #finish(raw: string, command: SafetyCommand, outcome: Outcome): Promise<boolean> {
    const ack = this.#ackOf(command.command_id, outcome)
    if (outcome.outcome === 'REFUSED') {
      const reason = outcome.reason as CommandRefusal
      await this.#auditRefusal(command.command_id, command.operator_id, reason)
    }
    this.#note(() => this.#options.journal.settle(command.nonce, ack))
    return this.#acknowledge(raw, command.nonce, ack)
  }

  async #acknowledge(raw: string, nonce: string, ack: CommandAck): Promise<boolean> {
    if (!(await this.#settle(raw, ack))) return false
    this.#note(() => this.#options.journal.acknowledge(nonce))
    return true
  }

  /** A disk that takes nothing must not stand between an operator and a kill. */
  #note(write: () => void): void {
    try {
      write()
    } catch (error) {
      this.#options.log.error({ err: error }, 'the command journal could not be written')
    }
  }

  async #auditRefusal(commandId: string, operator: string, reason: CommandRefusal): Promise<void> {
    this.#options.log.warn({ command_id: commandId, operator, reason }, 'command refused')
    await this.#options.audit({
      action: 'COMMAND_REFUSED',
      subject: operator,
      correlationId: commandId,
      fields: { reason },
    })
  }

  #ackOf(commandId: string, outcome: Outcome): CommandAck {
    return { command_id: commandId, ...outcome, at_ns: this.#options.clock.wallNs().toString() }
  }

  /** Acknowledges, then lets go of the command. */
  async #settle(raw: string, ack: CommandAck): Promise<boolean> {
    const { link } = this.#options
    const fields = Object.entries(ack).flat()
    const added = await link.run((redis) =>
      redis.xadd(redisKeys.acks(this.#options.self), '*', ...fields),
    )
    if (!added.ok) return false
    const removed = await link.run((redis) =>
      redis.lrem(redisKeys.commandsInWork(this.#options.self), 1, raw),
    )
    return removed.ok
  }
}

function auditOf(action: string, command: SafetyCommand, episode: string): AuditRecord {
  return {
    action,
    subject: command.operator_id,
    correlationId: episode,
    fields: {
      command_id: command.command_id,
      command: command.type,
      level: command.type === 'KILL' ? command.level : '',
      reason: command.reason,
    },
  }
}
