import { closeSync, fsyncSync, mkdirSync, openSync, renameSync, rmSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'

/**
 * Replaces a file so that a crash at any moment leaves either the old content or the new: temporary
 * file, fsync, rename, fsync of the directory.
 *
 * @throws the I/O error; the caller decides whether it can go on without the file
 */
export function replaceFileDurably(file: string, content: string, mode = 0o600): void {
  mkdirSync(dirname(file), { recursive: true })
  const temporary = `${file}.${process.pid}.tmp`
  try {
    writeNewFile(temporary, content, mode)
    renameSync(temporary, file)
  } catch (error) {
    rmSync(temporary, { force: true })
    throw error
  }
  syncDirectory(dirname(file))
}

function writeNewFile(file: string, content: string, mode: number): void {
  // A process of the same number may have crashed here before; its file may even be read-only.
  rmSync(file, { force: true })
  const handle = openSync(file, 'wx', mode)
  try {
    writeFully(handle, Buffer.from(content, 'utf8'))
    fsyncSync(handle)
  } finally {
    closeSync(handle)
  }
}

/**
 * Writes every byte; Node reports a short write on a full disk as success (reliability finding 11).
 */
export function writeFully(handle: number, bytes: Uint8Array): void {
  let written = 0
  while (written < bytes.length) {
    const count = writeSync(handle, bytes, written, bytes.length - written)
    if (count <= 0) throw new Error('the disk accepted no byte')
    written += count
  }
}

/** Makes a created or renamed directory entry durable. */
export function syncDirectory(directory: string): void {
  const handle = openSync(directory, 'r')
  try {
    fsyncSync(handle)
  } finally {
    closeSync(handle)
  }
}
