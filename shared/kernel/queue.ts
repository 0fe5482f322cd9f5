import { assert } from './assert.ts'

/** A first-in first-out queue with a fixed bound. A full queue refuses; it never drops silently. */
export class BoundedQueue<T> {
  readonly capacity: number
  #items: T[] = []
  #head = 0

  constructor(capacity: number) {
    assert(Number.isInteger(capacity) && capacity > 0, 'queue capacity is a positive integer')
    this.capacity = capacity
  }

  get size(): number {
    return this.#items.length - this.#head
  }

  get isFull(): boolean {
    return this.size >= this.capacity
  }

  /** Appends the item and says true, or leaves the queue as it was and says false when full. */
  push(item: T): boolean {
    if (this.isFull) return false
    this.#items.push(item)
    return true
  }

  /** The oldest item, left in place; undefined when empty. */
  peek(): T | undefined {
    return this.#items[this.#head]
  }

  /** Everything in it, oldest first. */
  toArray(): T[] {
    return this.#items.slice(this.#head)
  }

  /** Removes and returns the oldest item; undefined when empty. */
  shift(): T | undefined {
    if (this.size === 0) return undefined
    const item = this.#items[this.#head]
    this.#head += 1
    if (this.#head * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#head)
      this.#head = 0
    }
    return item
  }
}
