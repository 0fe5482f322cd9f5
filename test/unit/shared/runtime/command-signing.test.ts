import { createHmac } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import {
  type Command,
  type CommandEnvelope,
  commandEnvelopeBytesMax,
} from '@bulkhead/shared/contracts/commands.ts'
import { canonicalJson, type Json } from '@bulkhead/shared/kernel/canonical-json.ts'
import { InvariantError } from '@bulkhead/shared/kernel/assert.ts'
import { nsTextFromMs } from '@bulkhead/shared/kernel/units.ts'
import {
  actorKey,
  deriveOperatorKey,
  keyIdOf,
  newNonce,
  signCommand,
  verifyCommand,
} from '@bulkhead/shared/runtime/command-signing.ts'

const nowMs = 1_763_625_600_000
const window = { ageMsMax: 30_000, futureSkewMsMax: 30_000 }
const masterKey = Buffer.alloc(32, 7)
const key = deriveOperatorKey(masterKey, 'ada', 1)
const keyOf = (keyId: string) => (keyId === 'ada#1' ? key : undefined)

const command = {
  command_id: '6f1c2f3e-8c1d-4a57-9d0e-3b1f5a7c9e11',
  audience: 'dead_man_switch',
  operator_id: 'ada',
  key_version: 1,
  nonce: '00112233445566778899aabbccddeeff',
  issued_ns: nsTextFromMs(nowMs),
  reason: 'drill',
  type: 'KILL',
  level: 'L1',
} as const satisfies Command

const verified = (envelope: unknown, overrides: Partial<{ nowMs: number }> = {}) =>
  verifyCommand(
    typeof envelope === 'string' ? envelope : JSON.stringify(envelope),
    keyOf,
    'dead_man_switch',
    overrides.nowMs ?? nowMs,
    window,
  )

/** An envelope around any bytes, signed as the holder of the key would. */
function signedBytes(bytes: Buffer, keyId = 'ada#1'): CommandEnvelope {
  const mac = createHmac('sha256', key).update('bulkhead-command-v1\ndead_man_switch\n')
  const signature = mac.update(bytes).digest('hex')
  return { key_id: keyId, payload: bytes.toString('base64'), signature }
}
const signedJson = (value: unknown, keyId?: string) =>
  signedBytes(Buffer.from(canonicalJson(value as Json)), keyId)

describe('signed commands', () => {
  test('come through as they were signed', () => {
    expect(verified(signCommand(command, key))).toEqual({ ok: true, value: command })
  })

  test('are signed over domain, audience and canonical bytes, which other languages can repeat', () => {
    expect(signCommand(command, key)).toEqual(signedJson(command))
  })

  test('are refused in the order of the checks, whatever else is wrong with them', () => {
    const good = signCommand(command, key)
    const unsigned = { ...good, signature: '0'.repeat(64) }
    const late = { ...command, issued_ns: '0', audience: 'executor' }
    const huge = `${' '.repeat(commandEnvelopeBytesMax)}{`
    expect(verified(huge)).toMatchObject({ failure: 'ENVELOPE_TOO_LARGE' })
    expect(verified('{')).toMatchObject({ failure: 'ENVELOPE_MALFORMED' })
    expect(verified({ ...unsigned, key_id: 'eve#1' })).toMatchObject({ failure: 'KEY_UNKNOWN' })
    expect(verified(unsigned)).toMatchObject({ failure: 'SIGNATURE_INVALID' })
    expect(verified(signedBytes(Buffer.from('no json')))).toMatchObject({
      failure: 'COMMAND_MALFORMED',
    })
    expect(verified(signedJson({ ...late, operator_id: 'eve' }))).toMatchObject({
      failure: 'KEY_MISMATCH',
    })
    expect(verified(signedJson(late))).toMatchObject({ failure: 'AUDIENCE_WRONG' })
    expect(verified(signedJson({ ...command, issued_ns: '0' }))).toMatchObject({
      failure: 'COMMAND_EXPIRED',
    })
  })

  test.each<[string, unknown]>([
    ['nothing', ''],
    ['null', 'null'],
    ['a list', '[]'],
    ['no signature', { key_id: 'ada#1', payload: '' }],
    ['a member too many', { ...signCommand(command, key), role: 'ADMIN' }],
    ['a short signature', { ...signCommand(command, key), signature: 'ab' }],
    ['a key version of zero', { ...signCommand(command, key), key_id: 'ada#0' }],
    ['a key id with a line end', { ...signCommand(command, key), key_id: 'ada#1\n' }],
  ])('are malformed with %s', (_what, envelope) => {
    expect(verified(envelope)).toEqual({ ok: false, failure: 'ENVELOPE_MALFORMED' })
  })

  test('may be as large as the bound and no byte larger, counted in UTF-8', () => {
    const text = JSON.stringify(signCommand(command, key))
    const padded = (bytes: number) => text + ' '.repeat(bytes - text.length)
    expect(verified(padded(commandEnvelopeBytesMax)).ok).toBe(true)
    expect(verified(padded(commandEnvelopeBytesMax + 1))).toMatchObject({
      failure: 'ENVELOPE_TOO_LARGE',
    })
    expect(verified('\u20ac'.repeat(commandEnvelopeBytesMax / 2))).toMatchObject({
      failure: 'ENVELOPE_TOO_LARGE',
    })
  })

  test.each<[string, object]>([
    ['an unknown member', { ...command, force: true }],
    ['an unknown type', { ...command, type: 'ARM' }],
    ['an unknown level', { ...command, level: 'L3' }],
    ['a reset without its episode', { ...command, type: 'RESET', level: undefined }],
    ['a short nonce', { ...command, nonce: 'ab' }],
    ['a time in words', { ...command, issued_ns: 'now' }],
    ['a time before the epoch', { ...command, issued_ns: '-1' }],
    ['no reason', { ...command, reason: '' }],
  ])('are malformed commands with %s, even signed', (_what, value) => {
    const present = Object.fromEntries(Object.entries(value).filter(([, member]) => member))
    expect(verified(signedJson(present))).toEqual({ ok: false, failure: 'COMMAND_MALFORMED' })
  })

  test.each([
    [30_000, true],
    [30_001, 'COMMAND_EXPIRED'],
    [-30_000, true],
    [-30_001, 'COMMAND_FROM_FUTURE'],
  ])('of an age of %d ms give %s', (ageMs, outcome) => {
    const result = verified(signCommand(command, key), { nowMs: nowMs + ageMs })
    expect(result.ok || result.failure).toBe(outcome)
  })

  test('for one actor mean nothing to another, even with the audience member rewritten', () => {
    const forExecutor = signCommand({ ...command, audience: 'executor' }, key)
    expect(verified(forExecutor)).toMatchObject({ failure: 'SIGNATURE_INVALID' })
    expect(verified(signedJson({ ...command, audience: 'executor' }))).toMatchObject({
      failure: 'AUDIENCE_WRONG',
    })
  })

  test('are refused when the payload names another operator or key version than the envelope', () => {
    for (const other of [{ operator_id: 'eve' }, { key_version: 2 }]) {
      expect(verified(signedJson({ ...command, ...other }))).toMatchObject({
        failure: 'KEY_MISMATCH',
      })
    }
  })

  test.each([
    [Number.NaN, window],
    [nowMs, { ageMsMax: Number.NaN, futureSkewMsMax: 0 }],
    [nowMs, { ageMsMax: 300_001, futureSkewMsMax: 0 }],
    [nowMs, { ageMsMax: 0, futureSkewMsMax: Number.POSITIVE_INFINITY }],
    [nowMs, { ageMsMax: -1, futureSkewMsMax: 0 }],
  ])('are not judged at time %d with window %j', (atMs, bounds) => {
    const raw = JSON.stringify(signCommand(command, key))
    const check = () => verifyCommand(raw, keyOf, 'dead_man_switch', atMs, bounds)
    expect(check).toThrow(InvariantError)
  })
})

