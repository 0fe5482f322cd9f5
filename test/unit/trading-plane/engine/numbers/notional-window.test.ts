import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { NotionalWindow } from '@bulkhead/trading-plane/engine/numbers/notional-window.ts'

describe('a window of notional', () => {
  test('counts what happened for its length and a fiftieth more, then no longer', () => {
    const window = new NotionalWindow(10_000)
    window.add(50_000, 12.34)
    window.add(52_000, 100)
    expect(window.sumUsd(52_000)).toBe(112.34)
    expect(window.sumUsd(60_000)).toBe(112.34)
    expect(window.sumUsd(60_200)).toBe(100)
    expect(window.sumUsd(1e9)).toBe(0)
  })

  test('takes what happened a while ago, and nothing from before its length or its clock', () => {
    const window = new NotionalWindow(10_000)
    expect(window.sumUsd(50_000)).toBe(0)
    window.add(45_000, 1)
    window.add(39_000, 2)
    expect(window.sumUsd(50_000)).toBe(1)
    const young = new NotionalWindow(10_000)
    young.add(-5_000, 3)
    expect(young.sumUsd(100)).toBe(0)
  })

  test('counts what has no known worth as very much, and forgets it like the rest', () => {
    const window = new NotionalWindow(10_000)
    window.add(1_000, Number.POSITIVE_INFINITY)
    window.add(1_000, Number.NaN)
    expect(window.sumUsd(1_000)).toBe(2e12)
    expect(window.sumUsd(20_000)).toBe(0)
  })

  test('is never below what a full record adds up to, nor above that of one step more', () => {
    const move = fc.record({
      passedMs: fc.integer({ min: 0, max: 4_000 }),
      agoMs: fc.integer({ min: 0, max: 12_000 }),
      cents: fc.integer({ min: 0, max: 1_000_000 }),
    })
    fc.assert(
      fc.property(fc.array(move, { maxLength: 100 }), (moves) => {
        const window = new NotionalWindow(10_000)
        const record: { tickMs: number; cents: number }[] = []
        let nowMs = 100_000
        for (const { passedMs, agoMs, cents } of moves) {
          nowMs += passedMs
          window.sumUsd(nowMs)
          window.add(nowMs - agoMs, cents / 100)
          record.push({ tickMs: nowMs - agoMs, cents })
          const within = (ms: number) =>
            record.reduce((sum, each) => sum + (nowMs - each.tickMs < ms ? each.cents : 0), 0) / 100
          const sum = window.sumUsd(nowMs)
          expect(sum).toBeGreaterThanOrEqual(within(10_000))
          expect(sum).toBeLessThanOrEqual(within(10_200))
        }
      }),
    )
  })
})
