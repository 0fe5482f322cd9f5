import { isWithin } from './msgpack-writer.ts'

const rememberedTexts = 8_192
/** Labels and ids differ at their ends. */
const hashedBytes = 8

/**
 * Reads the values of one record that `MsgpackWriter` wrote, in any form that msgpack has for them.
 * The caller says which kind it expects; a value of another kind is remembered as a fault and read
 * as an empty one, so that a caller need ask only once, at the end. Never throws.
 *
 * The same few texts stand in a ledger again and again, the label of an order in every record of
 * it; one that was just read is given back as it is, which is cheaper than making it anew, and
 * whoever looks it up afterwards finds its hash computed.
 */
export class MsgpackReader {
  #bytes: Buffer = Buffer.alloc(0)
  #at = 0
  #end = 0
  #isFaulty = false
  readonly #texts: string[] = Array.from({ length: rememberedTexts }, () => '')

  /** Begins with the bytes of one record. @returns how many values it has; -1 when it is no row */
  begin(bytes: Buffer, from: number, end: number): number {
    this.#bytes = bytes
    this.#at = from
    this.#end = end
    this.#isFaulty = false
    const head = this.#byte()
    if (head >>> 4 === 0x9) return head & 0x0f
    if (head === 0xdc) return this.#whole(2)
    return -1
  }

  /** Whether all that was asked for was there, and nothing else. */
  get isWhole(): boolean {
    return !this.#isFaulty && this.#at === this.#end
  }

  /** A text of at most so many characters. */
  text(charactersMax: number): string {
    const value = this.#text(this.#byte())
    if (!isWithin(value, charactersMax)) this.#isFaulty = true
    return value
  }

  textOrNull(charactersMax: number): string | null {
    if (this.#bytes[this.#at] !== 0xc0) return this.text(charactersMax)
    this.#byte()
    return null
  }

  /** A text that must be one of those known. */
  oneOf<T extends string>(known: readonly T[]): T {
    const value = this.#text(this.#byte())
    const found = known.find((each) => each === value)
    if (found !== undefined) return found
    this.#isFaulty = true
    return known[0] as T
  }

  flag(): boolean {
    const head = this.#byte()
    if (head !== 0xc2 && head !== 0xc3) this.#isFaulty = true
    return head === 0xc3
  }

  /** A whole number that is not negative. */
  count(): number {
    const value = this.number()
    if (!Number.isSafeInteger(value) || value < 0) this.#isFaulty = true
    return value
  }

  /** Any number but NaN and the infinities. */
  number(): number {
    const value = this.#number(this.#byte())
    if (!Number.isFinite(value)) this.#isFaulty = true
    return value
  }

  numberOrNull(): number | null {
    if (this.#bytes[this.#at] !== 0xc0) return this.number()
    this.#byte()
    return null
  }

  #byte(): number {
    const at = this.#at
    this.#at = at + 1
    if (at < this.#end) return this.#bytes[at] ?? 0
    this.#isFaulty = true
    return 0xc1
  }

  /** A whole number of so many bytes, the largest first. */
  #whole(bytes: number): number {
    let value = 0
    for (let left = bytes; left > 0; left -= 1) value = value * 256 + this.#byte()
    return value
  }

  #number(head: number): number {
    if (head < 0x80) return head
    if (head >= 0xe0) return head - 0x1_00
    switch (head) {
      case 0xca:
        return this.#here(4) ? this.#bytes.readFloatBE(this.#at - 4) : 0
      case 0xcb:
        return this.#here(8) ? this.#bytes.readDoubleBE(this.#at - 8) : 0
      case 0xcc:
      case 0xcd:
      case 0xce:
      case 0xcf:
        return this.#whole(1 << (head - 0xcc))
      case 0xd0:
      case 0xd1:
      case 0xd2:
      case 0xd3:
        return this.#signed(1 << (head - 0xd0))
      default:
        this.#isFaulty = true
        return 0
    }
  }

  #signed(bytes: number): number {
    if (!this.#here(bytes)) return 0
    const from = this.#at - bytes
    if (bytes === 8) return Number(this.#bytes.readBigInt64BE(from))
    return this.#bytes.readIntBE(from, bytes)
  }

  /** Goes past so many bytes, if they are there. */
  #here(bytes: number): boolean {
    this.#at += bytes
    if (this.#at <= this.#end) return true
    this.#isFaulty = true
    return false
  }

  #text(head: number): string {
    let length = head & 0x1f
    if (head === 0xd9) length = this.#whole(1)
    else if (head === 0xda) length = this.#whole(2)
    else if (head === 0xdb) length = this.#whole(4)
    else if (head >>> 5 !== 0b101) this.#isFaulty = true
    return this.#here(length) && !this.#isFaulty ? this.#remembered(this.#at - length, length) : ''
  }

  #remembered(from: number, length: number): string {
    const bytes = this.#bytes
    const end = from + length
    let hash = length
    for (let at = Math.max(from, end - hashedBytes); at < end; at += 1) {
      hash = (Math.imul(hash, 31) + (bytes[at] ?? 0)) | 0
    }
    const slot = (hash ^ (hash >>> 13)) & (rememberedTexts - 1)
    const known = this.#texts[slot] ?? ''
    if (known.length === length && isSame(bytes, from, known)) return known
    const value = bytes.toString('utf8', from, end)
    // Only a text of one byte a character can be compared byte by byte.
    if (value.length === length) this.#texts[slot] = value
    return value
  }
}

function isSame(bytes: Uint8Array, from: number, text: string): boolean {
  for (let at = 0; at < text.length; at += 1) {
    if (bytes[from + at] !== text.charCodeAt(at)) return false
  }
  return true
}
