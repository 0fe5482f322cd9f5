import { assert } from '@bulkhead/shared/kernel/assert.ts'

/** Remembers the last `capacity` texts; forgets the oldest first. */
export class RecentSet {
  readonly #capacity: number
  readonly #seen = new Set<string>()
  /** The same texts in the order of their coming; a set finds its oldest only by walking. */
  readonly #row: string[] = []
  #oldestAt = 0

  constructor(capacity: number) {
    assert(Number.isInteger(capacity) && capacity > 0, 'a set remembers at least one text')
    this.#capacity = capacity
  }

  /** What is remembered, oldest first. */
  toArray(): string[] {
    return [...this.#row.slice(this.#oldestAt), ...this.#row.slice(0, this.#oldestAt)]
  }

  has(text: string): boolean {
    return this.#seen.has(text)
  }

  /**
   * Remembers a text and says whether it was new. To look at its first character joins a text that
   * was put together from pieces, which would be kept one by one as long as the text is.
   */
  add(text: string): boolean {
    assert(text.charCodeAt(0) > 0, 'an empty text is no name')
    if (this.#seen.has(text)) return false
    this.#seen.add(text)
    if (this.#row.length < this.#capacity) {
      this.#row.push(text)
      return true
    }
    this.#seen.delete(this.#row[this.#oldestAt] ?? '')
    this.#row[this.#oldestAt] = text
    this.#oldestAt = (this.#oldestAt + 1) % this.#capacity
    return true
  }
}
