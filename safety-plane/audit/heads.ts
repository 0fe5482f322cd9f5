import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { type SealedHeads, sealedHeadsSchema } from '@bulkhead/shared/contracts/audit-heads.ts'
import { syncDirectory, writeFully } from '@bulkhead/shared/runtime/durable-file.ts'
import type { ChainProgress, DrainState } from './core.ts'

/** What the file remembers: the newest head of every chain, and how far the log was covered. */
export type RememberedHeads = { readonly state: DrainState; readonly lastId: string }

/** Appends one line of sealed heads and returns once it is on the disk. */
export function appendHeads(file: string, heads: SealedHeads): void {
  const isNew = !existsSync(file)
  mkdirSync(dirname(file), { recursive: true })
  const handle = openSync(file, 'a', 0o600)
  try {
    writeFully(handle, Buffer.from(`${JSON.stringify(heads)}\n`, 'utf8'))
    fsyncSync(handle)
  } finally {
    closeSync(handle)
  }
  if (isNew) syncDirectory(dirname(file))
}

/** Folds the file; a torn or foreign line is left out, because a later catch-up repairs it. */
export function readHeads(file: string): RememberedHeads {
  const chains = new Map<string, ChainProgress>()
  let lastId = '0-0'
  if (!existsSync(file)) return { state: chains, lastId }
  for (const line of readFileSync(file, 'utf8').split('\n')) {
    const parsed = sealedHeadsSchema.safeParse(parseLine(line))
    if (!parsed.success) continue
    lastId = parsed.data.last_id
    for (const [chainId, head] of Object.entries(parsed.data.heads)) {
      chains.set(chainId, { ...head, missing: [] })
    }
  }
  return { state: chains, lastId }
}

function parseLine(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    return undefined
  }
}
