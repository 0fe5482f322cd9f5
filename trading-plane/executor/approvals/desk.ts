import type { AuditRecord } from '@bulkhead/shared/contracts/audit-entry.ts'
import {
  type ApprovalCommand,
  type CommandAck,
  operatorRecordSchema,
  type Permission,
  permissionOf,
  rolePermissions,
} from '@bulkhead/shared/contracts/commands.ts'
import type { CommandRefusal } from '@bulkhead/shared/contracts/reasons/command-refusals.ts'
import { redisKeys } from '@bulkhead/shared/contracts/redis-keys.ts'
import type { Clock } from '@bulkhead/shared/kernel/clock.ts'
import type { Result } from '@bulkhead/shared/kernel/result.ts'
import { approvalHash } from '@bulkhead/shared/runtime/approval-hash.ts'
import {
  type CommandWindow,
  keyIdOf,
  verifyCommand,
} from '@bulkhead/shared/runtime/command-signing.ts'
import type { Logger } from '@bulkhead/shared/runtime/log.ts'
import type { RedisLink } from '@bulkhead/shared/runtime/redis-link.ts'
import type { ApprovalDecision } from '../../engine/approvals/core.ts'
import type { At } from '../../engine/at.ts'
import type { Engine } from '../../engine/engine.ts'
import type { EngineEvent } from '../../engine/events.ts'
import type { Approvers } from './operators.ts'

/** Whose inbox, acknowledgements and nonces these are. */
const self = 'executor'
/** Words taken in one turn. */
const turnMax = 16
/** Outcomes kept for words that could not be acknowledged at once. */
const memoryMax = 256

export type ApprovalDeskPorts = {
  readonly link: Pick<RedisLink, 'run'>
  readonly approvers: Approvers
  readonly engine: Pick<Engine, 'heldRequest' | 'judgeApproval' | 'view'>
  readonly handle: (event: EngineEvent) => void
  readonly at: () => At
  readonly audit: { record(record: AuditRecord): Promise<Result<unknown, 'AUDIT_UNAVAILABLE'>> }
  readonly window: CommandWindow
  readonly clock: Clock
  readonly log: Pick<Logger, 'info' | 'warn'>
}

type Outcome = Pick<CommandAck, 'outcome' | 'detail'> & { readonly reason: CommandRefusal | '' }

const refused = (reason: CommandRefusal): Outcome => ({ outcome: 'REFUSED', reason, detail: '' })

/**
 * Takes people's words on held intents off the executor's inbox and obeys them after it checked
 * signature, window, nonce and role itself, whatever the control plane checked (design section 7).
 * A word counts only when it stands in the audit log or its spool first.
 */
export class ApprovalDesk {
  readonly #ports: ApprovalDeskPorts
  /** By nonce: taken up here, and how it ended where that could not be said yet. */
  readonly #memory = new Map<string, CommandAck | 'open'>()
  #isRunning = false

  constructor(ports: ApprovalDeskPorts) {
    this.#ports = ports
  }

