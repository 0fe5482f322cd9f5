import { sign } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { handOut, takeHandedPolicy } from '@bulkhead/shared/runtime/handed-policy.ts'
import { newPolicyKeys } from '../../../support/policy.ts'

const { privateKey, publicKey } = newPolicyKeys()
const policy = { policy_generated_ts_ms: 1_700_000_000_000, open_haircut_mult: 0.5 }
const text = handOut(policy, privateKey)
const signed = (payload: string, domain = 'bulkhead-policy-v1\n') =>
  JSON.stringify({
    payload,
    signature: sign(null, Buffer.from(domain + payload), privateKey).toString('hex'),
  })

describe('a policy that is handed out', () => {
  test('is what its maker wrote', () => {
    expect(takeHandedPolicy(text, publicKey)).toEqual(policy)
    expect(takeHandedPolicy(signed(JSON.stringify(policy)), publicKey)).toEqual(policy)
  })

  test('is nothing when another key signed it', () => {
    expect(takeHandedPolicy(handOut(policy, newPolicyKeys().privateKey), publicKey)).toBeNull()
  })

  test('is nothing when a byte of it was changed', () => {
    for (let at = 0; at < text.length; at += 1) {
      const changed = `${text.slice(0, at)}${text[at] === '1' ? '2' : '1'}${text.slice(at + 1)}`
      expect(takeHandedPolicy(changed, publicKey)).toBeNull()
    }
  })

  test('is nothing when the signature is one over something else', () => {
    const other = signed(JSON.stringify(policy), 'bulkhead-audit-seal-v1\n')
    expect(takeHandedPolicy(other, publicKey)).toBeNull()
  })

  test.each([
    ['', undefined],
    ['[]', undefined],
    ['{"payload":"{}"}', undefined],
    [undefined, 'not json'],
    [undefined, '{}'],
    [undefined, JSON.stringify({ ...policy, open_haircut_mult: 1.01 })],
    [undefined, JSON.stringify({ ...policy, open_haircut_mult: 0 })],
    [undefined, JSON.stringify({ ...policy, policy_generated_ts_ms: '1' })],
    [undefined, JSON.stringify({ ...policy, more: 1 })],
  ])('is nothing when it cannot be read: %s %s', (raw, payload) => {
    expect(takeHandedPolicy(raw ?? signed(payload ?? ''), publicKey)).toBeNull()
  })
})
