import { setTimeout as delay } from 'node:timers/promises'
import { auditCoreFields } from '@bulkhead/shared/contracts/audit-entry.ts'
import { msFromNsText } from '@bulkhead/shared/kernel/units.ts'
import { type AuditReply, auditReplySchema } from '../../api/http-schema.ts'
import { ApiClient } from '../api-client.ts'
import { findStack, type Invocation } from '../context.ts'
import { type ExitCode, exitCodes } from '../exit-codes.ts'
import type { Output } from '../output.ts'
import { timeText } from '../render-status.ts'

const linesMax = 1_000
const followPollMs = 300

/** `bulkhead audit tail [-n N] [--follow]`: the newest entries, oldest first. */
export async function runAuditTail(invocation: Invocation): Promise<ExitCode> {
  const { options, output } = invocation
  const lines = Number(options.lines)
  if (!Number.isInteger(lines) || lines < 1 || lines > linesMax) {
    output.error(`Usage: bulkhead audit tail [-n 1..${linesMax}] [--follow]`)
    return exitCodes.usage
  }
  const stack = findStack(invocation)
  if (stack === undefined) return exitCodes.unreachable
  const client = new ApiClient(stack.dashboard_url)
  let path = `/api/v1/audit?limit=${lines}`
  for (;;) {
    const answer = await client.get(path, auditReplySchema)
    if (!answer.ok) {
      output.error(`${answer.failure.code} ${answer.failure.message}`)
      return exitCodes.unreachable
    }
    const { entries, next_after: nextAfter } = answer.value.body
    for (const entry of entries) printEntry(entry, output)
    if (!options.follow) return exitCodes.ok
    path = `/api/v1/audit?limit=${linesMax}&after=${nextAfter}`
    await delay(followPollMs)
  }
}

function printEntry({ id, entry }: AuditReply['entries'][number], output: Output): void {
  if (output.isJson) {
    output.json({ id, ...entry })
    return
  }
  const core: readonly string[] = auditCoreFields
  const own = Object.entries(entry)
    .filter(([name, value]) => !core.includes(name) && value !== '')
    .map(([name, value]) => `${name}=${value}`)
    .join(' ')
  const { writer = '', action = '', subject = '' } = entry
  const time = timeText(msFromNsText(entry['wall_ns'] ?? '') ?? 0)
  const colour = /REFUSED|KILL|FAILED|UNCONFIRMED/.test(action) ? 'red' : 'bold'
  const columns = [
    output.paint('dim', time),
    writer.padEnd(16),
    output.paint(colour, action.padEnd(24)),
    subject,
    output.paint('dim', own),
  ]
  output.line(columns.join(' ').trimEnd())
}
