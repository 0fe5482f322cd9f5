import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { zstdDecompressSync } from 'node:zlib'

/**
 * A second reader of the ledger, written from the format's description alone and sharing nothing
 * with the product: it reads bytes one by one, computes its own checksum byte by byte, and knows
 * nothing of torn batches: it stops at the first byte that is not as described.
 */
export type SimpleEntry = { readonly seq: number; readonly row: readonly unknown[] }

export function readSimply(directory: string): SimpleEntry[] {
  const entries: SimpleEntry[] = []
  let chain = 0
  let batch = 0
  for (const name of readdirSync(directory).sort()) {
    if (!/^executor-\d{6}-\d+\.wal(\.zst)?$/.test(name)) continue
    const raw = readFileSync(join(directory, name))
    const bytes = name.endsWith('.zst') ? zstdDecompressSync(raw) : raw
    const read = readFileSimply(bytes, chain, batch, entries)
    chain = read.chain
    batch = read.batch
  }
  return entries
}

export function readFileSimply(
  bytes: Uint8Array,
  chainBefore: number,
  batchBefore: number,
  entries: SimpleEntry[],
): { chain: number; batch: number } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const u32 = (at: number) => (at + 4 <= bytes.length ? view.getUint32(at, true) : Number.NaN)
  const u64 = (at: number) => u32(at) + u32(at + 4) * 2 ** 32
  let chain = u32(92)
  let batch = batchBefore
  if (u32(32) !== chainBefore || crc(bytes, 0, 92) !== chain) return { chain: chainBefore, batch }
  for (let at = 96; ; ) {
    const [count, length] = [u32(at + 4), u32(at + 24)]
    const foot = at + 36 + length
    const isWhole =
      u64(at + 8) === batch + 1 &&
      u32(at + 28) === chain &&
      length > 0 &&
      foot + 16 <= bytes.length &&
      crc(bytes, at, foot) === u32(foot) &&
      u64(foot + 4) === batch + 1 &&
      u32(foot + 12) === 0x6e_65_4b_62
    if (!isWhole) return { chain, batch }
    let seq = u64(at + 16)
    for (let entry = at + 36, n = 0; n < count; n += 1) {
      const size = u32(entry)
      entries.push({ seq, row: readRow(bytes.subarray(entry + 8, entry + 8 + size)) })
      seq += 1
      entry += Math.ceil((8 + size) / 4) * 4
    }
    chain = u32(foot)
    batch += 1
    at = foot + 16
  }
}

const remainders = Uint32Array.from({ length: 256 }, (_, byte) => {
  let rest = byte
  for (let bit = 0; bit < 8; bit += 1) rest = rest & 1 ? (rest >>> 1) ^ 0xed_b8_83_20 : rest >>> 1
  return rest
})

/** CRC-32 (ISO-HDLC), one byte at a time. */
function crc(bytes: Uint8Array, from: number, to: number): number {
  let rest = 0xff_ff_ff_ff
  for (let at = from; at < to; at += 1) {
    rest = (rest >>> 8) ^ (remainders[(rest ^ (bytes[at] ?? 0)) & 0xff] ?? 0)
  }
  return (rest ^ 0xff_ff_ff_ff) >>> 0
}

const decoder = new TextDecoder()

/** The few kinds of msgpack that a row is made of. */
function readRow(bytes: Uint8Array): unknown[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let at = 0
  const take = (count: number) => {
    at += count
    return at - count
  }
  const textOf = (length: number) => {
    const start = take(length)
    return decoder.decode(bytes.subarray(start, start + length))
  }
  const listOf = (length: number) => Array.from({ length }, () => next())
  const next = (): unknown => {
    const kind = view.getUint8(take(1))
    if (kind < 0x80) return kind
    if (kind >= 0xe0) return kind - 0x100
    if ((kind & 0xe0) === 0xa0) return textOf(kind & 0x1f)
    if ((kind & 0xf0) === 0x90) return listOf(kind & 0x0f)
    switch (kind) {
      case 0xc0:
        return null
      case 0xc2:
        return false
      case 0xc3:
        return true
      case 0xca:
        return view.getFloat32(take(4))
      case 0xcb:
        return view.getFloat64(take(8))
      case 0xcc:
        return view.getUint8(take(1))
      case 0xcd:
        return view.getUint16(take(2))
      case 0xce:
        return view.getUint32(take(4))
      case 0xd0:
        return view.getInt8(take(1))
      case 0xd1:
        return view.getInt16(take(2))
      case 0xd2:
        return view.getInt32(take(4))
      case 0xd9:
        return textOf(view.getUint8(take(1)))
      case 0xda:
        return textOf(view.getUint16(take(2)))
      case 0xdc:
        return listOf(view.getUint16(take(2)))
      default:
        throw new Error(`kind 0x${kind.toString(16)} is not expected in a record`)
    }
  }
  const row = next()
  if (!Array.isArray(row) || at !== bytes.length) throw new Error('not one whole row')
  return row
}
