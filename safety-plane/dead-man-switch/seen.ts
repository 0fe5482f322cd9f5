import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { componentIdSchema } from '@bulkhead/shared/contracts/components.ts'
import { replaceFileDurably } from '@bulkhead/shared/runtime/durable-file.ts'

const seenSchema = z.array(componentIdSchema).max(32)
const fileOf = (stateDir: string) => join(stateDir, 'seen.json')

/**
 * Components that come and go and were beating when the last run ended. A memory that cannot be
 * read excuses nobody: all of them count as seen (law 3).
 */
export function readSeen(stateDir: string, comeAndGo: readonly string[]): readonly string[] {
  try {
    const seen = seenSchema.parse(JSON.parse(readFileSync(fileOf(stateDir), 'utf8')))
    return comeAndGo.filter((component) => seen.includes(component))
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT' ? [] : comeAndGo
  }
}

/** @throws the I/O error */
export function writeSeen(stateDir: string, components: readonly string[]): void {
  replaceFileDurably(fileOf(stateDir), JSON.stringify(components))
}
