import { describe, expect, test } from 'vitest'
import { classify } from '@bulkhead/trading-plane/engine/intents/classify.ts'
import { intentHash, orderLabel, parseLabel } from '@bulkhead/trading-plane/engine/intents/label.ts'
import { hash64, intent } from '../harness.ts'

const identity = {
  instrument: 'BTC-PERPETUAL',
  side: 'buy',
  amount: '100',
  price: '59000',
  groupId: '6f9619ff-8b86-4011-b42d-00c04fc964ff',
  legIndex: 1,
} as const

describe('a label', () => {
  test('AT-216: starts with s4:, fits into 64 characters, and gives its parts back', () => {
    const label = orderLabel('quoter', identity, hash64) ?? ''
    expect(label.startsWith('s4:')).toBe(true)
    expect(label.length).toBeLessThanOrEqual(64)
    expect(parseLabel(label)).toEqual({
      sid8: hash64('quoter').slice(0, 8),
      gid12: '6f9619ff8b86',
      legIndex: 1,
      ih16: intentHash(identity, hash64),
    })
  })

  test('AT-343: an intent hashes the same at any time and with its fields in any order', () => {
    const { groupId, price, ...rest } = identity
    expect(intentHash({ price, ...rest, groupId }, hash64)).toBe(intentHash(identity, hash64))
  })

  test.each([
    { side: 'sell' as const },
    { amount: '10' },
    { price: '59000.5' },
    { legIndex: 0 },
    { instrument: 'ETH-PERPETUAL' },
    { groupId: '6f9619ff-8b86-4011-b42d-00c04fc964fe' },
  ])('another %o is another intent', (change) => {
    expect(intentHash({ ...identity, ...change }, hash64)).not.toBe(intentHash(identity, hash64))
  })

  test.each([
    '',
    's4:',
    'kill-1',
    's4:abcdefgh:6f9619ff8b86:0:0123456789abcdef',
    's4:01234567:6f9619ff8b86:0:0123456789abcdef:more',
    's4:01234567:6f9619ff8b86:0:0123456789ABCDEF',
  ])('%j is none of ours', (label) => {
    expect(parseLabel(label)).toBeUndefined()
  })
})

test('only what the venue keeps from opening counts as a close', () => {
  expect(classify(intent({ reduce_only: true }))).toBe('CLOSE')
  expect(classify(intent({ reduce_only: false }))).toBe('OPEN')
  const unclear = { ...intent(), reduce_only: undefined as unknown as boolean }
  expect(classify(unclear)).toBe('OPEN')
  const ids = { intent_id: 'a', strategy_id: 'b', target_intent_id: 'c' }
  expect(classify({ type: 'cancel', ...ids })).toBe('CANCEL')
})
