import { afterEach, describe, expect, test, vi } from 'vitest'
import { systemClock } from '@bulkhead/shared/runtime/system-clock.ts'

afterEach(() => {
  vi.useRealTimers()
})

/** Readings during which the host did not turn its wall clock, as it may at any time. */
function readUndisturbed(): bigint[] {
  for (let attempt = 0; attempt < 20; attempt += 1) {
    const beforeMs = Date.now() - performance.now()
    const readings = Array.from({ length: 20_000 }, () => systemClock.wallNs())
    if (Math.abs(Date.now() - performance.now() - beforeMs) <= 1.5) return readings
  }
  throw new Error('the wall clock of this host is turned all the time')
}

const wallMs = () => Number(systemClock.wallNs() / 1_000_000n)

describe('system clock', () => {
  test('never goes back by the nanosecond while nobody turns the wall clock', () => {
    const readings = readUndisturbed()
    expect(
      readings.filter((reading, at) => at > 0 && reading < (readings[at - 1] as bigint)),
    ).toEqual([])
  })

  test('agrees with the wall clock to a few milliseconds', () => {
    expect(Math.abs(wallMs() - Date.now())).toBeLessThanOrEqual(3)
    expect(Math.abs(systemClock.wallMs() - Date.now())).toBeLessThanOrEqual(3)
  })

  test.each([3_600_000, -3_600_000, 5, -5])('follows a step of the wall clock by %d ms', (step) => {
    systemClock.wallNs()
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + step })
    expect(Math.abs(wallMs() - Date.now())).toBeLessThanOrEqual(2)
    expect(systemClock.wallMs()).toBe(Date.now())
  })

  test('measures intervals by a clock that does not step with the wall clock', () => {
    const before = systemClock.monotonicMs()
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() - 86_400_000 })
    const after = systemClock.monotonicMs()
    expect(after).toBeGreaterThan(before)
    expect(after - before).toBeLessThan(1_000)
  })
})
