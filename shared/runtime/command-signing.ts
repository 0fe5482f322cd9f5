import { createHmac, hkdfSync, randomBytes, timingSafeEqual } from 'node:crypto'
import {
  type Command,
  type CommandEnvelope,
  type CommandFor,
  commandEnvelopeBytesMax,
  commandEnvelopeSchema,
  commandSchema,
  isApprovalCommand,
} from '../contracts/commands.ts'
import type { CommandActor } from '../contracts/components.ts'
import type { CommandRefusal } from '../contracts/reasons/command-refusals.ts'
import { assert } from '../kernel/assert.ts'
import { canonicalJson, type Json } from '../kernel/canonical-json.ts'
import { fail, ok, type Result } from '../kernel/result.ts'

const masterKeyBytesMin = 32

/** Keeps a signature of ours from meaning anything in another protocol. */
const domain = 'bulkhead-command-v1'

/**
 * No configuration may accept a command that is further away in time than this (design section 7).
 */
export const commandWindowMsMax = 300_000

/** Bounds of the time window in which a signed command is accepted (design section 7). */
export type CommandWindow = {
  /** Oldest accepted age of `issued_ns`, in milliseconds; 30 s by default, 300 s at most. */
  readonly ageMsMax: number
  /** How far `issued_ns` may lie in the future, in milliseconds; 30 s. */
  readonly futureSkewMsMax: number
}

/**
 * The operator's key: HKDF-SHA256 of the master key with operator id and key version as context.
 */
export function deriveOperatorKey(
  masterKey: Buffer,
  operatorId: string,
  keyVersion: number,
): Buffer {
  assert(masterKey.length >= masterKeyBytesMin, 'the master key has at least 256 bits')
  const context = `${domain}|operator|${operatorId}|${keyVersion}`
  return Buffer.from(hkdfSync('sha256', masterKey, Buffer.alloc(0), context, 32))
}

/**
 * The key with which an operator's commands for one actor are signed. The executor's is derived
 * once more, so that whoever holds what the executor verifies with can forge nothing for the safety
 * plane (decision D-57).
 */
export function actorKey(operatorKey: Buffer, actor: CommandActor): Buffer {
  if (actor === 'dead_man_switch') return operatorKey
  const context = `${domain}|actor|${actor}`
  return Buffer.from(hkdfSync('sha256', operatorKey, Buffer.alloc(0), context, 32))
}

export const keyIdOf = (operatorId: string, keyVersion: number) => `${operatorId}#${keyVersion}`

/** A fresh 128-bit nonce in lower-case hex. */
export const newNonce = () => randomBytes(16).toString('hex')

/** Serialises a command once and signs those very bytes with the operator's key. */
export function signCommand(command: Command, operatorKey: Buffer): CommandEnvelope {
  const bytes = Buffer.from(canonicalJson(command as Json), 'utf8')
  const key = actorKey(operatorKey, command.audience)
  return {
    key_id: keyIdOf(command.operator_id, command.key_version),
    payload: bytes.toString('base64'),
    signature: macOf(bytes, command.audience, key).toString('hex'),
  }
}

/**
 * Checks an envelope as it arrived: size, shape, key, signature over the received bytes, then
 * schema, key and audience agreement, time window. Nothing of the payload is believed before the
 * signature held. Nonce and role are the caller's next steps, because they need stores.
 *
 * @param keyOf what the commands of an operator for this audience are signed with (`actorKey`)
 */
export function verifyCommand<A extends CommandActor>(
  raw: string,
  keyOf: (keyId: string) => Buffer | undefined,
  audience: A,
  nowMs: number,
  window: CommandWindow,
): Result<CommandFor<A>, CommandRefusal> {
  assertWindow(nowMs, window)
  if (Buffer.byteLength(raw) > commandEnvelopeBytesMax) return fail('ENVELOPE_TOO_LARGE')
  const envelope = commandEnvelopeSchema.safeParse(parseJson(raw))
  if (!envelope.success) return fail('ENVELOPE_MALFORMED')
  const bytes = Buffer.from(envelope.data.payload, 'base64')
  if (bytes.toString('base64') !== envelope.data.payload) return fail('ENVELOPE_MALFORMED')
  const key = keyOf(envelope.data.key_id)
  if (key === undefined) return fail('KEY_UNKNOWN')
  if (!signatureHolds(bytes, audience, key, envelope.data.signature))
    return fail('SIGNATURE_INVALID')
  const command = commandSchema.safeParse(parseJson(bytes.toString('utf8')))
  if (!command.success) return fail('COMMAND_MALFORMED')
  return checkBinding(command.data, envelope.data.key_id, audience, nowMs, window)
}

function checkBinding<A extends CommandActor>(
  command: Command,
  keyId: string,
  audience: A,
  nowMs: number,
  window: CommandWindow,
): Result<CommandFor<A>, CommandRefusal> {
  if (keyIdOf(command.operator_id, command.key_version) !== keyId) return fail('KEY_MISMATCH')
  if (!isFor(command, audience)) return fail('AUDIENCE_WRONG')
  const ageMs = nowMs - Number(BigInt(command.issued_ns) / 1_000_000n)
  if (ageMs > window.ageMsMax) return fail('COMMAND_EXPIRED')
  if (-ageMs > window.futureSkewMsMax) return fail('COMMAND_FROM_FUTURE')
  return ok(command)
}

/** It names the actor, and is of the kind that this actor can be told. */
function isFor<A extends CommandActor>(
  command: Command,
  audience: A,
): command is Command & CommandFor<A> {
  const isKnownThere = isApprovalCommand(command) === (audience === 'executor')
  return command.audience === audience && isKnownThere
}

/** A window that is not a number would let every age pass, because no comparison with it holds. */
function assertWindow(nowMs: number, window: CommandWindow): void {
  assert(Number.isFinite(nowMs), 'the time of a check is a finite number')
  const { ageMsMax, futureSkewMsMax } = window
  assert(ageMsMax >= 0 && ageMsMax <= commandWindowMsMax, 'command age is bounded')
  assert(futureSkewMsMax >= 0 && futureSkewMsMax <= commandWindowMsMax, 'future skew is bounded')
}

function signatureHolds(
  bytes: Buffer,
  audience: string,
  key: Buffer,
  signatureHex: string,
): boolean {
  const given = Buffer.from(signatureHex, 'hex')
  const expected = macOf(bytes, audience, key)
  return given.length === expected.length && timingSafeEqual(given, expected)
}

function macOf(bytes: Buffer, audience: string, key: Buffer): Buffer {
  return createHmac('sha256', key).update(`${domain}\n${audience}\n`).update(bytes).digest()
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
