import { readFileSync, rmSync, statSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { join } from 'node:path'
import { z } from 'zod'
import { fail, ok, type Result } from '@bulkhead/shared/kernel/result.ts'
import { replaceFileDurably } from '@bulkhead/shared/runtime/durable-file.ts'
import { readBootId, readProcessStat } from '@bulkhead/shared/runtime/process-identity.ts'
import { lockName } from './file-names.ts'

const ownerSchema = z.strictObject({
  pid: z.int().positive(),
  start_ticks: z.string(),
  boot_id: z.string(),
})
type Owner = z.infer<typeof ownerSchema>

export type LedgerLock = { readonly release: () => void }

/**
 * One writer per ledger. The kernel keeps the lock: a socket name made of the folder's identity,
 * which exactly one process can bind and which is free again the moment it dies, so there is no
 * stale lock to take over. The file beside it tells people who that is, and holds off a process
 * that lives in another network namespace and cannot see the socket.
 *
 * @throws the I/O error
 */
export async function lockLedger(directory: string): Promise<Result<LedgerLock, 'LEDGER_LOCKED'>> {
  const { dev, ino } = statSync(directory, { bigint: true })
  const server = await bind(`\0bulkhead-ledger-${dev}-${ino}`)
  if (server === null) return fail('LEDGER_LOCKED')
  const file = join(directory, lockName)
  if (isHeld(file)) {
    server.close()
    return fail('LEDGER_LOCKED')
  }
  const startTicks = readProcessStat(process.pid)?.startTicks ?? ''
  const owner: Owner = { pid: process.pid, start_ticks: startTicks, boot_id: readBootId() }
  try {
    replaceFileDurably(file, JSON.stringify(owner))
  } catch (error) {
    server.close()
    throw error
  }
  const release = () => {
    rmSync(file, { force: true })
    server.close()
  }
  return ok({ release })
}

function bind(path: string): Promise<Server | null> {
  const server = createServer((socket) => socket.destroy())
  server.unref()
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve(null)
      else reject(error)
    })
    server.listen({ path }, () => resolve(server))
  })
}

/** A lock that cannot be read as one was cut off by a crash: nobody holds it. */
function isHeld(file: string): boolean {
  let value: unknown
  try {
    value = JSON.parse(readFileSync(file, 'utf8'))
  } catch {
    return false
  }
  const owner = ownerSchema.safeParse(value)
  if (!owner.success || owner.data.boot_id !== readBootId()) return false
  if (owner.data.pid === process.pid) return false
  const stat = readProcessStat(owner.data.pid)
  return stat?.startTicks === owner.data.start_ticks && stat.state !== 'Z' && stat.state !== 'X'
}
