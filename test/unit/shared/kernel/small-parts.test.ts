import { describe, expect, test } from 'vitest'
import { assert, assertNever, InvariantError } from '@bulkhead/shared/kernel/assert.ts'
import { createPrng } from '@bulkhead/shared/kernel/prng.ts'
import { fail, ok } from '@bulkhead/shared/kernel/result.ts'
import { msFromNsText, nsTextFromMs } from '@bulkhead/shared/kernel/units.ts'

const take = (count: number, next: () => number) => Array.from({ length: count }, next)

describe('assertions', () => {
  test('stop on a broken invariant and say which', () => {
    expect(() => assert(0, 'size is positive')).toThrow(new InvariantError('size is positive'))
    expect(() => assert(1, 'fine')).not.toThrow()
  })

  test('name the value that no branch expected', () => {
    expect(() => assertNever('L9' as never, 'no such level')).toThrow('no such level: "L9"')
  })
})

describe('results', () => {
  test('carry a value or a failure, never both', () => {
    expect(ok(1)).toEqual({ ok: true, value: 1 })
    expect(fail('NOPE')).toEqual({ ok: false, failure: 'NOPE' })
  })
})

describe('seeded numbers', () => {
  test('repeat for the same seed', () => {
    expect(take(100, createPrng(42))).toEqual(take(100, createPrng(42)))
  })

  test('are those of mulberry32, so that a recorded seed still means the same run', () => {
    const words = take(3, createPrng(1)).map((value) => value * 2 ** 32)
    expect(words).toEqual([2693262067, 11749833, 2265367787])
  })

  test('differ between seeds and look at the low 32 bits only', () => {
    expect(createPrng(1)()).not.toBe(createPrng(2)())
    expect(createPrng(-1)()).toBe(createPrng(0xffff_ffff)())
    expect(createPrng(2 ** 32 + 5)()).toBe(createPrng(5)())
  })

  test('stay at or above 0 and below 1, with a mean near one half', () => {
    const values = take(20_000, createPrng(7))
    expect(Math.min(...values)).toBeGreaterThanOrEqual(0)
    expect(Math.max(...values)).toBeLessThan(1)
    expect(values.reduce((sum, value) => sum + value, 0) / values.length).toBeCloseTo(0.5, 1)
  })
})

describe('nanosecond texts', () => {
  test('count milliseconds without rounding and drop a fraction', () => {
    expect(nsTextFromMs(1_763_625_600_123)).toBe('1763625600123000000')
    expect(nsTextFromMs(0.9)).toBe('0')
  })

  test('come back as the same milliseconds', () => {
    expect(msFromNsText(nsTextFromMs(1_763_625_600_123))).toBe(1_763_625_600_123)
    expect(msFromNsText('1763625600123999999')).toBe(1_763_625_600_123)
  })

  test.each(['', '-1', '1e9', '1.5', ' 1', '1\n', '0x10', '\u0661', '123456789012345678901'])(
    'are not %j',
    (text) => {
      expect(msFromNsText(text)).toBeUndefined()
    },
  )

  test.each([Number.NaN, Number.POSITIVE_INFINITY, -1])('cannot be made of %d', (wallMs) => {
    expect(() => nsTextFromMs(wallMs)).toThrow(InvariantError)
  })
})
