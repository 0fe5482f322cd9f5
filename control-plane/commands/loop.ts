import {
  type Command,
  isApprovalCommand,
  permissionOf,
  rolePermissions,
} from '@bulkhead/shared/contracts/commands.ts'
import { type CommandActor, commandActors } from '@bulkhead/shared/contracts/components.ts'
import type { Clock } from '@bulkhead/shared/kernel/clock.ts'
import { hash } from 'node:crypto'
import type { AuditRecord } from '@bulkhead/shared/contracts/audit-entry.ts'
import type { CommandRefusal } from '@bulkhead/shared/contracts/reasons/command-refusals.ts'
import { fail, type Result } from '@bulkhead/shared/kernel/result.ts'
import type { AuditWriter } from '@bulkhead/shared/runtime/audit-writer.ts'
import {
  actorKey,
  type CommandWindow,
  verifyCommand,
} from '@bulkhead/shared/runtime/command-signing.ts'
import {
  type CommandOutcome,
  type GateEffect,
  type GateInput,
  gateStart,
  gateStep,
} from './core.ts'
import {
  dueSuppressed,
  type FloodLimits,
  type FloodState,
  floodStart,
  onRefusal,
} from './flood.core.ts'
import type { Operators } from './operators.ts'
import type { AckMarks, GateStore } from './ports.ts'

/** Refusals recorded one by one: a burst of 100, then 10 a second. */
const refusalLimits: FloodLimits = { burst: 100, perSecond: 10 }
/** Commands that may wait for their actor at one time; one more is refused. */
const inFlightMax = 32

export type CommandGateOptions = {
  readonly store: GateStore
  readonly operators: Operators
  readonly audit: Pick<AuditWriter, 'record'>
  readonly clock: Clock
  readonly window: CommandWindow
  /** How long an actor may take to acknowledge, in milliseconds. */
  readonly commandTimeoutMs: number
  readonly onOutcome: (outcome: CommandOutcome) => void
}

/** Runs one envelope at a time through the core and performs what the core asks for. */
export class CommandGate {
  readonly #options: CommandGateOptions
  #flood: FloodState
  #inFlight = 0

  constructor(options: CommandGateOptions) {
    this.#options = options
    this.#flood = floodStart(refusalLimits, options.clock.monotonicMs())
  }

  /**
   * Takes one envelope, exactly as it was received, through the gate.
   *
   * @param raw the body as text; never changed on its way to the actor
   * @returns how it ended; every end but an unbounded flood of refusals stands in the audit log
   */
  async submit(raw: string): Promise<CommandOutcome> {
    return this.#run(raw, this.#verify(raw))
  }

  /** Refuses a command that was not even read, such as one that is too large. */
  async refuse(reason: CommandRefusal): Promise<CommandOutcome> {
    return this.#run('', fail(reason))
  }

