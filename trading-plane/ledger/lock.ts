import { closeSync, openSync, readFileSync, renameSync, unlinkSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { fail, ok, type Result } from '@bulkhead/shared/kernel/result.ts'
import { writeFully } from '@bulkhead/shared/runtime/durable-file.ts'
import { readBootId, readProcessStat } from '@bulkhead/shared/runtime/process-identity.ts'

const ownerSchema = z.strictObject({
  pid: z.int().positive(),
  start_ticks: z.string(),
  boot_id: z.string(),
})
type Owner = z.infer<typeof ownerSchema>

/** Attempts to take over the lock of a process that is gone. */
const takeOversMax = 3

/** One writer per ledger: who holds it stands in the file, and is believed only while it lives. */
export function lockLedger(directory: string): Result<{ release: () => void }, 'LEDGER_LOCKED'> {
  const file = join(directory, 'lock')
  for (let attempt = 0; attempt < takeOversMax; attempt += 1) {
    if (createLock(file)) return ok({ release: () => unlinkSync(file) })
    const text = readLock(file)
    if (text !== undefined && isAlive(text)) return fail('LEDGER_LOCKED')
    if (text !== undefined) discardStale(file, text)
  }
  return fail('LEDGER_LOCKED')
}

function createLock(file: string): boolean {
  let handle: number
  try {
    handle = openSync(file, 'wx', 0o600)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
  try {
    const startTicks = readProcessStat(process.pid)?.startTicks ?? ''
    const owner: Owner = { pid: process.pid, start_ticks: startTicks, boot_id: readBootId() }
    writeFully(handle, Buffer.from(JSON.stringify(owner)))
  } finally {
    closeSync(handle)
  }
  return true
}

/** Renaming is atomic, so of two that find the same stale lock only one removes it. */
function discardStale(file: string, expected: string): void {
  const aside = `${file}.stale-${process.pid}`
  try {
    renameSync(file, aside)
  } catch {
    return
  }
  if (readLock(aside) === expected) unlinkSync(aside)
  else renameSync(aside, file)
}

function readLock(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return undefined
  }
}

/**
 * A lock that cannot be read as one was cut off by a crash while it was written: nobody holds it.
 */
function isAlive(text: string): boolean {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return false
  }
  const owner = ownerSchema.safeParse(value)
  if (!owner.success || owner.data.boot_id !== readBootId()) return false
  const stat = readProcessStat(owner.data.pid)
  return stat?.startTicks === owner.data.start_ticks && stat.state !== 'Z' && stat.state !== 'X'
}
