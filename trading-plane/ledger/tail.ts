import { frameBytes, frameHeadBytes, frameMagicBytes, payloadBytesMax } from './format.ts'
import { readFrame, readFrameHead } from './format.ts'

const sectorBytes = 512

/**
 * What stands behind the last whole frame: nothing but zeros, a batch that provably was not
 * written to its end, or damage.
 */
export type Tail = 'empty' | 'torn' | 'damaged'

/**
 * Judges the bytes from an offset on. Torn is only what an interrupted write of one batch leaves:
 * no whole frame after it, no more bytes than one frame has, and a part that never arrived: the
 * file ends too early, or a whole sector of it, or its end mark, is zeros as in the fresh file. One
 * changed bit does none of that, so a batch that was acknowledged is never mistaken for a torn one.
 */
export function judgeTail(file: Buffer, offset: number): Tail {
  const lastByte = lastNonZero(file, offset)
  if (lastByte < offset) return 'empty'
  if (hasFrameAfter(file, offset)) return 'damaged'
  if (lastByte >= offset + frameBytes(payloadBytesMax)) return 'damaged'
  const head = readFrameHead(file, offset)
  if (head === null) return isTornHead(file, offset, lastByte) ? 'torn' : 'damaged'
  const end = offset + frameBytes(head.length)
  if (lastByte >= end) return 'damaged'
  const endsEarly = lastByte < end - 1
  return endsEarly || hasZeroSector(file, offset, end) ? 'torn' : 'damaged'
}

/** Without its head, the length of the batch is not known: only what is there can be judged. */
function isTornHead(file: Buffer, offset: number, lastByte: number): boolean {
  const stopsInHead = lastByte < offset + frameHeadBytes - 1
  return stopsInHead || hasZeroSector(file, offset, lastByte + 1)
}

/** Whether any piece of a range, cut where sectors begin, is zeros throughout. */
function hasZeroSector(file: Buffer, from: number, to: number): boolean {
  for (let at = from; at < to; ) {
    const next = Math.min(to, (Math.floor(at / sectorBytes) + 1) * sectorBytes)
    if (lastNonZero(file.subarray(0, next), at) < at) return true
    at = next
  }
  return false
}

function hasFrameAfter(file: Buffer, offset: number): boolean {
  for (let at = offset; ; at += 1) {
    at = file.indexOf(frameMagicBytes, at)
    if (at < 0) return false
    if (readFrame(file, at) !== null) return true
  }
}

function lastNonZero(file: Buffer, from: number): number {
  let at = file.length - 1
  while (at >= from && file[at] === 0) at -= 1
  return at
}
