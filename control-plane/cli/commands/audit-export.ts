import { existsSync } from 'node:fs'
import { fail, ok, type Result } from '@bulkhead/shared/kernel/result.ts'
import { hashOf } from '@bulkhead/shared/runtime/audit-chain.ts'
import { homeLayout } from '@bulkhead/shared/runtime/home.ts'
import { type ArchivedEntry, readArchive } from '../../audit/archive.ts'
import type { Invocation } from '../context.ts'
import { type ExitCode, exitCodes } from '../exit-codes.ts'

const usage =
  'Usage: bulkhead audit export [--since TIME] [--until TIME] [--correlation ID] [--archive FILE]'

/** What is exported: entries that the log took from `sinceMs` on and before `untilMs`. */
type Selection = {
  readonly sinceMs: number
  readonly untilMs: number
  readonly correlation: string | undefined
}

/**
 * `bulkhead audit export`: archived entries of a span of time or of one episode, command or intent,
 * one JSON object a line, as they were written. It reads the file of the archive and needs no
 * running stack. What it counted goes to standard error; an entry that was changed makes it bad.
 */
export async function runAuditExport({ options, home, output }: Invocation): Promise<ExitCode> {
  const selection = readSelection(options)
  if (!selection.ok) {
    output.error(`${selection.failure}\n${usage}`)
    return exitCodes.usage
  }
  const file = options.archive ?? homeLayout(home).auditArchiveFile
  if (!existsSync(file)) {
    output.error(`ARCHIVE_MISSING ${file}`)
    return exitCodes.unreachable
  }
  let exported = 0
  let changed = 0
  for (const row of readArchive(file)) {
    if (!isSelected(row, selection.value)) continue
    exported += 1
    if (hashOf(row.entry) !== row.entry['hash']) changed += 1
    output.json({ id: row.id, ...row.entry })
    if (exported % 1_000 === 0) await drained()
  }
  output.error(`${exported} entries, ${changed} changed since they were written`)
  return changed === 0 ? exitCodes.ok : exitCodes.bad
}

function readSelection({
  since,
  until,
  correlation,
}: Invocation['options']): Result<Selection, string> {
  const sinceMs = since === undefined ? 0 : timeOf(since)
  const untilMs = until === undefined ? Number.MAX_SAFE_INTEGER : timeOf(until)
  if (sinceMs === undefined) return fail(`--since ${since} is no time such as 2026-11-20T12:00:00Z`)
  if (untilMs === undefined) return fail(`--until ${until} is no time such as 2026-11-20T12:00:00Z`)
  return ok({ sinceMs, untilMs, correlation })
}

/** A day, or a time with its zone: a local time would mean another span on another host. */
function timeOf(text: string): number | undefined {
  if (!/^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,3})?)?(Z|[+-]\d\d:\d\d))?$/.test(text)) {
    return undefined
  }
  const ms = Date.parse(text)
  return Number.isNaN(ms) ? undefined : ms
}

function isSelected({ id, entry }: ArchivedEntry, selection: Selection): boolean {
  const ms = Number(id.split('-')[0])
  const { sinceMs, untilMs, correlation } = selection
  const isInTime = ms >= sinceMs && ms < untilMs
  return isInTime && (correlation === undefined || entry['correlation_id'] === correlation)
}

/** Lets standard output catch up, so that a slow reader costs no memory. */
function drained(): Promise<void> {
  if (!process.stdout.writableNeedDrain) return Promise.resolve()
  return new Promise((resolve) => {
    process.stdout.once('drain', resolve)
  })
}
