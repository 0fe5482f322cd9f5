import {
  closeSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs'
import { dirname } from 'node:path'

const lineEnd = 0x0a
const tailBlockBytes = 65_536

/**
 * Replaces a file so that a crash at any moment leaves either the old content or the new: temporary
 * file, fsync, rename, fsync of the directory.
 *
 * @param onWritten told between the fsync and the rename
 * @throws the I/O error; the caller decides whether it can go on without the file
 */
export function replaceFileDurably(
  file: string,
  content: string | Uint8Array,
  mode = 0o600,
  onWritten: () => void = () => {},
): void {
  mkdirSync(dirname(file), { recursive: true })
  const temporary = `${file}.${process.pid}.tmp`
  try {
    writeNewFile(temporary, content, mode)
    onWritten()
    renameSync(temporary, file)
  } catch (error) {
    rmSync(temporary, { force: true })
    throw error
  }
  syncDirectory(dirname(file))
}

function writeNewFile(file: string, content: string | Uint8Array, mode: number): void {
  // A process of the same number may have crashed here before; its file may even be read-only.
  rmSync(file, { force: true })
  const handle = openSync(file, 'wx', mode)
  try {
    writeFully(handle, typeof content === 'string' ? Buffer.from(content, 'utf8') : content)
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

/**
 * Removes bytes after the last line end: the half of a line that a crash left, never acknowledged.
 */
export function cutTornTail(handle: number): void {
  const block = Buffer.alloc(tailBlockBytes)
  const size = fstatSync(handle).size
  for (let end = size; end > 0; end -= tailBlockBytes) {
    const start = Math.max(0, end - tailBlockBytes)
    const count = readSync(handle, block, 0, end - start, start)
    const at = block.subarray(0, count).lastIndexOf(lineEnd)
    if (at < 0) continue
    if (start + at + 1 < size) ftruncateSync(handle, start + at + 1)
    return
  }
  if (size > 0) ftruncateSync(handle, 0)
}
