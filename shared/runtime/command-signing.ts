import { createHmac, hkdfSync, randomBytes, timingSafeEqual } from 'node:crypto'
import {
  type Command,
  type CommandEnvelope,
  commandEnvelopeBytesMax,
  commandEnvelopeSchema,
  commandSchema,
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

export const keyIdOf = (operatorId: string, keyVersion: number) => `${operatorId}#${keyVersion}`

/** A fresh 128-bit nonce in lower-case hex. */
export const newNonce = () => randomBytes(16).toString('hex')

/** Serialises a command once and signs those very bytes. */
export function signCommand(command: Command, key: Buffer): CommandEnvelope {
  const bytes = Buffer.from(canonicalJson(command as Json), 'utf8')
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
 */
export function verifyCommand(
  raw: string,
  keyOf: (keyId: string) => Buffer | undefined,
  audience: CommandActor,
  nowMs: number,
  window: CommandWindow,
): Result<Command, CommandRefusal> {
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

function checkBinding(
  command: Command,
  keyId: string,
  audience: CommandActor,
  nowMs: number,
  window: CommandWindow,
): Result<Command, CommandRefusal> {
  if (keyIdOf(command.operator_id, command.key_version) !== keyId) return fail('KEY_MISMATCH')
  if (command.audience !== audience) return fail('AUDIENCE_WRONG')
  const ageMs = nowMs - Number(BigInt(command.issued_ns) / 1_000_000n)
  if (ageMs > window.ageMsMax) return fail('COMMAND_EXPIRED')
  if (-ageMs > window.futureSkewMsMax) return fail('COMMAND_FROM_FUTURE')
  return ok(command)
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
