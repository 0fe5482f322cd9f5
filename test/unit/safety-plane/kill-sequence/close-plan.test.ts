import { describe, expect, test } from 'vitest'
import {
  closeNow,
  closeOrdersMax,
  type HeldPosition,
  hedgedGroups,
  perpetualReasons,
  perpetualStep,
  type UnderlyingGroup,
} from '@bulkhead/safety-plane/kill-sequence/close-plan.core.ts'

const perpetual = 'BTC-PERPETUAL'
const held = (instrument: string, size: number, delta: number | null): HeldPosition => ({
  instrument,
  size,
  delta,
  perpetual,
})
const option = (delta: number | null, name = 'BTC-27MAR26-60000-P') => held(name, 1, delta)
const own = (size: number, price = 50_000) => held(perpetual, size, size / price)
const lone: HeldPosition = { instrument: 'DOGE', size: 5, delta: null, perpetual: null }

const inverse = {
  bidPrice: 50_000,
  askPrice: 50_010,
  markPrice: 50_005,
  tick: { tickSize: 0.5, steps: [] },
  amountStep: 10,
  amountUnit: 'usd' as const,
  unitSize: 1,
}
const linear = { ...inverse, amountStep: 0.001, amountUnit: 'coin' as const }
const hedging = { widenBps: 0, mayHedge: true, hedgeNotionalUsdMax: 100_000 }

describe('what is closed at once', () => {
  test.each<[string, HeldPosition[], string[]]>([
    ['a perpetual alone', [own(100)], [perpetual]],
    ['what has no perpetual', [lone], ['DOGE']],
    ['the option, while its perpetual waits', [own(100), option(-0.4)], ['BTC-27MAR26-60000-P']],
    [
      'everything, when nobody knows what the option needs',
      [own(100), option(null)],
      ['BTC-27MAR26-60000-P', perpetual],
    ],
  ])('is %s', (_what, positions, expected) => {
    expect(closeNow(positions).map(({ instrument }) => instrument)).toEqual(expected)
  })

  test('is never more than the budget of the account allows, the largest first', () => {
    const many = Array.from({ length: 40 }, (_, at) => option(at / 100, `BTC-${at}`))
    const chosen = closeNow(many)
    expect(chosen).toHaveLength(closeOrdersMax)
    expect(chosen[0]!.instrument).toBe('BTC-39')
  })

  test('leaves groups only where every delta is known', () => {
    expect(hedgedGroups([own(100), option(null)])).toEqual([])
    expect(hedgedGroups([own(100), option(Number.NaN)])).toEqual([])
    expect(hedgedGroups([own(100)])).toEqual([])
    const [group] = hedgedGroups([own(100), option(0.1)])
    expect(group).toEqual({ perpetual, own: own(100), others: [option(0.1)] })
  })
})

const group = (perp: HeldPosition | null, ...others: HeldPosition[]): UnderlyingGroup => ({
  perpetual,
  own: perp,
  others,
})

describe('the step of a perpetual', () => {
  test.each<[string, UnderlyingGroup, typeof inverse | typeof linear, object]>([
    [
      'sells to hedge a long delta, a little less than all of it',
      group(null, option(0.5)),
      inverse,
      { kind: 'hedge', order: { side: 'sell', amount: 24_500, price: 50_000 } },
    ],
    [
      'buys to hedge a short delta',
      group(null, option(-0.5)),
      inverse,
      { kind: 'hedge', order: { side: 'buy', amount: 24_500, price: 50_010 } },
    ],
    [
      'counts in coins where the contract does',
      group(null, option(0.5)),
      linear,
      { kind: 'hedge', order: { side: 'sell', amount: 0.49, price: 50_000 } },
    ],
    [
      'only reduces a perpetual that adds to the delta',
      group(own(10_000), option(0.5)),
      inverse,
      { kind: 'reduce', order: { side: 'sell', amount: 10_000, price: 50_000 } },
    ],
    [
      'takes off no more of a perpetual than the rest leaves open',
      group(own(50_000), option(-0.5)),
      inverse,
      { kind: 'reduce', order: { side: 'sell', amount: 24_500, price: 50_000 } },
    ],
    [
      'leaves a hedge alone that fits',
      group(own(-25_000), option(0.5)),
      inverse,
      { kind: 'none', reason: 'BALANCED' },
    ],
    [
      'leaves what is less than the smallest order',
      group(null, option(0.000_1)),
      inverse,
      { kind: 'none', reason: 'BALANCED' },
    ],
    [
      'stops at the limit of the perpetual in all',
      group(own(-95_000), option(4)),
      inverse,
      { kind: 'hedge', order: { side: 'sell', amount: 5_000, price: 50_000 } },
    ],
    [
      'sends nothing at the limit',
      group(own(-100_000), option(4)),
      inverse,
      { kind: 'none', reason: 'HEDGE_LIMIT' },
    ],
    [
      'sends nothing into an empty side',
      group(null, option(0.5)),
      { ...inverse, bidPrice: null } as never,
      { kind: 'none', reason: 'NO_PRICE' },
    ],
    [
      'sends nothing without any price',
      group(null, option(0.5)),
      { ...inverse, bidPrice: null, askPrice: null, markPrice: null } as never,
      { kind: 'none', reason: 'NO_PRICE' },
    ],
  ])('%s', (_what, given, quote, expected) => {
    expect(perpetualStep(given, quote, hedging)).toEqual(expected)
  })

  test('does not hedge before its turn, and reduces at any time', () => {
    const notYet = { ...hedging, mayHedge: false }
    const none = { kind: 'none', reason: 'NOT_YET' }
    expect(perpetualStep(group(null, option(0.5)), inverse, notYet)).toEqual(none)
    expect(perpetualStep(group(own(10), option(0.5)), inverse, notYet).kind).toBe('reduce')
  })

  test('knows every reason that it gives', () => {
    expect(new Set(perpetualReasons).size).toBe(4)
  })
})
