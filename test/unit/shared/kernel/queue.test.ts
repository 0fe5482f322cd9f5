import { describe, expect, test } from 'vitest'
import { InvariantError } from '@bulkhead/shared/kernel/assert.ts'
import { BoundedQueue } from '@bulkhead/shared/kernel/queue.ts'

describe('bounded queue', () => {
  test('gives items back in the order in which they came', () => {
    const queue = new BoundedQueue<number>(3)
    for (const item of [1, 2, 3]) queue.push(item)
    expect([queue.shift(), queue.shift(), queue.shift(), queue.shift()]).toEqual([
      1,
      2,
      3,
      undefined,
    ])
  })

  test('refuses an item when full and keeps what it has', () => {
    const queue = new BoundedQueue<string>(2)
    expect([queue.push('a'), queue.push('b'), queue.push('c')]).toEqual([true, true, false])
    expect(queue.isFull).toBe(true)
    expect(queue.size).toBe(2)
    expect(queue.peek()).toBe('a')
  })

  test('takes again what it refused once there is room', () => {
    const queue = new BoundedQueue<number>(1)
    queue.push(1)
    expect(queue.push(2)).toBe(false)
    queue.shift()
    expect(queue.push(2)).toBe(true)
    expect(queue.shift()).toBe(2)
  })

  test('shows the oldest item without taking it', () => {
    const queue = new BoundedQueue<number>(2)
    expect(queue.peek()).toBeUndefined()
    queue.push(7)
    expect([queue.peek(), queue.peek(), queue.size]).toEqual([7, 7, 1])
  })

  test.each([0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY])(
    'has no capacity of %d',
    (capacity) => {
      expect(() => new BoundedQueue(capacity)).toThrow(InvariantError)
    },
  )
})
