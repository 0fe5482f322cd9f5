import { randomUUID } from 'node:crypto'
import type { ApprovalCommand, Command } from '@bulkhead/shared/contracts/commands.ts'
import type { Stack } from '@bulkhead/shared/contracts/stack.ts'
import { fail, ok, type Result } from '@bulkhead/shared/kernel/result.ts'
import { newNonce, signCommand } from '@bulkhead/shared/runtime/command-signing.ts'
import { readSecret } from '@bulkhead/shared/runtime/secrets.ts'
import { systemClock } from '@bulkhead/shared/runtime/system-clock.ts'
import { type CommandReply, commandReplySchema } from '../api/http-schema.ts'
import { ApiClient, type ClientFault } from './api-client.ts'

/** Longer than the API waits for the actor, so that its own verdict arrives, in milliseconds. */
const replyMsMax = 40_000

/** A word on a held action, for the executor. */
export type ApprovalWish = Pick<
  ApprovalCommand,
  'type' | 'request_id' | 'request_hash' | 'tier' | 'reason'
>

/** The part of a command for the safety plane that the person chose. */
export type Wish =
  | { readonly type: 'KILL'; readonly level: 'L0' | 'L1' | 'L2'; readonly reason: string }
  | { readonly type: 'RESET'; readonly episode: string; readonly reason: string }
  | {
      readonly type: 'APPROVE_RESET'
      readonly episode: string
      readonly approves: string
      readonly reason: string
    }

/** Who signs. The operator of the home, unless the command line names another person and key. */
export type Signer = Stack['operator']

/**
 * The signer that `--operator ID[#VERSION] --key-file FILE` names; the home's own operator without
 * them. Undefined when only one of the two is given or the id is none.
 */
export function signerOf(
  own: Signer,
  operator: string | undefined,
  keyFile: string | undefined,
): Signer | undefined {
  if (operator === undefined && keyFile === undefined) return own
  const named = /^([a-z][a-z0-9._-]{0,31})(?:#([1-9]\d{0,5}))?$/.exec(operator ?? '')
  if (named === null || keyFile === undefined) return undefined
  return { operator_id: named[1]!, key_version: Number(named[2] ?? 1), key_file: keyFile }
}

export type KeyFault = { readonly code: 'KEY_UNUSABLE'; readonly message: string }
export type SendFault = ClientFault | KeyFault

/** What travels, and the id under which the actor acknowledges it. */
export type SignedWish = { readonly commandId: string; readonly envelope: string }

/** Signs a wish with the operator's key file and submits it. */
export async function sendCommand(
  stack: Stack,
  wish: Wish | ApprovalWish,
  signer: Signer = stack.operator,
): Promise<Result<CommandReply, SendFault>> {
  const signed = signWish(wish, signer)
  if (!signed.ok) return signed
  const client = new ApiClient(stack.dashboard_url)
  const { envelope } = signed.value
  const answer = await client.post('/api/v1/commands', envelope, commandReplySchema, replyMsMax)
  return answer.ok ? ok(answer.value.body) : answer
}

/** Signs a wish with the operator's key file. */
export function signWish(wish: Wish | ApprovalWish, signer: Signer): Result<SignedWish, KeyFault> {
  const { operator_id, key_version, key_file } = signer
  const secret = readSecret(key_file)
  if (!secret.ok) {
    return fail({ code: 'KEY_UNUSABLE', message: `${secret.failure.code} ${key_file}` })
  }
  if (!/^[0-9a-f]{64}$/.test(secret.value)) {
    return fail({ code: 'KEY_UNUSABLE', message: `${key_file} holds no key of 32 bytes in hex` })
  }
  const isForExecutor = 'request_id' in wish
  const command = {
    command_id: randomUUID(),
    audience: isForExecutor ? 'executor' : 'dead_man_switch',
    operator_id,
    key_version,
    nonce: newNonce(),
    issued_ns: systemClock.wallNs().toString(),
    ...wish,
  } as Command
  const envelope = JSON.stringify(signCommand(command, Buffer.from(secret.value, 'hex')))
  return ok({ commandId: command.command_id, envelope })
}
