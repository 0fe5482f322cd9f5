import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs'
import type { z } from 'zod'
import { fail, ok, type Result } from '@bulkhead/shared/kernel/result.ts'
import { replaceFileDurably } from '@bulkhead/shared/runtime/durable-file.ts'
import { type CheckpointFault, decodeCheckpoint, encodeCheckpoint } from './format.ts'

/** More than a checkpoint of the largest memory takes; nothing larger is read. */
const fileBytesMax = 128 * 1_048_576
const othersMayWrite = 0o022

/**
 * Replaces the checkpoint so that a crash at any moment leaves the old one or the new one.
 *
 * @param onWritten told when it is on the disk and not yet in its place
 * @throws the I/O error
 */
export function writeCheckpoint(file: string, value: unknown, onWritten?: () => void): void {
  replaceFileDurably(file, encodeCheckpoint(value), 0o600, onWritten)
}

/** Reads a checkpoint and checks hash, format and shape. Never throws. */
export function readCheckpoint<T>(file: string, schema: z.ZodType<T>): Result<T, CheckpointFault> {
  const bytes = readSafely(file)
  if (!bytes.ok) return bytes
  const decoded = decodeCheckpoint(bytes.value)
  if (!decoded.ok) return decoded
  const checked = schema.safeParse(decoded.value)
  return checked.success ? ok(checked.data) : fail('CHECKPOINT_INVALID')
}

function readSafely(file: string): Result<Buffer, CheckpointFault> {
  let handle: number | null = null
  try {
    handle = openSync(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
    const stat = fstatSync(handle)
    const isSafe = stat.isFile() && (stat.mode & othersMayWrite) === 0
    if (!isSafe) return fail('CHECKPOINT_UNSAFE')
    if (stat.size > fileBytesMax) return fail('CHECKPOINT_INVALID')
    return ok(readFileSync(handle))
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ELOOP') return fail('CHECKPOINT_UNSAFE')
    return fail(code === 'ENOENT' ? 'CHECKPOINT_MISSING' : 'CHECKPOINT_UNREADABLE')
  } finally {
    if (handle !== null) closeSync(handle)
  }
}
