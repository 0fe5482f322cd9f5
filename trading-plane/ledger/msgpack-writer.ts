import { assert } from '@bulkhead/shared/kernel/assert.ts'
import { recordBytesMax } from './format.ts'

const fixedArray = 0x90
const array16 = 0xdc
const fixedText = 0xa0
const text8 = 0xd9
const text16 = 0xda
const uint8 = 0xcc
const uint16 = 0xcd
const uint32 = 0xce
const float64 = 0xcb
const nil = 0xc0
const no = 0xc2
const yes = 0xc3

/** Up to this length the characters are copied one by one; beyond it native code is cheaper. */
const copiedByHandMax = 24
const text8Max = 0xff

/**
 * Writes the values of one record as msgpack at a fraction of a general packer's price: the caller
 * knows the kind of every value. Any msgpack reader reads it. What could not be read back is a
 * broken invariant, not a record.
 */
export class MsgpackWriter {
  readonly #bytes = Buffer.alloc(recordBytesMax)
  readonly #view = new DataView(this.#bytes.buffer, this.#bytes.byteOffset, recordBytesMax)
  #at = 0

  /** Begins a record of so many values, its type among them. */
  begin(values: number): void {
    this.#at = 0
    if (values < 16) {
      this.#put(fixedArray | values)
      return
    }
    this.#put(array16)
    this.#put(values >>> 8)
    this.#put(values & 0xff)
  }

  /** A text of at most so many characters. */
  text(value: string, charactersMax: number): void {
    assert(typeof value === 'string' && isWithin(value, charactersMax), 'a record can be read back')
    const { length } = value
    if (length > text8Max || !this.#plainText(value, length)) this.#anyText(value)
  }

  textOrNull(value: string | null, charactersMax: number): void {
    if (value === null) this.#put(nil)
    else this.text(value, charactersMax)
  }

  /** A text that must be one of those known. */
  oneOf(value: string, known: readonly string[]): void {
    assert(known.includes(value), 'a record can be read back')
    this.text(value, value.length)
  }

  flag(value: boolean): void {
    assert(typeof value === 'boolean', 'a record can be read back')
    this.#put(value ? yes : no)
  }

  /** A whole number that is not negative. */
  count(value: number): void {
    assert(Number.isSafeInteger(value) && value >= 0, 'a record can be read back')
    this.#number(value)
  }

  /** Any number but NaN and the infinities. */
  number(value: number): void {
    assert(Number.isFinite(value), 'a record can be read back')
    this.#number(value)
  }

  numberOrNull(value: number | null): void {
    if (value === null) this.#put(nil)
    else this.number(value)
  }

  /** The bytes of the record; they are the writer's own until the next `begin`. */
  finish(): Uint8Array {
    return this.#bytes.subarray(0, this.#at)
  }

  #put(byte: number): void {
    this.#bytes[this.#at] = byte
    this.#at += 1
  }

  /** Writes a text of one byte a character; false when it is none, and then nothing was written. */
  #plainText(value: string, length: number): boolean {
    const bytes = this.#bytes
    let at = this.#at
    if (length < 32) {
      bytes[at] = fixedText | length
    } else {
      bytes[at] = text8
      at += 1
      bytes[at] = length
    }
    at += 1
    if (length > copiedByHandMax) {
      if (bytes.write(value, at) !== length) return false
      this.#at = at + length
      return true
    }
    // One look at all of them in the end is cheaper than one at each.
    let seen = 0
    for (let index = 0; index < length; index += 1) {
      const code = value.charCodeAt(index)
      seen |= code
      bytes[at + index] = code
    }
    this.#at = at + length
    if (seen <= 0x7f) return true
    this.#at -= length + (length < 32 ? 1 : 2)
    return false
  }

  #anyText(value: string): void {
    const length = Buffer.byteLength(value)
    this.#textHead(length)
    this.#at += this.#bytes.write(value, this.#at)
  }

  #textHead(length: number): void {
    if (length < 32) {
      this.#put(fixedText | length)
    } else if (length <= text8Max) {
      this.#put(text8)
      this.#put(length)
    } else {
      this.#put(text16)
      this.#put(length >>> 8)
      this.#put(length & 0xff)
    }
  }

  #number(value: number): void {
    if (value >>> 0 !== value || Object.is(value, -0)) {
      this.#put(float64)
      this.#view.setFloat64(this.#at, value)
      this.#at += 8
    } else if (value < 0x80) {
      this.#put(value)
    } else if (value < 0x1_00) {
      this.#put(uint8)
      this.#put(value)
    } else if (value < 0x1_00_00) {
      this.#put(uint16)
      this.#put(value >>> 8)
      this.#put(value & 0xff)
    } else {
      this.#put(uint32)
      this.#view.setUint32(this.#at, value)
      this.#at += 4
    }
  }
}

/** The schema counts characters; a text of so few units needs no counting. */
export function isWithin(value: string, charactersMax: number): boolean {
  return value.length <= charactersMax || Array.from(value).length <= charactersMax
}