describe('words on an approval', () => {
  const grant = {
    command_id: '6f1c2f3e-8c1d-4a57-9d0e-3b1f5a7c9e12',
    audience: 'executor',
    operator_id: 'ada',
    key_version: 1,
    nonce: '00112233445566778899aabbccddeeff',
    issued_ns: nsTextFromMs(nowMs),
    reason: 'seen',
    type: 'GRANT',
    request_id: '7f0e2a52-3c1d-4b5e-9d7a-0c1b2a3d4e5f',
    request_hash: 'ab'.repeat(32),
    tier: 'T2',
  } as const satisfies Command
  const executorKey = actorKey(key, 'executor')
  const executorKeyOf = (keyId: string) => (keyId === 'ada#1' ? executorKey : undefined)
  const verifiedByExecutor = (envelope: CommandEnvelope) =>
    verifyCommand(JSON.stringify(envelope), executorKeyOf, 'executor', nowMs, window)

  test('are verified by the executor with a key of its own', () => {
    expect(verifiedByExecutor(signCommand(grant, key))).toEqual({ ok: true, value: grant })
  })

  test('the key of the executor signs nothing that the safety plane believes', () => {
    const forged = signCommand(command, executorKey)
    expect(verified(forged)).toEqual({ ok: false, failure: 'SIGNATURE_INVALID' })
  })

  test('a kill for the executor is none, and a grant for the safety plane is none', () => {
    const kill = signCommand({ ...command, audience: 'executor' }, key)
    expect(verifiedByExecutor(kill)).toEqual({ ok: false, failure: 'AUDIENCE_WRONG' })
    const astray = signedJson({ ...grant, audience: 'dead_man_switch' })
    expect(verified(astray)).toEqual({ ok: false, failure: 'COMMAND_MALFORMED' })
    expect(verified(signedJson(grant))).toEqual({ ok: false, failure: 'AUDIENCE_WRONG' })
  })
})

describe('operator keys', () => {
  test('differ by operator, version and master key, and are the same each time', () => {
    const other = Buffer.alloc(32, 8)
    const keys = [
      deriveOperatorKey(masterKey, 'ada', 1),
      deriveOperatorKey(masterKey, 'ada', 2),
      deriveOperatorKey(masterKey, 'eve', 1),
      deriveOperatorKey(other, 'ada', 1),
    ].map((derived) => derived.toString('hex'))
    expect(new Set(keys).size).toBe(4)
    expect(keys[0]).toBe(key.toString('hex'))
    expect(key).toHaveLength(32)
  })

  test('are never derived from a short master key', () => {
    expect(() => deriveOperatorKey(Buffer.alloc(0), 'ada', 1)).toThrow(InvariantError)
    expect(() => deriveOperatorKey(Buffer.alloc(31), 'ada', 1)).toThrow(InvariantError)
  })

  test('have ids that name operator and version', () => {
    expect(keyIdOf('ada', 3)).toBe('ada#3')
  })

  test('sign with nonces of 128 bits that do not repeat', () => {
    const nonces = Array.from({ length: 1_000 }, newNonce)
    expect(new Set(nonces).size).toBe(1_000)
    expect(nonces.every((nonce) => /^[0-9a-f]{32}$/.test(nonce))).toBe(true)
  })
})
