import { describe, expect, test } from 'vitest'
import { entryBytes } from '@bulkhead/trading-plane/ledger/format.ts'
import { createRing, RingConsumer, RingProducer } from '@bulkhead/trading-plane/ledger/ring.ts'

const capacity = 262_144
const recordOf = (n: number, length = 100) => new Uint8Array(length).fill(n % 251 || 1)

function pair(lastSeq = 0) {
  const ring = createRing(capacity)
  return { producer: new RingProducer(ring, lastSeq), consumer: new RingConsumer(ring) }
}

describe('the ring', () => {
  test('takes no more than it holds, says so, and loses nothing of what it took', () => {
    const { producer, consumer } = pair()
    let taken = 0
    while (producer.offer(recordOf(taken), taken + 1)) taken += 1
    expect(taken).toBe(Math.floor(capacity / entryBytes(100)))
    expect(producer.offer(recordOf(1), taken + 1)).toBe(false)
    let seen = 0
    for (let batch = consumer.take(10_000); batch !== null; batch = consumer.take(10_000)) {
      expect(batch.firstSeqLow).toBe(seen + 1)
      expect(batch.payload.length).toBeLessThanOrEqual(10_000)
      seen += batch.count
      consumer.release(batch, seen, 1)
    }
    expect(seen).toBe(taken)
    expect(producer.durableLow).toBe(taken)
    expect(producer.offer(recordOf(1), taken + 1)).toBe(true)
  })

  test('does not give room back before its records are durable', () => {
    const { producer, consumer } = pair()
    let taken = 0
    while (producer.offer(recordOf(taken), taken + 1)) taken += 1
    const batch = consumer.take(capacity)
    expect(producer.offer(recordOf(1), taken + 1)).toBe(false)
    if (batch === null) throw new Error('nothing in a full ring')
    consumer.release(batch, batch.count, 1)
    expect(producer.offer(recordOf(1), taken + 1)).toBe(true)
  })

  test('hands over records of any size in one piece, round and round', () => {
    const { producer, consumer } = pair()
    const sizes = [1, 3, 4, 5, 1_000, 65_536, 17, 30_000]
    let written = 0
    let seen = 0
    for (let round = 0; round < 400; round += 1) {
      const length = sizes[round % sizes.length] ?? 1
      while (!producer.offer(recordOf(written, length), written + 1)) drain()
      written += 1
    }
    drain()
    expect(seen).toBe(written)

    function drain(): void {
      for (let batch = consumer.take(50_000); batch !== null; batch = consumer.take(50_000)) {
        const view = new DataView(batch.payload.slice().buffer)
        for (let at = 0, n = 0; n < batch.count; n += 1) {
          const length = view.getUint32(at, true)
          expect(view.getUint32(at + 4, true)).toBe(seen + 1)
          const expected = recordOf(seen, sizes[seen % sizes.length])
          const record = batch.payload.slice(at + 8, at + 8 + length)
          expect(Buffer.compare(record, expected)).toBe(0)
          const padding = batch.payload.slice(at + 8 + length, at + entryBytes(length))
          expect(padding.every((byte) => byte === 0)).toBe(true)
          at += entryBytes(length)
          seen += 1
        }
        consumer.release(batch, seen, 1)
      }
    }
  })

  test('goes on where numbers no longer fit 32 bits', async () => {
    const lastSeq = 2 ** 32 - 2
    const { producer, consumer } = pair(lastSeq)
    for (const n of [1, 2, 3]) producer.offer(recordOf(n), lastSeq + n)
    const before = producer.durableLow
    const batch = consumer.take(capacity)
    if (batch === null) throw new Error('nothing in the ring')
    expect(batch.firstSeqLow).toBe(2 ** 32 - 1)
    const more = producer.moreDurable(before)
    consumer.release(batch, lastSeq + 3, 7)
    await more
    expect((producer.durableLow - before) >>> 0).toBe(3)
    expect(producer.writerCounters).toEqual({ syncUsMax: 7, batches: 1 })
  })

  test('lets its consumer sleep no longer than told, and not at all while there is work', () => {
    const { producer, consumer } = pair()
    const startedMs = performance.now()
    consumer.waitForMore(0, 20)
    expect(performance.now() - startedMs).toBeGreaterThan(15)
    producer.offer(recordOf(1), 1)
    consumer.waitForMore(0, 60_000)
    expect(consumer.isStopping).toBe(false)
    producer.stop()
    expect(consumer.isStopping).toBe(true)
  })
})
