import { expect, test } from 'vitest'
import { figure } from '@bulkhead/trading-plane/engine/gates/gate.ts'

test.each([
  [0, '0'],
  [-3, '-3'],
  [9_999_999_999, '9999999999'],
  [12_345_678_904, '12345678900'],
  [0.1 + 0.2, '0.3'],
  [1 / 3, '0.3333333333'],
  [-2e-9, '-2e-9'],
  [1e21, '1e+21'],
  [Number.NaN, 'unknown'],
  [Number.POSITIVE_INFINITY, 'unknown'],
])('a figure of %s is told as %s', (value, text) => {
  expect(figure(value)).toBe(text)
})
