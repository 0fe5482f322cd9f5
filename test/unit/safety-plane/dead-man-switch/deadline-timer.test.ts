import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { Clock } from '@bulkhead/shared/kernel/clock.ts'
import { DeadlineTimer } from '@bulkhead/safety-plane/dead-man-switch/deadline-timer.ts'

let tickMs = 0
const clock: Clock = { monotonicMs: () => tickMs, wallMs: () => 0, wallNs: () => 0n }
const fired: number[] = []
const timer = () => new DeadlineTimer(clock, () => fired.push(tickMs))

/** Timers run by their own idea of time, which may be ahead of the clock. */
async function pass(ms: number, clockMs = ms): Promise<void> {
  tickMs += clockMs
  await vi.advanceTimersByTimeAsync(ms)
}

beforeEach(() => {
  vi.useFakeTimers()
  tickMs = 1_000.25
  fired.length = 0
})
afterEach(() => {
  vi.useRealTimers()
})

test('fires once, at its deadline', async () => {
  timer().set(1_500)
  await pass(499)
  expect(fired).toEqual([])
  await pass(1)
  expect(fired).toEqual([1_500.25])
  await pass(5_000)
  expect(fired).toHaveLength(1)
})

test('re-arms when the timer came before the clock', async () => {
  timer().set(1_500)
  await pass(500, 499)
  expect(fired).toEqual([])
  await pass(1)
  expect(fired).toEqual([1_500.25])
})

test('keeps only the last deadline, and none when there is none', async () => {
  const moved = timer()
  moved.set(1_100)
  moved.set(1_300)
  await pass(200)
  expect(fired).toEqual([])
  moved.set(null)
  await pass(5_000)
  expect(fired).toEqual([])
})

test('reaches deadlines beyond the longest single wait', async () => {
  timer().set(1_000.25 + 150_000)
  await pass(149_999)
  expect(fired).toEqual([])
  await pass(60_000)
  expect(fired).toHaveLength(1)
})
