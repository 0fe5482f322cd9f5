import { statSync } from 'node:fs'
import type { StopWatching } from './http-liveness.ts'

/**
 * Looks at a file at a steady pace and reports every change of it. What an earlier run left there
 * is no sign of life, and neither is its removal.
 */
export function watchFile(file: string, ageMsMax: number, onEvidence: () => void): StopWatching {
  let known = fingerprint(file)
  const look = () => {
    const found = fingerprint(file)
    const isChanged = found !== known && found !== undefined
    known = found
    if (isChanged) onEvidence()
  }
  const timer = setInterval(look, Math.max(20, Math.min(500, Math.round(ageMsMax / 8))))
  return () => clearInterval(timer)
}

/** Changes with every write, touch and replacement; undefined while the file cannot be seen. */
function fingerprint(file: string): string | undefined {
  try {
    const stat = statSync(file, { bigint: true })
    return `${stat.ino} ${stat.mtimeNs} ${stat.size}`
  } catch {
    return undefined
  }
}
