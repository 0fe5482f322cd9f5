import type { AuditRecord } from '@bulkhead/shared/contracts/audit-entry.ts'
import type { ApproveResetCommand, ResetCommand } from '@bulkhead/shared/contracts/commands.ts'
import type { CommandRefusal } from '@bulkhead/shared/contracts/reasons/command-refusals.ts'
import type { ResetView } from '@bulkhead/shared/contracts/status.ts'
import type { Clock } from '@bulkhead/shared/kernel/clock.ts'
import { obstaclesOf, type PendingReset, refuseApproval, refuseReset } from './core.ts'
import { executed, type Outcome, pending, refused } from './outcome.ts'
import type { KillSwitchControl } from './ports.ts'

export type ResetDeskOptions = {
  readonly control: KillSwitchControl
  /** Environments with real money need a second approver (decision D-20). */
  readonly needsApprover: boolean
  /** How long a request waits for its second signature. */
  readonly approvalMsMax: number
  readonly bootGraceMs: number
  /** Whether an operator may reset at this moment. */
  readonly authorize: (command: ResetCommand) => Promise<CommandRefusal | null>
  /** @returns false when neither Redis nor the disk took the entry */
  readonly audit: (record: AuditRecord) => Promise<boolean>
  readonly clock: Clock
}

type Waiting = {
  readonly request: PendingReset
  readonly command: ResetCommand
  /** Said in the audit log to be over; kept so that a late approval is told why it fails. */
  readonly isDropped: boolean
}

/** How old the answer of the exchange may be that the preview shows. */
const ordersFreshMs = 2_000

/**
 * Where kills are cleared: checks a request, keeps it until a second person has signed where that
 * is asked for, and tells what stands in the way. A request lives in memory only: a restart of the
 * safety plane voids it, and nothing is ever cleared by a signature that was given before.
 */
export class ResetDesk {
  readonly #options: ResetDeskOptions
  #waiting: Waiting | null = null
  #ordersResting: number | null = null
  #ordersReadTickMs = -Infinity
  #isReading = false

  constructor(options: ResetDeskOptions) {
    this.#options = options
  }

  /** A signed RESET of somebody who may. */
  async request(command: ResetCommand): Promise<Outcome> {
    const refusal = await this.#refuse(command.episode)
    if (refusal !== null) return refusal
    return this.#options.needsApprover ? this.#keep(command) : this.#clear(command, null)
  }

  /** A signed APPROVE_RESET of somebody who may. */
  async approve(approval: ApproveResetCommand): Promise<Outcome> {
    const waiting = this.#waiting
    const given = {
      episode: approval.episode,
      approves: approval.approves,
      operatorId: approval.operator_id,
    }
    const judge = () => {
      const { control, clock } = this.#options
      const request = waiting?.request ?? null
      return refuseApproval(request, given, control.generation, clock.monotonicMs())
    }
    const unfit = judge()
    if (unfit !== null) return refused(unfit)
    const { command } = waiting!
    const unauthorized = await this.#options.authorize(command)
    if (unauthorized !== null) return refused(unauthorized, 'whoever asked for it may not any more')
    const refusal = await this.#refuse(command.episode)
    if (refusal !== null) return refusal
    // Asking the exchange took time: another kill may have come, or the request run out.
    const late = judge()
    if (late !== null) return refused(late)
    this.#waiting = null
    return this.#clear(command, approval)
  }

