import { describe, expect, test } from 'vitest'
import { RecentSet } from '@bulkhead/trading-plane/engine/numbers/recent-set.ts'

describe('a memory of the latest texts', () => {
  test('knows what it was told, once', () => {
    const seen = new RecentSet(2)
    expect([seen.has('a'), seen.add('a'), seen.has('a'), seen.add('a')]).toEqual([
      false,
      true,
      true,
      false,
    ])
  })

  test('forgets the oldest first, and never more than it must', () => {
    const seen = new RecentSet(2)
    for (const text of ['a', 'b', 'b', 'c', 'd']) seen.add(text)
    expect(['a', 'b', 'c', 'd'].filter((text) => seen.has(text))).toEqual(['c', 'd'])
  })

  test('takes no empty text and no capacity of nothing', () => {
    expect(() => new RecentSet(1).add('')).toThrow('an empty text is no name')
    expect(() => new RecentSet(0)).toThrow('at least one text')
  })
})
