import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { canonicalJson, type Json } from '@bulkhead/shared/kernel/canonical-json.ts'
import { BoundedQueue } from '@bulkhead/shared/kernel/queue.ts'

const json = fc.jsonValue({ stringUnit: 'binary' }) as fc.Arbitrary<Json>

/** The same value with the members of every object in another order of insertion. */
function reversed(value: Json): Json {
  if (Array.isArray(value)) return value.map((item: Json) => reversed(item))
  if (typeof value !== 'object' || value === null) return value
  const members = Object.entries(value).toReversed()
  return Object.fromEntries(members.map(([key, member]) => [key, reversed(member)]))
}

describe('canonical JSON', () => {
  test('parses back to the value that it was made of', () => {
    fc.assert(
      fc.property(json, (value) => {
        expect(JSON.parse(canonicalJson(value))).toEqual(JSON.parse(JSON.stringify(value)))
      }),
    )
  })

  test('does not depend on the order in which keys were set', () => {
    fc.assert(
      fc.property(json, (value) => {
        expect(canonicalJson(reversed(value))).toBe(canonicalJson(value))
      }),
    )
  })

  test('is the same text again when it is parsed and written once more', () => {
    fc.assert(
      fc.property(json, (value) => {
        const text = canonicalJson(value)
        expect(canonicalJson(JSON.parse(text) as Json)).toBe(text)
      }),
    )
  })

  test('refuses every string with a lone surrogate, as value and as key', () => {
    const illFormed = fc
      .tuple(fc.string(), fc.integer({ min: 0xd800, max: 0xdfff }), fc.constantFrom('', 'a'))
      .map(([before, unit, after]) => `${before}${String.fromCharCode(unit)}${after}`)
    fc.assert(
      fc.property(illFormed, (text) => {
        expect(() => canonicalJson(text)).toThrow(TypeError)
        expect(() => canonicalJson({ [text]: 1 })).toThrow(TypeError)
      }),
    )
  })
})

describe('bounded queue', () => {
  test('behaves like a plain list with a bound under any sequence of calls', () => {
    const calls = fc.array(fc.oneof(fc.constant('shift' as const), fc.nat(99)), { maxLength: 200 })
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 20 }), calls, (capacity, sequence) => {
        const queue = new BoundedQueue<number>(capacity)
        const list: number[] = []
        for (const call of sequence) {
          if (call === 'shift') expect(queue.shift()).toBe(list.shift())
          else {
            expect(queue.push(call)).toBe(list.length < capacity)
            if (list.length < capacity) list.push(call)
          }
          expect(queue.size).toBe(list.length)
          expect(queue.peek()).toBe(list[0])
          expect(queue.isFull).toBe(list.length === capacity)
        }
      }),
    )
  })
})
