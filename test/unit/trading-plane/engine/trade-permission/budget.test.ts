import { expect, test } from 'vitest'
import {
  askOpening,
  countOpening,
  emptyTally,
  openingsAt,
} from '@bulkhead/trading-plane/engine/trade-permission/budget.ts'
import { budgetSignalOf } from '@bulkhead/trading-plane/engine/trade-permission/context.ts'

const DAY_MS = 86_400_000
const noonMs = 20_000 * DAY_MS + DAY_MS / 2

test('a clock that goes back gives no budget back', () => {
  const used = countOpening(countOpening(emptyTally, noonMs), noonMs)
  const back = countOpening(used, noonMs - DAY_MS)
  expect(back).toMatchObject({ day: 20_000, openings: 3, isCorrupt: false })
  expect(openingsAt(back, noonMs - DAY_MS, 5)).toMatchObject({ openings: 3, isCorrupt: false })
})

test('a tally of a day more than one ahead is corrupt, of the next day it is not', () => {
  const tally = countOpening(emptyTally, noonMs)
  expect(openingsAt(tally, noonMs - DAY_MS, 5).isCorrupt).toBe(false)
  expect(openingsAt(tally, noonMs - 2 * DAY_MS, 5).isCorrupt).toBe(true)
})

test('a moment that cannot be one makes the count worthless for good', () => {
  for (const atMs of [-1, Number.NaN, Number.POSITIVE_INFINITY]) {
    const tally = countOpening(countOpening(emptyTally, atMs), noonMs)
    expect(openingsAt(tally, noonMs, 5).isCorrupt).toBe(true)
    expect(openingsAt(emptyTally, atMs, 5).isCorrupt).toBe(true)
  }
})

test('the last of the budget may be used, and is exceeded by the next that is asked for', () => {
  const one = countOpening(emptyTally, noonMs)
  expect(askOpening(one, noonMs, 2)).toBe(one)
  const used = countOpening(one, noonMs)
  expect(budgetSignalOf(openingsAt(used, noonMs, 2))).toBe('WITHIN')
  const asked = askOpening(used, noonMs, 2)
  expect(budgetSignalOf(openingsAt(asked, noonMs, 2))).toBe('HARD_STOP')
  expect(askOpening(used, noonMs + DAY_MS, 2)).toBe(used)
  const tomorrow = openingsAt(asked, noonMs + DAY_MS, 2)
  expect(tomorrow).toMatchObject({ openings: 0, isExceeded: false })
  expect(countOpening(asked, noonMs + DAY_MS)).toMatchObject({ openings: 1, isExceeded: false })
})

test.each([
  [{ openings: 4 }, 'WITHIN'],
  [{ openings: 5 }, 'WITHIN'],
  [{ openings: 6 }, 'HARD_STOP'],
  [{ isExceeded: true }, 'HARD_STOP'],
  [{ isCorrupt: true }, 'DATA_CORRUPT'],
  [{ isCorrupt: true, isExceeded: true }, 'DATA_CORRUPT'],
  [{ openings: -1 }, 'DATA_CORRUPT'],
  [{ openings: Number.NaN }, 'DATA_CORRUPT'],
  [{ openings: 0.5 }, 'DATA_CORRUPT'],
  [{ openingsMax: Number.POSITIVE_INFINITY }, 'DATA_CORRUPT'],
  [{ openingsMax: 0 }, 'DATA_CORRUPT'],
] as const)('%j signals %s', (reading, signal) => {
  const sound = { openings: 4, openingsMax: 5, isExceeded: false, isCorrupt: false }
  expect(budgetSignalOf({ ...sound, ...reading })).toBe(signal)
})

test('a count that is not there is a hard stop', () => {
  expect(budgetSignalOf(null)).toBe('HARD_STOP')
})
