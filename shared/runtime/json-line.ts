/**
 * Splits a byte stream into lines with a bound on the line length, for the intent socket and the
 * like. A line that is too long is reported once and skipped up to its end.
 */
export class LineSplitter {
  readonly #lineBytesMax: number
  readonly #onLine: (line: string) => void
  readonly #onTooLong: () => void
  #pending: Buffer = Buffer.alloc(0)
  #skipping = false

  constructor(lineBytesMax: number, onLine: (line: string) => void, onTooLong: () => void) {
    this.#lineBytesMax = lineBytesMax
    this.#onLine = onLine
    this.#onTooLong = onTooLong
  }

  push(chunk: Buffer): void {
    this.#pending = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk])
    for (;;) {
      const end = this.#pending.indexOf(0x0a)
      if (end < 0) break
      const line = this.#pending.subarray(0, end)
      this.#pending = this.#pending.subarray(end + 1)
      this.#take(line)
    }
    if (this.#pending.length <= this.#lineBytesMax) return
    if (!this.#skipping) this.#onTooLong()
    this.#skipping = true
    this.#pending = Buffer.alloc(0)
  }

  #take(line: Buffer): void {
    if (this.#skipping) {
      this.#skipping = false
      return
    }
    if (line.length > this.#lineBytesMax) this.#onTooLong()
    else if (line.length > 0) this.#onLine(line.toString('utf8'))
  }
}