  async #run(raw: string, verification: Result<Command, CommandRefusal>): Promise<CommandOutcome> {
    let afterAckId: AckMarks = {}
    let step = gateStep(gateStart, { type: 'verified', verification })
    while (step.effect.type !== 'finish') {
      const { input, after } = await this.#perform(step.effect, raw, afterAckId)
      afterAckId = after
      step = gateStep(step.state, input)
    }
    const { outcome } = step.effect
    await this.#recordOutcome(outcome, raw)
    this.#options.onOutcome(outcome)
    return outcome
  }

  /** Records how many refusals were not recorded singly, when there is room again. */
  async tick(): Promise<void> {
    const due = dueSuppressed(this.#flood, refusalLimits, this.#options.clock.monotonicMs())
    this.#flood = due.state
    if (due.suppressed === 0) return
    await this.#options.audit.record({
      action: 'COMMAND_REFUSALS_SUPPRESSED',
      subject: 'control_api',
      correlationId: '',
      fields: { count: String(due.suppressed) },
    })
  }

  /** The signature says for whom a command is; until it holds, nothing else can say it. */
  #verify(raw: string): Result<Command, CommandRefusal> {
    const [first, ...others] = commandActors
    let verified = this.#verifyFor(raw, first)
    for (const actor of others) {
      if (!verified.ok && verified.failure === 'SIGNATURE_INVALID') {
        verified = this.#verifyFor(raw, actor)
      }
    }
    return verified
  }

  #verifyFor(raw: string, actor: CommandActor): Result<Command, CommandRefusal> {
    const { operators, clock, window } = this.#options
    const keyOf = (keyId: string) => {
      const key = operators.keyOf(keyId)
      return key === undefined ? undefined : actorKey(key, actor)
    }
    return verifyCommand(raw, keyOf, actor, clock.wallMs(), window)
  }

  async #perform(
    effect: Exclude<GateEffect, { type: 'finish' }>,
    raw: string,
    after: AckMarks,
  ): Promise<{ input: GateInput; after: AckMarks }> {
    const { store, operators, commandTimeoutMs } = this.#options
    const { command } = effect
    if (effect.type === 'claim_nonce') {
      return { input: { type: 'nonce', claim: await store.claimNonce(command.nonce) }, after }
    }
    if (effect.type === 'read_operator') {
      const record = await store.readOperator(command.operator_id)
      const provisioned = operators.provisioned(command.operator_id)
      const rights = { permission: permissionOf(command), matrix: rolePermissions }
      return { input: { type: 'operator', rights, provisioned, record }, after }
    }
    if (effect.type === 'record_accepted') {
      const recorded = await this.#options.audit.record(recordOf('COMMAND_ACCEPTED', effect))
      return { input: { type: 'recorded', isRecorded: recorded.ok }, after }
    }
    if (effect.type === 'deliver') {
      if (this.#inFlight >= inFlightMax) {
        return { input: { type: 'delivered', delivery: 'unavailable' }, after }
      }
      const delivered = await store.deliver(command, raw)
      return { input: { type: 'delivered', delivery: delivered.delivery }, after: delivered.after }
    }
    this.#inFlight += 1
    try {
      const ack = await store.awaitAck(command, after, commandTimeoutMs)
      return { input: { type: 'acknowledged', ack }, after }
    } finally {
      this.#inFlight -= 1
    }
  }

  async #recordOutcome(outcome: CommandOutcome, raw: string): Promise<void> {
    const { audit, clock } = this.#options
    if (outcome.isAudited || outcome.outcome !== 'REFUSED') {
      await audit.record(recordOf('COMMAND_OUTCOME', outcome))
      return
    }
    const flood = onRefusal(this.#flood, refusalLimits, clock.monotonicMs())
    this.#flood = flood.state
    if (!flood.decision.record) return
    const record = recordOf('COMMAND_REFUSED', outcome)
    const envelope = { envelope_sha256: hash('sha256', raw) }
    const suppressed = String(flood.decision.suppressed)
    await audit.record({ ...record, fields: { ...record.fields, ...envelope, suppressed } })
  }
}

/** Nothing of an envelope whose signature did not hold gets into the log but its hash. */
function recordOf(
  action: string,
  ended: Pick<CommandOutcome, 'command'> & Partial<CommandOutcome>,
): AuditRecord {
  const { command } = ended
  const outcome =
    ended.outcome === undefined
      ? {}
      : {
          outcome: ended.outcome,
          refusal: ended.reason ?? '',
          episode: ended.episode ?? '',
          detail: (ended.detail ?? '').slice(0, 1_024),
        }
  if (command === undefined) {
    return { action, subject: 'unverified', correlationId: '', fields: outcome }
  }
  return {
    action,
    subject: `operator:${command.operator_id}`,
    correlationId: command.command_id,
    fields: {
      ...outcome,
      command: command.type,
      audience: command.audience,
      key_version: String(command.key_version),
      ...targetOf(command),
      reason: command.reason,
    },
  }
}

function targetOf(command: Command): Readonly<Record<string, string>> {
  if (command.type === 'KILL') return { level: command.level }
  if (isApprovalCommand(command)) {
    const { request_id, request_hash, tier } = command
    return { request_id, request_hash, tier }
  }
  const approved = command.type === 'APPROVE_RESET' ? { approves: command.approves } : {}
  return { target_episode: command.episode, ...approved }
}
