import { statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { spoolFilesOf } from '@bulkhead/shared/runtime/audit-spool.ts'
import { AuditWriter } from '@bulkhead/shared/runtime/audit-writer.ts'
import { runId } from '@bulkhead/shared/runtime/log.ts'
import type { Clock } from '@bulkhead/shared/kernel/clock.ts'
import type { RedisLink } from '@bulkhead/shared/runtime/redis-link.ts'

/** How long a run of the last resort may begin new rounds. */
export const lastResortRunMsMax = 60_000
/** A spool that nobody wrote to for so long belongs to no run that still goes on. */
const abandonedAfterMs = 3 * lastResortRunMsMax

/**
 * The writer of the last resort. Its spool is its own, because a dead-man switch may come back
 * while it runs, and one spool has one writer.
 */
export function lastResortWriter(
  auditSpoolFile: string,
  link: RedisLink,
  clock: Clock,
): AuditWriter {
  const spoolFile = spoolFileOf(auditSpoolFile)
  return new AuditWriter({ link, component: 'dead_man_switch', chain: runId, clock, spoolFile })
}

/** Delivers what a run of the last resort could not, once that run is certainly over. */
export async function deliverLeftBehind(
  auditSpoolFile: string,
  link: RedisLink,
  clock: Clock,
): Promise<void> {
  const writtenMs = lastWrittenMs(spoolFileOf(auditSpoolFile))
  if (writtenMs === undefined || clock.wallMs() - writtenMs < abandonedAfterMs) return
  const writer = lastResortWriter(auditSpoolFile, link, clock)
  await writer.deliverSpool()
  writer.close()
}

function spoolFileOf(auditSpoolFile: string): string {
  return join(dirname(auditSpoolFile), 'last-resort.spool')
}

/** Undefined where there is no such spool, or none that this process may see. */
function lastWrittenMs(file: string): number | undefined {
  const writtenMs = spoolFilesOf(file).flatMap((each) => {
    try {
      return [statSync(each).mtimeMs]
    } catch {
      return []
    }
  })
  return writtenMs.length === 0 ? undefined : Math.max(...writtenMs)
}