  /** Lets a request go that ran out, and asks the exchange for the preview while a kill stands. */
  async refresh(): Promise<void> {
    const { control, clock } = this.#options
    await this.#expire()
    const isDue = clock.monotonicMs() - this.#ordersReadTickMs >= ordersFreshMs
    if (!control.isStanding || !isDue || this.#isReading) return
    this.#isReading = true
    this.#note((await control.resetFacts()).ordersResting)
    this.#isReading = false
  }

  /** What the status document shows; null while nothing is thrown. */
  view(): ResetView | null {
    const { control, needsApprover, bootGraceMs, clock } = this.#options
    const facts = control.factsWith(this.#ordersResting)
    if (facts.episode === null) return null
    const request = this.#waiting?.request
    const leftMs = request === undefined ? 0 : request.expiresTickMs - clock.monotonicMs()
    const isOpen = request !== undefined && leftMs > 0 && request.generation === facts.generation
    return {
      episode: facts.episode,
      obstacles: obstaclesOf(facts).map(({ code, detail }) => ({ code, detail })),
      needs_approver: needsApprover,
      pending: isOpen
        ? {
            command_id: request.commandId,
            operator_id: request.operatorId,
            expires_wall_ms: Math.round(clock.wallMs() + leftMs),
          }
        : null,
      boot_grace_ms: bootGraceMs,
    }
  }

  async #refuse(episode: string): Promise<Outcome | null> {
    const facts = await this.#options.control.resetFacts()
    this.#note(facts.ordersResting)
    const refusal = refuseReset(facts, episode)
    if (refusal === null) return null
    const detail = obstaclesOf(facts).map((found) => `${found.code} ${found.detail}`.trimEnd())
    return refused(refusal, refusal === 'EPISODE_UNCONFIRMED' ? detail.join('; ') : '')
  }

  #note(ordersResting: number | null): void {
    this.#ordersResting = ordersResting
    this.#ordersReadTickMs = this.#options.clock.monotonicMs()
  }

  async #keep(command: ResetCommand): Promise<Outcome> {
    const { control, clock, approvalMsMax, audit } = this.#options
    const request = {
      commandId: command.command_id,
      episode: command.episode,
      operatorId: command.operator_id,
      generation: control.generation,
      expiresTickMs: clock.monotonicMs() + approvalMsMax,
    }
    const waitS = String(approvalMsMax / 1_000)
    const fields = { command_id: command.command_id, reason: command.reason, wait_s: waitS }
    const isAudited = await audit(recordOf('RESET_REQUESTED', command, fields))
    if (!isAudited) return refused('AUDIT_UNAVAILABLE')
    this.#waiting = { request, command, isDropped: false }
    return pending(command.episode, `a second ADMIN must approve it within ${waitS} s`)
  }

  /** Re-arming adds risk, so it waits for its audit entry. */
  async #clear(command: ResetCommand, approval: ApproveResetCommand | null): Promise<Outcome> {
    const { control, audit } = this.#options
    const fields = {
      command_id: command.command_id,
      command: command.type,
      reason: command.reason,
      ...(approval === null
        ? {}
        : { approved_by: approval.operator_id, approval_command_id: approval.command_id }),
    }
    const isAudited = await audit(recordOf('RESET_INTENDED', command, fields))
    if (!isAudited) return refused('AUDIT_UNAVAILABLE')
    if (!control.reset(command.episode, command.operator_id)) return refused('EPISODE_IN_PROGRESS')
    this.#waiting = null
    await audit(recordOf('RESET_EXECUTED', command, fields))
    return executed(command.episode, 'reset to NORMAL')
  }

  async #expire(): Promise<void> {
    const waiting = this.#waiting
    if (waiting === null || waiting.isDropped) return
    const { clock, control, audit } = this.#options
    const isOver = clock.monotonicMs() >= waiting.request.expiresTickMs
    if (!isOver && waiting.request.generation === control.generation) return
    this.#waiting = { ...waiting, isDropped: true }
    const fields = {
      command_id: waiting.request.commandId,
      cause: isOver ? 'ran out' : 'the kill went on',
    }
    await audit(recordOf('RESET_REQUEST_DROPPED', waiting.command, fields))
  }
}

function recordOf(
  action: string,
  command: ResetCommand,
  fields: Readonly<Record<string, string>>,
): AuditRecord {
  return { action, subject: command.operator_id, correlationId: command.episode, fields }
}
