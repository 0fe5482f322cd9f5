import { describe, expect, test } from 'vitest'
import { cancelPlan, cancelStepsMax } from '@bulkhead/safety-plane/kill-sequence/cancel.core.ts'

const order = (orderId: string, instrument: string, reduceOnly = false) => ({
  orderId,
  instrument,
  reduceOnly,
})

describe('a soft stop', () => {
  test.each([
    ['nothing when nothing rests', [], []],
    ['nothing when only reduce-only orders rest', [order('1', 'BTC', true)], []],
    [
      'all with one request when none is reduce-only',
      [order('1', 'BTC'), order('2', 'ETH')],
      [{ kind: 'all' }],
    ],
    [
      'whole instruments, and single orders beside a reduce-only one',
      [order('1', 'BTC'), order('2', 'BTC', true), order('3', 'ETH'), order('4', 'ETH')],
      [
        { kind: 'instrument', instrument: 'ETH' },
        { kind: 'order', orderId: '1', instrument: 'BTC' },
      ],
    ],
  ])('cancels %s', (_what, open, expected) => {
    expect(cancelPlan(open)).toEqual({ steps: expected, isWhole: true })
  })

  test('spares reduce-only orders beyond the budget of one pass and leaves the rest for the next', () => {
    const open = (count: number) => [
      order('kept', 'BTC', true),
      ...Array.from({ length: count }, (_, at) => order(String(at), 'BTC')),
    ]
    expect(cancelPlan(open(cancelStepsMax)).isWhole).toBe(true)
    const more = cancelPlan(open(cancelStepsMax + 1))
    expect(more.isWhole).toBe(false)
    expect(more.steps).toHaveLength(cancelStepsMax)
    expect(more.steps.every((step) => step.kind === 'order' && step.orderId !== 'kept')).toBe(true)
  })
})
