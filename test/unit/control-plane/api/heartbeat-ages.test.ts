import { describe, expect, it } from 'vitest'
import { ageMsOf, observe } from '../../../../control-plane/api/heartbeat-ages.core.ts'

describe('ages by the monotonic clock', () => {
  it('has no age for what was never seen', () => {
    expect(ageMsOf(observe(undefined, null, 0, 100), 5_000)).toBeNull()
  })

  it('starts with the age that the first value claims, and with none for a later change', () => {
    const first = observe(undefined, 'a', 400, 1_000)
    expect(ageMsOf(first, 1_100)).toBe(500)
    const second = observe(first, 'b', 9_999, 2_000)
    expect(ageMsOf(second, 2_000)).toBe(0)
  })

  it('believes no claim from the future', () => {
    expect(ageMsOf(observe(undefined, 'a', -60_000, 0), 250)).toBe(250)
  })

  it('goes on ageing while the value stands still and after the key expired', () => {
    const seen = observe(undefined, 'a', 0, 0)
    const same = observe(seen, 'a', 0, 3_000)
    const expired = observe(same, null, 0, 6_500)
    expect(ageMsOf(expired, 30_000)).toBe(30_000)
  })
})
