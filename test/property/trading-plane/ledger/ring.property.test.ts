import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { entryBytes } from '@bulkhead/trading-plane/ledger/format.ts'
import { createRing, RingConsumer, RingProducer } from '@bulkhead/trading-plane/ledger/ring.ts'

type Step = { readonly offer: number } | { readonly drain: number }

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ offer: fc.integer({ min: 1, max: 65_536 }) }) },
  { weight: 2, arbitrary: fc.record({ drain: fc.integer({ min: 1, max: 100_000 }) }) },
)
const filledWith = (n: number, length: number) => Buffer.alloc(length, (n % 255) + 1)

test('whatever is offered and drained, the ring is a bounded row that loses and mixes nothing', () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 20, maxLength: 120 }), (steps) => {
      const capacity = 262_144
      const ring = createRing(capacity)
      const producer = new RingProducer(ring, 0)
      const consumer = new RingConsumer(ring)
      const waiting: number[] = []
      let taken = 0
      let seen = 0
      for (const each of steps) {
        if ('offer' in each) {
          const bytes = waiting.reduce((sum, length) => sum + entryBytes(length), 0)
          const isTaken = producer.offer(filledWith(taken, each.offer), taken + 1)
          if (bytes + entryBytes(each.offer) > capacity) expect(isTaken).toBe(false)
          if (!isTaken) continue
          waiting.push(each.offer)
          taken += 1
        } else {
          const batch = consumer.take(each.drain)
          expect(batch === null).toBe(waiting.length === 0)
          if (batch === null) continue
          const payload = Buffer.from(batch.payload)
          for (let at = 0, n = 0; n < batch.count; n += 1) {
            const length = waiting.shift() ?? 0
            expect(payload.readUInt32LE(at)).toBe(length)
            expect(payload.readUInt32LE(at + 4)).toBe(seen + 1)
            const record = payload.subarray(at + 8, at + 8 + length)
            expect(record.equals(filledWith(seen, length))).toBe(true)
            at += entryBytes(length)
            seen += 1
          }
          consumer.release(batch, seen, 1)
        }
      }
      expect(producer.durableLow).toBe(seen)
    }),
    { numRuns: 150 },
  )
})
