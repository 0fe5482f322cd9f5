import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Command, CommandEnvelope } from '@bulkhead/shared/contracts/commands.ts'
import { nsTextFromMs } from '@bulkhead/shared/kernel/units.ts'
import {
  deriveOperatorKey,
  keyIdOf,
  signCommand,
  verifyCommand,
} from '@bulkhead/shared/runtime/command-signing.ts'

const nowMs = 1_763_625_600_000
const window = { ageMsMax: 30_000, futureSkewMsMax: 30_000 }
const masterKey = Buffer.alloc(32, 7)

/** Every operator has a key here, so that an altered key id finds one too. */
function keyOf(keyId: string): Buffer | undefined {
  const [operator = '', version = ''] = keyId.split('#')
  return deriveOperatorKey(masterKey, operator, Number(version))
}
const verified = (envelope: CommandEnvelope) =>
  verifyCommand(JSON.stringify(envelope), keyOf, 'dead_man_switch', nowMs, window)

const command = fc.record({
  command_id: fc.uuid(),
  audience: fc.constant('dead_man_switch' as const),
  operator_id: fc.stringMatching(/^[a-z][a-z0-9._-]{0,31}$/),
  key_version: fc.integer({ min: 1, max: 1_000_000 }),
  nonce: fc.stringMatching(/^[0-9a-f]{32}$/),
  issued_ns: fc.integer({ min: nowMs - 30_000, max: nowMs + 30_000 }).map(nsTextFromMs),
  reason: fc.string({ unit: 'grapheme', minLength: 1, maxLength: 60 }),
  type: fc.constant('KILL' as const),
  level: fc.constantFrom('L0', 'L1', 'L2'),
}) as fc.Arbitrary<Command>

const signed = (value: Command) =>
  signCommand(value, keyOf(keyIdOf(value.operator_id, value.key_version)) as Buffer)

/** The bytes with one bit turned. */
function flipped(bytes: Buffer, bit: number): Buffer {
  const copy = Buffer.from(bytes)
  const at = (bit >> 3) % copy.length
  copy[at] = (copy[at] as number) ^ (1 << (bit & 7))
  return copy
}

describe('signed commands', () => {
  test('come through unchanged when nobody touched them', () => {
    fc.assert(
      fc.property(command, (value) => {
        expect(verified(signed(value))).toEqual({ ok: true, value })
      }),
    )
  })

  test('are refused with any one bit of the payload turned', () => {
    fc.assert(
      fc.property(command, fc.nat(), (value, bit) => {
        const envelope = signed(value)
        const payload = flipped(Buffer.from(envelope.payload, 'base64'), bit).toString('base64')
        expect(verified({ ...envelope, payload })).toMatchObject({ failure: 'SIGNATURE_INVALID' })
      }),
    )
  })

  test('are refused with any one bit of the signature turned', () => {
    fc.assert(
      fc.property(command, fc.nat(255), (value, bit) => {
        const envelope = signed(value)
        const signature = flipped(Buffer.from(envelope.signature, 'hex'), bit).toString('hex')
        expect(verified({ ...envelope, signature })).toMatchObject({ failure: 'SIGNATURE_INVALID' })
      }),
    )
  })

  test('are refused with any one bit of any text of the envelope turned', () => {
    const member = fc.constantFrom('key_id', 'payload', 'signature')
    fc.assert(
      fc.property(command, member, fc.nat(), (value, name, bit) => {
        const envelope = signed(value)
        const text = flipped(Buffer.from(envelope[name], 'latin1'), bit).toString('latin1')
        expect(verified({ ...envelope, [name]: text }).ok).toBe(false)
      }),
      { numRuns: 500 },
    )
  })

  test('are refused with another spelling of the same bytes in hex or base64', () => {
    const digits = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
    fc.assert(
      fc.property(command, fc.nat(62), (value, step) => {
        const envelope = signed(value)
        const { payload, signature } = envelope
        const spellings = [
          { ...envelope, signature: signature.toUpperCase() },
          { ...envelope, signature: `${signature} ` },
          { ...envelope, signature: `${signature}zz` },
          { ...envelope, payload: payload.replaceAll('=', '') },
          { ...envelope, payload: `${payload}=` },
          { ...envelope, payload: `${payload}\n` },
          { ...envelope, payload: payload.replaceAll('+', '-').replaceAll('/', '_') },
          { ...envelope, payload: otherTail(payload, digits, step + 1) },
        ].filter((other) => other.payload !== payload || other.signature !== signature)
        expect(spellings.map((other) => verified(other).ok)).not.toContain(true)
      }),
    )
  })
})

/** Another last digit; with padding after it, some of those decode to the very same bytes. */
function otherTail(payload: string, digits: string, step: number): string {
  const at = payload.replace(/=+$/, '').length - 1
  const digit = digits[(digits.indexOf(payload[at] as string) + step) % 64] as string
  return payload.slice(0, at) + digit + payload.slice(at + 1)
}
