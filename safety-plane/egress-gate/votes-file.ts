import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { componentIdSchema } from '@bulkhead/shared/contracts/components.ts'
import { fail, ok, type Result } from '@bulkhead/shared/kernel/result.ts'
import { replaceFileDurably } from '@bulkhead/shared/runtime/durable-file.ts'

const storedSchema = z.strictObject({
  format: z.literal(1),
  closed_by: z.array(componentIdSchema).max(16),
})

const fileOf = (stateDir: string) => join(stateDir, 'votes.json')

/**
 * Who had closed the gate when the last run ended; nobody before the first one. A file that cannot
 * be read is no answer: somebody may have closed the gate, so it must not start (law 3).
 */
export function readClosedBy(stateDir: string): Result<readonly string[], 'VOTES_UNREADABLE'> {
  try {
    const text = readFileSync(fileOf(stateDir), 'utf8')
    return ok(storedSchema.parse(JSON.parse(text)).closed_by)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT' ? ok([]) : fail('VOTES_UNREADABLE')
  }
}

/** @throws the I/O error */
export function writeClosedBy(stateDir: string, closedBy: readonly string[]): void {
  replaceFileDurably(fileOf(stateDir), JSON.stringify({ format: 1, closed_by: closedBy }))
}
