import { crc32 } from 'node:zlib'

/**
 * One record on disk, all integers little-endian:
 *
 *     magic u32 | seq u64 | length u32 | payload | crc u32 | trailer u32
 *
 * The CRC covers header and payload and is seeded with the CRC of the frame before, so that frames
 * cannot be dropped, repeated or reordered unnoticed. A length of zero is never valid, so a zeroed
 * tail is not a row of empty records (reliability finding 12).
 */
const MAGIC = 0x314c4b42
const TRAILER = 0x454c4b42
const HEADER_BYTES = 16
const FOOTER_BYTES = 8
/** Bound on one payload; larger is a broken invariant on write and corruption on read. */
export const payloadBytesMax = 64 * 1024

export type Frame = {
  readonly seq: number
  readonly payload: Buffer
  readonly crc: number
  readonly bytes: number
}

/**
 * Why the bytes at an offset are not a frame. Only `INCOMPLETE` and `ZEROS` can be a torn write.
 */
export type FrameFault = 'INCOMPLETE' | 'ZEROS' | 'BAD_MAGIC' | 'BAD_LENGTH' | 'BAD_CRC'
export type FrameRead =
  | { readonly kind: 'frame'; readonly frame: Frame }
  | { readonly kind: 'end' }
  | { readonly kind: 'fault'; readonly fault: FrameFault }

export function encodeFrame(seq: number, payload: Uint8Array, previousCrc: number) {
  const bytes = Buffer.alloc(HEADER_BYTES + payload.length + FOOTER_BYTES)
  bytes.writeUInt32LE(MAGIC, 0)
  bytes.writeBigUInt64LE(BigInt(seq), 4)
  bytes.writeUInt32LE(payload.length, 12)
  bytes.set(payload, HEADER_BYTES)
  const crc = crc32(bytes.subarray(0, HEADER_BYTES + payload.length), previousCrc)
  bytes.writeUInt32LE(crc, HEADER_BYTES + payload.length)
  bytes.writeUInt32LE(TRAILER, HEADER_BYTES + payload.length + 4)
  return { bytes, crc }
}

/** Reads the frame at an offset. Never throws, whatever the bytes are. */
export function readFrame(file: Buffer, offset: number, previousCrc: number): FrameRead {
  const left = file.length - offset
  if (left === 0) return { kind: 'end' }
  if (isZero(file.subarray(offset))) return { kind: 'fault', fault: 'ZEROS' }
  if (left < HEADER_BYTES) return { kind: 'fault', fault: 'INCOMPLETE' }
  if (file.readUInt32LE(offset) !== MAGIC) return { kind: 'fault', fault: 'BAD_MAGIC' }
  const length = file.readUInt32LE(offset + 12)
  if (length === 0 || length > payloadBytesMax) return { kind: 'fault', fault: 'BAD_LENGTH' }
  const bytes = HEADER_BYTES + length + FOOTER_BYTES
  if (left < bytes) return { kind: 'fault', fault: 'INCOMPLETE' }
  const crcAt = offset + HEADER_BYTES + length
  const crc = crc32(file.subarray(offset, crcAt), previousCrc)
  const isWhole = file.readUInt32LE(crcAt) === crc && file.readUInt32LE(crcAt + 4) === TRAILER
  if (!isWhole) return { kind: 'fault', fault: 'BAD_CRC' }
  const seq = Number(file.readBigUInt64LE(offset + 4))
  const payload = file.subarray(offset + HEADER_BYTES, crcAt)
  return { kind: 'frame', frame: { seq, payload, crc, bytes } }
}

/**
 * Whether a frame could begin anywhere after an offset: then what stands there is not a torn tail.
 */
export function hasFrameAfter(file: Buffer, offset: number): boolean {
  const magic = Buffer.alloc(4)
  magic.writeUInt32LE(MAGIC, 0)
  return file.indexOf(magic, offset + 1) >= 0
}

function isZero(bytes: Buffer): boolean {
  return bytes.every((byte) => byte === 0)
}
