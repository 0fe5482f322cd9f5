import { crc32 } from 'node:zlib'

/**
 * Format 2. A file is a header and a row of frames, then zeros up to its preallocated size; all
 * integers are little-endian.
 *
 *     header  magic 8 | version u32 | number u32 | first seq u64 | first batch u64 | chain u32 |
 *             pid u32 | created f64 | component 32 | zeros 12 | crc u32
 *     frame   magic u32 | count u32 | batch u64 | first seq u64 | length u32 | chain u32 |
 *             header crc u32 | payload | crc u32 | batch u64 | end u32
 *     payload count times: length u32 | low 32 bits of seq u32 | record | zeros to a multiple of 4
 *
 * `chain` is the checksum of what stands before: of the frame, of the header for the first frame,
 * of the last frame of the file before for a header. So nothing can be dropped, repeated or moved
 * unnoticed. The header has a checksum of its own because the length decides what is torn; a
 * length of zero is never valid (reliability finding 12), and the end mark is never zero, so that a
 * frame whose end is zeros was not written to its end.
 */
export const formatVersion = 2
export const headerBytes = 96
export const frameHeadBytes = 36
export const frameFootBytes = 16
export const entryHeadBytes = 8
/** Bound on one record; larger is a broken invariant on write and corruption on read. */
export const recordBytesMax = 64 * 1_024
/** Bound on the payload of one frame, whatever the configuration of its writer was. */
export const payloadBytesMax = 1_048_576

const fileMagic = Buffer.from('BKHDWAL\n', 'latin1')
const frameMagic = 0x33_4c_4b_62
const endMark = 0x6e_65_4b_62
export const frameMagicBytes = Buffer.alloc(4)
frameMagicBytes.writeUInt32LE(frameMagic)

export type SegmentHeader = {
  readonly component: string
  readonly number: number
  readonly firstSeq: number
  readonly firstBatch: number
  /** Checksum of the last frame of the file before; 0 for the first file. */
  readonly chain: number
  readonly pid: number
  readonly createdMs: number
}
export type HeaderRead =
  | { readonly kind: 'header'; readonly header: SegmentHeader; readonly crc: number }
  | { readonly kind: 'fault'; readonly fault: 'FOREIGN' | 'OTHER_VERSION' | 'DAMAGED' }

export type FrameHead = {
  readonly count: number
  readonly batch: number
  readonly firstSeq: number
  readonly length: number
  readonly chain: number
}
export type Frame = FrameHead & { readonly crc: number; readonly bytes: number }

export function encodeHeader(header: SegmentHeader): { bytes: Buffer; crc: number } {
  const bytes = Buffer.alloc(headerBytes)
  fileMagic.copy(bytes)
  bytes.writeUInt32LE(formatVersion, 8)
  bytes.writeUInt32LE(header.number, 12)
  bytes.writeBigUInt64LE(BigInt(header.firstSeq), 16)
  bytes.writeBigUInt64LE(BigInt(header.firstBatch), 24)
  bytes.writeUInt32LE(header.chain, 32)
  bytes.writeUInt32LE(header.pid, 36)
  bytes.writeDoubleLE(header.createdMs, 40)
  bytes.write(header.component, 48, 32, 'latin1')
  const crc = crc32(bytes.subarray(0, headerBytes - 4))
  bytes.writeUInt32LE(crc, headerBytes - 4)
  return { bytes, crc }
}

/** Reads the header of a file. Never throws, whatever the bytes are. */
export function readHeader(file: Buffer): HeaderRead {
  if (!file.subarray(0, 8).equals(fileMagic)) return { kind: 'fault', fault: 'FOREIGN' }
  if (file.length < headerBytes) return { kind: 'fault', fault: 'DAMAGED' }
  const crc = crc32(file.subarray(0, headerBytes - 4))
  const isWhole = file.readUInt32LE(headerBytes - 4) === crc
  if (file.readUInt32LE(8) !== formatVersion) {
    return { kind: 'fault', fault: isWhole ? 'OTHER_VERSION' : 'DAMAGED' }
  }
  if (!isWhole) return { kind: 'fault', fault: 'DAMAGED' }
  const header = {
    component: file.toString('latin1', 48, 80).replace(/\0+$/, ''),
    number: file.readUInt32LE(12),
    firstSeq: Number(file.readBigUInt64LE(16)),
    firstBatch: Number(file.readBigUInt64LE(24)),
    chain: file.readUInt32LE(32),
    pid: file.readUInt32LE(36),
    createdMs: file.readDoubleLE(40),
  }
  return { kind: 'header', header, crc }
}

/** Bytes of a frame around a payload; what is returned may be written as it stands. */
export function encodeFrame(head: Omit<FrameHead, 'length'>, payload: Uint8Array) {
  const before = Buffer.allocUnsafe(frameHeadBytes)
  before.writeUInt32LE(frameMagic, 0)
  before.writeUInt32LE(head.count, 4)
  before.writeBigUInt64LE(BigInt(head.batch), 8)
  before.writeBigUInt64LE(BigInt(head.firstSeq), 16)
  before.writeUInt32LE(payload.length, 24)
  before.writeUInt32LE(head.chain, 28)
  before.writeUInt32LE(crc32(before.subarray(0, 32)), 32)
  const crc = crc32(payload, crc32(before))
  const after = Buffer.allocUnsafe(frameFootBytes)
  after.writeUInt32LE(crc, 0)
  after.writeBigUInt64LE(BigInt(head.batch), 4)
  after.writeUInt32LE(endMark, 12)
  return { before, after, crc }
}

/** Reads the head of a frame, or null when none stands whole at the offset. Never throws. */
export function readFrameHead(file: Buffer, offset: number): FrameHead | null {
  if (file.length - offset < frameHeadBytes) return null
  if (file.readUInt32LE(offset) !== frameMagic) return null
  if (crc32(file.subarray(offset, offset + 32)) !== file.readUInt32LE(offset + 32)) return null
  const length = file.readUInt32LE(offset + 24)
  const count = file.readUInt32LE(offset + 4)
  if (length === 0 || length > payloadBytesMax || count === 0) return null
  return {
    count,
    batch: Number(file.readBigUInt64LE(offset + 8)),
    firstSeq: Number(file.readBigUInt64LE(offset + 16)),
    length,
    chain: file.readUInt32LE(offset + 28),
  }
}

/** Reads a frame that is whole in itself, or null; whether it belongs here is not asked. */
export function readFrame(file: Buffer, offset: number): Frame | null {
  const head = readFrameHead(file, offset)
  if (head === null) return null
  const footAt = offset + frameHeadBytes + head.length
  if (file.length - footAt < frameFootBytes) return null
  const crc = crc32(file.subarray(offset, footAt))
  const isWhole =
    file.readUInt32LE(footAt) === crc &&
    Number(file.readBigUInt64LE(footAt + 4)) === head.batch &&
    file.readUInt32LE(footAt + 12) === endMark
  return isWhole ? { ...head, crc, bytes: frameBytes(head.length) } : null
}

export function frameBytes(payloadLength: number): number {
  return frameHeadBytes + payloadLength + frameFootBytes
}

/** Bytes of an entry whose record has so many: head, record, zeros to a multiple of four. */
export function entryBytes(recordLength: number): number {
  return (entryHeadBytes + recordLength + 3) & ~3
}