  /** Works off what waits, one turn at a time. */
  async run(): Promise<void> {
    if (this.#isRunning) return
    this.#isRunning = true
    try {
      for (let at = 0; at < turnMax; at += 1) {
        const raw = await this.#next()
        if (raw === undefined || !(await this.#handle(raw))) return
      }
    } finally {
      this.#isRunning = false
    }
  }

  /** What an earlier turn, or an earlier run, left in work comes first. */
  async #next(): Promise<string | undefined> {
    const { link } = this.#ports
    const inWork = redisKeys.commandsInWork(self)
    const left = await link.run((redis) => redis.lrange(inWork, 0, 0))
    if (!left.ok) return undefined
    if (left.value[0] !== undefined) return left.value[0]
    const moved = await link.run((redis) =>
      redis.lmove(redisKeys.commands(self), inWork, 'LEFT', 'RIGHT'),
    )
    return moved.ok ? (moved.value ?? undefined) : undefined
  }

  /** @returns false when Redis was away: the word stays in work */
  async #handle(raw: string): Promise<boolean> {
    const { approvers, clock, window } = this.#ports
    const keyOf = (keyId: string) => {
      const approver = approvers.get(keyId)
      return approver === undefined ? undefined : Buffer.from(approver.key_hex, 'hex')
    }
    const verified = verifyCommand(raw, keyOf, self, clock.wallMs(), window)
    if (!verified.ok) {
      await this.#auditRefusal(undefined, verified.failure)
      return this.#settle(raw, this.#ackOf('', refused(verified.failure)))
    }
    const command = verified.value
    const known = this.#memory.get(command.nonce)
    if (known !== undefined && known !== 'open') return this.#finish(raw, command.nonce, known)
    const claimed = await this.#claim(command, known === 'open')
    const refusal = claimed === 'used' ? 'NONCE_REPLAYED' : await this.#refuseSigner(command)
    if (claimed === 'unavailable' || refusal === 'OPERATOR_STORE_UNAVAILABLE') return false
    const lapsed = refusal === null ? await this.#lapsed(command) : []
    if (lapsed === null) return false
    const outcome = refusal === null ? await this.#obey(command, lapsed) : refused(refusal)
    if (outcome.reason !== '') await this.#auditRefusal(command, outcome.reason)
    const ack = this.#ackOf(command.command_id, outcome)
    if (claimed === 'used') return this.#settle(raw, ack)
    this.#remember(command.nonce, ack)
    return this.#finish(raw, command.nonce, ack)
  }

  /** Once it is acknowledged the nonce alone remembers it: whoever brings it again replays it. */
  async #finish(raw: string, nonce: string, ack: CommandAck): Promise<boolean> {
    const isSettled = await this.#settle(raw, ack)
    if (isSettled) this.#memory.delete(nonce)
    return isSettled
  }

