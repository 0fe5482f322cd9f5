import { createHash } from 'node:crypto'

/** What a claim of the archive names: SHA-256 over stream id and hash of each entry, one a line. */
export function archiveDigest(
  entries: Iterable<{ readonly id: string; readonly hash: string }>,
): string {
  const digest = createHash('sha256')
  for (const { id, hash } of entries) digest.update(`${id} ${hash}\n`)
  return digest.digest('hex')
}
