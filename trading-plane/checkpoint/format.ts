import { createHash } from 'node:crypto'
import { Packr } from 'msgpackr'
import { fail, ok, type Result } from '@bulkhead/shared/kernel/result.ts'

/**
 * Magic, format version, length and SHA-256 of the payload, then the payload: one msgpack value.
 */
const magic = Buffer.from('BHCKPT\r\n', 'latin1')
export const checkpointVersion = 1
const versionAt = magic.length
const lengthAt = versionAt + 4
const hashAt = lengthAt + 4
const hashBytes = 32
export const checkpointHeadBytes = hashAt + hashBytes

/** Plain maps, arrays, texts and numbers; no types of the packer's own. */
const packer = new Packr({ useRecords: false, encodeUndefinedAsNil: false })

/** Why a checkpoint does not count. None of them is a reason not to start. */
export const checkpointFaults = [
  'CHECKPOINT_MISSING',
  'CHECKPOINT_UNREADABLE',
  'CHECKPOINT_UNSAFE',
  'CHECKPOINT_DAMAGED',
  'CHECKPOINT_FORMAT_NEWER',
  'CHECKPOINT_FORMAT_UNKNOWN',
  'CHECKPOINT_INVALID',
  'CHECKPOINT_OTHER_LIMITS',
  'CHECKPOINT_NOT_OF_THIS_LEDGER',
] as const
export type CheckpointFault = (typeof checkpointFaults)[number]

export function encodeCheckpoint(value: unknown, version = checkpointVersion): Buffer {
  const payload = packer.pack(value)
  const head = Buffer.alloc(checkpointHeadBytes)
  magic.copy(head)
  head.writeUInt32LE(version, versionAt)
  head.writeUInt32LE(payload.length, lengthAt)
  hashOf(head, payload).copy(head, hashAt)
  return Buffer.concat([head, payload])
}

/** The value, whose shape nobody has looked at yet. Never throws. */
export function decodeCheckpoint(bytes: Buffer): Result<unknown, CheckpointFault> {
  if (bytes.length < checkpointHeadBytes) return fail('CHECKPOINT_DAMAGED')
  if (!bytes.subarray(0, magic.length).equals(magic)) return fail('CHECKPOINT_FORMAT_UNKNOWN')
  const payload = bytes.subarray(checkpointHeadBytes)
  const isWhole =
    bytes.readUInt32LE(lengthAt) === payload.length &&
    hashOf(bytes, payload).equals(bytes.subarray(hashAt, checkpointHeadBytes))
  if (!isWhole) return fail('CHECKPOINT_DAMAGED')
  const version = bytes.readUInt32LE(versionAt)
  if (version > checkpointVersion) return fail('CHECKPOINT_FORMAT_NEWER')
  if (version !== checkpointVersion) return fail('CHECKPOINT_FORMAT_UNKNOWN')
  try {
    return ok(packer.unpack(payload))
  } catch {
    return fail('CHECKPOINT_DAMAGED')
  }
}

/** Over the head as well, so that no bit of the file goes unlooked at. */
function hashOf(head: Buffer, payload: Buffer): Buffer {
  return createHash('sha256').update(head.subarray(0, hashAt)).update(payload).digest()
}