  /** A claim whose answer was lost is ours when it is asked for again. */
  async #claim(
    { nonce, command_id: commandId }: ApprovalCommand,
    isOurs: boolean,
  ): Promise<'claimed' | 'used' | 'unavailable'> {
    const { link, window } = this.#ports
    const lifeMs = window.ageMsMax + 2 * window.futureSkewMsMax + 60_000
    const key = redisKeys.nonce(self, nonce)
    const set = await link.run((redis) => redis.set(key, commandId, 'PX', lifeMs, 'NX'))
    if (!set.ok) {
      this.#remember(nonce, 'open')
      return 'unavailable'
    }
    return set.value === 'OK' || isOurs ? 'claimed' : 'used'
  }

  async #refuseSigner(command: ApprovalCommand): Promise<CommandRefusal | null> {
    const { operator_id: operatorId, key_version: keyVersion } = command
    if (!this.#ports.approvers.has(keyIdOf(operatorId, keyVersion))) return 'KEY_UNKNOWN'
    return this.#refuseByRole(operatorId, keyVersion, permissionOf(command))
  }

  /** @param keyVersion of the key that was signed with; null asks whether the person may at all */
  async #refuseByRole(
    operatorId: string,
    keyVersion: number | null,
    permission: Permission,
  ): Promise<CommandRefusal | null> {
    const { link, approvers } = this.#ports
    const key = redisKeys.rbacOperator(operatorId)
    const read = await link.run((redis) => redis.hgetall(key))
    if (!read.ok) return 'OPERATOR_STORE_UNAVAILABLE'
    const record = operatorRecordSchema.safeParse(read.value)
    // The registry can take rights away and give none (D-31); to agree adds risk, so it must speak.
    if (!record.success || record.data.state !== 'ACTIVE') return 'OPERATOR_INACTIVE'
    const current = Number(record.data.key_version)
    const approver = approvers.get(keyIdOf(operatorId, current))
    if (approver === undefined || (keyVersion ?? current) !== current) return 'OPERATOR_INACTIVE'
    const roles = [approver.role, record.data.role]
    const may = roles.every((role) => rolePermissions[role].includes(permission))
    return may ? null : 'PERMISSION_DENIED'
  }

  /**
   * Who agreed before and may not any more: every signature counts by the rights of its signer at
   * the moment of the last one.
   *
   * @returns null when the registry could not be asked
   */
  async #lapsed(command: ApprovalCommand): Promise<readonly string[] | null> {
    const held = this.#ports.engine.heldRequest(command.request_id)
    if (held === undefined || command.type !== 'GRANT') return []
    const lapsed: string[] = []
    for (const granter of held.grantedBy) {
      const refusal = await this.#refuseByRole(granter, null, permissionOf(command))
      if (refusal === 'OPERATOR_STORE_UNAVAILABLE') return null
      if (refusal !== null) lapsed.push(granter)
    }
    return lapsed
  }

  async #obey(command: ApprovalCommand, lapsed: readonly string[]): Promise<Outcome> {
    const { engine, handle, at, audit } = this.#ports
    const unfit = engine.judgeApproval(this.#decisionOf(command, lapsed), at())
    if (unfit !== null) return refused(unfit)
    const recorded = await audit.record(entryOf('APPROVAL_WORD_ACCEPTED', command))
    if (!recorded.ok) return refused('AUDIT_UNAVAILABLE')
    // To write it took time: what is held may be another by now, or gone.
    const decision = this.#decisionOf(command, lapsed)
    const late = engine.judgeApproval(decision, at())
    if (late !== null) return refused(late)
    handle({ kind: 'approval', decision })
    return this.#outcomeOf(decision)
  }

  #decisionOf(command: ApprovalCommand, lapsed: readonly string[]): ApprovalDecision {
    const held = this.#ports.engine.heldRequest(command.request_id)
    return {
      type: command.type,
      requestId: command.request_id,
      operatorId: command.operator_id,
      tier: command.tier,
      isBound: held !== undefined && approvalHash(held.payload) === command.request_hash,
      lapsed,
    }
  }

  #outcomeOf({ requestId }: ApprovalDecision): Outcome {
    const { engine, at } = this.#ports
    if (engine.heldRequest(requestId) !== undefined) {
      return { outcome: 'PENDING', reason: '', detail: 'it waits for one more person' }
    }
    const { approvalsEnded } = engine.view(at())
    const ended = approvalsEnded.find(({ payload }) => payload.request_id === requestId)
    const detail = `${ended?.state ?? ''} ${ended?.endedBy ?? ''}`.trim()
    return { outcome: 'EXECUTED', reason: '', detail }
  }

  #remember(nonce: string, what: CommandAck | 'open'): void {
    this.#memory.set(nonce, what)
    const [oldest] = this.#memory.keys()
    if (this.#memory.size > memoryMax && oldest !== undefined) this.#memory.delete(oldest)
  }

  async #auditRefusal(command: ApprovalCommand | undefined, reason: CommandRefusal): Promise<void> {
    const { audit, log } = this.#ports
    const operator = command?.operator_id ?? 'unverified'
    log.warn({ operator, request: command?.request_id, reason }, 'a word on an approval refused')
    await audit.record(
      command === undefined
        ? { action: 'COMMAND_REFUSED', subject: operator, correlationId: '', fields: { reason } }
        : entryOf('COMMAND_REFUSED', command, { refusal: reason }),
    )
  }

  #ackOf(commandId: string, outcome: Outcome): CommandAck {
    const atNs = this.#ports.clock.wallNs().toString()
    return { command_id: commandId, ...outcome, episode: '', at_ns: atNs }
  }

  /** Acknowledges, then lets go of it. */
  async #settle(raw: string, ack: CommandAck): Promise<boolean> {
    const { link } = this.#ports
    const fields = Object.entries(ack).flat()
    const added = await link.run((redis) => redis.xadd(redisKeys.acks(self), '*', ...fields))
    if (!added.ok) return false
    const removed = await link.run((redis) => redis.lrem(redisKeys.commandsInWork(self), 1, raw))
    return removed.ok
  }
}

/** Under the id of the request, so that everything about one intent is found by it. */
function entryOf(
  action: string,
  command: ApprovalCommand,
  more: Readonly<Record<string, string>> = {},
): AuditRecord {
  return {
    action,
    subject: `operator:${command.operator_id}`,
    correlationId: command.request_id,
    fields: {
      command_id: command.command_id,
      command: command.type,
      tier: command.tier,
      request_hash: command.request_hash,
      reason: command.reason,
      ...more,
    },
  }
}
