import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { RecentSet } from '@bulkhead/trading-plane/engine/numbers/recent-set.ts'

const known = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']

test('a set of recent texts remembers what a plain list of the last ones holds', () => {
  const texts = fc.array(fc.constantFrom(...known), { maxLength: 60 })
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 6 }), texts, (capacity, coming) => {
      const set = new RecentSet(capacity)
      let list: string[] = []
      for (const text of coming) {
        expect(set.add(text)).toBe(!list.includes(text))
        if (!list.includes(text)) list = [...list, text].slice(-capacity)
        for (const each of known) expect(set.has(each)).toBe(list.includes(each))
      }
    }),
  )
})
