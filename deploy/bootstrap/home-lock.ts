import { linkSync, mkdirSync, readFileSync, rmSync, unlinkSync, writeFileSync } from 'node:fs'
import { z } from 'zod'
import { fail, ok, type Result } from '@bulkhead/shared/kernel/result.ts'
import type { HomeLayout } from '@bulkhead/shared/runtime/home.ts'
import { readBootId, readProcessStat } from '@bulkhead/shared/runtime/process-identity.ts'

const holderSchema = z.strictObject({
  pid: z.int(),
  start_ticks: z.string(),
  boot_id: z.string(),
  /** Processes that the holder started, so that the next start can clear what a crash left. */
  children: z.array(
    z.strictObject({ component: z.string(), pid: z.int(), start_ticks: z.string() }),
  ),
})
export type LockHolder = z.infer<typeof holderSchema>

export type HomeLock = {
  /** What a crashed holder left running; empty on a clean home. */
  readonly leftovers: LockHolder['children']
  readonly recordChildren: (children: LockHolder['children']) => void
  readonly release: () => void
}
export type HomeLockFault =
  | { readonly code: 'HOME_UNWRITABLE'; readonly message: string }
  | { readonly code: 'HOME_IN_USE'; readonly pid: number }

/** Takes a home for this process, so that no two stacks ever share one. */
export function lockHome(layout: HomeLayout): Result<HomeLock, HomeLockFault> {
  const stat = readProcessStat(process.pid)
  const self = { pid: process.pid, start_ticks: stat?.startTicks ?? '0', boot_id: readBootId() }
  try {
    mkdirSync(layout.home, { recursive: true, mode: 0o700 })
    const previous = readHolder(layout.lockFile)
    if (previous !== undefined && isAlive(previous))
      return fail({ code: 'HOME_IN_USE', pid: previous.pid })
    rmSync(layout.lockFile, { force: true })
    const claim = `${layout.lockFile}.${process.pid}`
    writeFileSync(claim, JSON.stringify({ ...self, children: [] }), { mode: 0o600 })
    try {
      linkSync(claim, layout.lockFile)
    } catch {
      return fail({ code: 'HOME_IN_USE', pid: readHolder(layout.lockFile)?.pid ?? 0 })
    } finally {
      unlinkSync(claim)
    }
    return ok({
      leftovers: previous?.boot_id === self.boot_id ? previous.children : [],
      recordChildren: (children) =>
        writeFileSync(layout.lockFile, JSON.stringify({ ...self, children })),
      release: () => rmSync(layout.lockFile, { force: true }),
    })
  } catch (error) {
    return fail({
      code: 'HOME_UNWRITABLE',
      message: error instanceof Error ? error.message : String(error),
    })
  }
}

function readHolder(file: string): LockHolder | undefined {
  try {
    return holderSchema.parse(JSON.parse(readFileSync(file, 'utf8')))
  } catch {
    return undefined
  }
}

function isAlive(holder: LockHolder): boolean {
  const stat = readProcessStat(holder.pid)
  return (
    holder.boot_id === readBootId() &&
    stat !== undefined &&
    stat.state !== 'Z' &&
    stat.startTicks === holder.start_ticks
  )
}
