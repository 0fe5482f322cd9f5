import { assert } from '@bulkhead/shared/kernel/assert.ts'

/** Remembers the last `capacity` texts; forgets the oldest first. */
export class RecentSet {
  readonly #capacity: number
  readonly #seen = new Set<string>()

  constructor(capacity: number) {
    assert(Number.isInteger(capacity) && capacity > 0, 'a set remembers at least one text')
    this.#capacity = capacity
  }

  has(text: string): boolean {
    return this.#seen.has(text)
  }

  /** Remembers a text and says whether it was new. */
  add(text: string): boolean {
    if (this.#seen.has(text)) return false
    this.#seen.add(text)
    if (this.#seen.size > this.#capacity) {
      const oldest = this.#seen.values().next().value
      if (oldest !== undefined) this.#seen.delete(oldest)
    }
    return true
  }
}
