import {
  commandRefusals,
  type CommandRefusal,
} from '@bulkhead/shared/contracts/reasons/command-refusals.ts'
import type { Command, CommandAck, OperatorRecord } from '@bulkhead/shared/contracts/commands.ts'
import { assert } from '@bulkhead/shared/kernel/assert.ts'
import type { Result } from '@bulkhead/shared/kernel/result.ts'
import { authorize, type Provisioned, type Rights } from './checks.ts'

/** Where a command stands on its way through the gate; the order is the order of the checks. */
export type GateState =
  | { readonly stage: 'verifying' }
  | { readonly stage: 'claiming_nonce'; readonly command: Command }
  | { readonly stage: 'reading_operator'; readonly command: Command }
  | { readonly stage: 'recording'; readonly command: Command }
  | { readonly stage: 'delivering'; readonly command: Command; readonly isAudited: boolean }
  | { readonly stage: 'awaiting_ack'; readonly command: Command; readonly isAudited: boolean }
  | { readonly stage: 'done' }

/** What the loop learned since the last step. */
export type GateInput =
  | { readonly type: 'verified'; readonly verification: Result<Command, CommandRefusal> }
  | { readonly type: 'nonce'; readonly claim: 'claimed' | 'used' | 'unavailable' }
  | {
      readonly type: 'operator'
      readonly rights: Rights
      readonly provisioned: Provisioned | undefined
      readonly record: OperatorRecord | undefined | 'unavailable'
    }
  | { readonly type: 'recorded'; readonly isRecorded: boolean }
  | { readonly type: 'delivered'; readonly delivery: 'pushed' | 'unknown' | 'unavailable' }
  | { readonly type: 'acknowledged'; readonly ack: CommandAck | undefined }

/** What the loop must do next. It performs one effect at a time and feeds the result back. */
export type GateEffect =
  | { readonly type: 'claim_nonce'; readonly command: Command }
  | { readonly type: 'read_operator'; readonly command: Command }
  /** Must have returned before `deliver` is performed: nothing is sent unrecorded. */
  | { readonly type: 'record_accepted'; readonly command: Command }
  | { readonly type: 'deliver'; readonly command: Command }
  | { readonly type: 'await_ack'; readonly command: Command }
  | { readonly type: 'finish'; readonly outcome: CommandOutcome }

/** How a command ended, as the caller and the audit log see it. */
export type CommandOutcome = {
  /**
   * PENDING: kept by the actor until a second person signs. UNKNOWN: delivered, but no
   * acknowledgement came in time; it may still be obeyed.
   */
  readonly outcome: 'EXECUTED' | 'PENDING' | 'REFUSED' | 'FAILED' | 'UNKNOWN'
  readonly reason: CommandRefusal | ''
  /** Undefined as long as nothing of the payload may be believed. */
  readonly command: Command | undefined
  /** Episode that the command started, joined or cleared; empty when none. */
  readonly episode: string
  readonly detail: string
  /** Whether COMMAND_ACCEPTED stands in the audit log or its spool. */
  readonly isAudited: boolean
}

export type GateStep = { readonly state: GateState; readonly effect: GateEffect }

export const gateStart: GateState = { stage: 'verifying' }

/**
 * One step of the command gate (design section 7): signature and window, nonce, RBAC, audit,
 * execute, outcome. Each stage accepts exactly one kind of input; anything else is a broken loop.
 */
export function gateStep(state: GateState, input: GateInput): GateStep {
  if (state.stage === 'verifying' && input.type === 'verified') {
    if (!input.verification.ok) return refuse(undefined, input.verification.failure)
    const command = input.verification.value
    return go({ stage: 'claiming_nonce', command }, { type: 'claim_nonce', command })
  }
  if (state.stage === 'claiming_nonce' && input.type === 'nonce') {
    return afterNonce(state.command, input.claim)
  }
  if (state.stage === 'reading_operator' && input.type === 'operator') {
    const { command } = state
    if (input.record === 'unavailable') return refuse(command, 'OPERATOR_STORE_UNAVAILABLE')
    const authorized = authorize(command, input.rights, input.provisioned, input.record)
    if (!authorized.ok) return refuse(command, authorized.failure)
    return go({ stage: 'recording', command }, { type: 'record_accepted', command })
  }
  if (state.stage === 'recording' && input.type === 'recorded') {
    return afterRecord(state.command, input.isRecorded)
  }
  if (state.stage === 'delivering' && input.type === 'delivered') {
    return afterDelivery(state.command, state.isAudited, input.delivery)
  }
  if (state.stage === 'awaiting_ack' && input.type === 'acknowledged') {
    return finish(outcomeOf(state.command, state.isAudited, input.ack))
  }
  assert(false, `the gate is ${state.stage} and cannot take ${input.type}`)
}

function afterNonce(command: Command, claim: 'claimed' | 'used' | 'unavailable'): GateStep {
  if (claim === 'used') return refuse(command, 'NONCE_REPLAYED')
  if (claim === 'unavailable') return refuse(command, 'NONCE_STORE_UNAVAILABLE')
  return go({ stage: 'reading_operator', command }, { type: 'read_operator', command })
}

/** Without a record a re-arm is refused; a kill is emergency containment and goes on (D-08). */
function afterRecord(command: Command, isAudited: boolean): GateStep {
  if (!isAudited && command.type !== 'KILL') return refuse(command, 'AUDIT_UNAVAILABLE')
  return go({ stage: 'delivering', command, isAudited }, { type: 'deliver', command })
}

/** A push that timed out may have been applied, so its acknowledgement is awaited all the same. */
function afterDelivery(
  command: Command,
  isAudited: boolean,
  delivery: 'pushed' | 'unknown' | 'unavailable',
): GateStep {
  if (delivery !== 'unavailable') {
    return go({ stage: 'awaiting_ack', command, isAudited }, { type: 'await_ack', command })
  }
  return finish({ ...refusal(command, 'ACTOR_UNAVAILABLE'), isAudited })
}

function outcomeOf(
  command: Command,
  isAudited: boolean,
  ack: CommandAck | undefined,
): CommandOutcome {
  if (ack === undefined) {
    const detail = 'the actor did not answer in time; it may still obey'
    const reason = 'COMMAND_TIMED_OUT'
    return { outcome: 'UNKNOWN', reason, command, episode: '', detail, isAudited }
  }
  const { outcome, episode, detail } = ack
  const reason = commandRefusals.find((code) => code === ack.reason) ?? ''
  if (outcome === 'REFUSED' && reason === '') {
    const unknown = `refused with an unknown reason: ${ack.reason}`
    return { outcome: 'FAILED', reason, command, episode, detail: unknown, isAudited }
  }
  return { outcome, reason, command, episode, detail, isAudited }
}

function refusal(command: Command | undefined, reason: CommandRefusal): CommandOutcome {
  return { outcome: 'REFUSED', reason, command, episode: '', detail: '', isAudited: false }
}

const refuse = (command: Command | undefined, reason: CommandRefusal) =>
  finish(refusal(command, reason))

const finish = (outcome: CommandOutcome): GateStep =>
  go({ stage: 'done' }, { type: 'finish', outcome })

const go = (state: GateState, effect: GateEffect): GateStep => ({ state, effect })
