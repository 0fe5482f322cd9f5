import { describe, expect, test } from 'vitest'
import {
  compareDecimals,
  type Decimal,
  decimalOf,
  parseDecimal,
  stepsIn,
  textOfSteps,
} from '@bulkhead/trading-plane/engine/numbers/decimal.ts'
import { RateWindow } from '@bulkhead/trading-plane/engine/numbers/rate-window.ts'
import { RecentSet } from '@bulkhead/trading-plane/engine/numbers/recent-set.ts'

const of = (text: string): Decimal => {
  const value = parseDecimal(text)
  if (value === undefined) throw new Error(text)
  return value
}

describe('an exact decimal', () => {
  test.each([
    ['0', 0n, 0],
    ['12.50', 1250n, 2],
    ['0.0005', 5n, 4],
    ['5e-8', 5n, 8],
    ['1.5e-7', 15n, 8],
    ['3.2e+4', 32_000n, 0],
  ])('reads %s', (text, digits, scale) => {
    expect(parseDecimal(text)).toEqual({ digits, scale })
  })

  test.each(['', '-1', '+1', '1.', '.5', '1e400', 'NaN', 'Infinity', '0x10', ' 1', '1,5'])(
    'does not read %j',
    (text) => {
      expect(parseDecimal(text)).toBeUndefined()
    },
  )

  test('of a number is what the number prints as', () => {
    expect(decimalOf(0.1)).toEqual({ digits: 1n, scale: 1 })
    expect(decimalOf(Number.NaN)).toBeUndefined()
    expect(decimalOf(-1)).toBeUndefined()
  })

  test.each([
    ['0.3', '0.1', 'down', 3],
    ['0.7', '0.1', 'down', 7],
    ['59999.7', '0.5', 'down', 119_999],
    ['59999.7', '0.5', 'up', 120_000],
    ['60000', '0.5', 'up', 120_000],
    ['9', '10', 'down', 0],
  ] as const)('%s in steps of %s, rounded %s, is %i', (value, step, to, steps) => {
    expect(stepsIn(of(value), of(step), to)).toBe(steps)
  })

  test('has no steps of zero and none beyond the safe integers', () => {
    expect(stepsIn(of('1'), of('0'), 'down')).toBeUndefined()
    expect(stepsIn(of('999999999999999'), of('0.000000000001'), 'down')).toBeUndefined()
  })

  test.each([
    [3, '0.1', '0.3'],
    [120_000, '0.5', '60000'],
    [1, '0.0005', '0.0005'],
    [7, '10', '70'],
  ])('%i steps of %s are %s', (count, step, text) => {
    expect(textOfSteps(count, of(step))).toBe(text)
  })

  test('compares across scales', () => {
    expect(compareDecimals(of('0.5'), of('0.50'))).toBe(0)
    expect(compareDecimals(of('0.49'), of('0.5'))).toBeLessThan(0)
    expect(compareDecimals(of('1'), of('0.999'))).toBeGreaterThan(0)
  })
})

test('a recent set forgets the oldest first', () => {
  const set = new RecentSet(2)
  expect([set.add('a'), set.add('a'), set.add('b'), set.add('c')]).toEqual([
    true,
    false,
    true,
    true,
  ])
  expect([set.has('a'), set.has('b'), set.has('c')]).toEqual([false, true, true])
})

test('a rate window is full until its oldest entry has left it', () => {
  const window = new RateWindow(2, 1_000)
  expect([window.take(0), window.take(500), window.take(999), window.take(1_000)]).toEqual([
    true,
    true,
    false,
    true,
  ])
})
