import { setTimeout as delay } from 'node:timers/promises'
import { auditCoreFields } from '@bulkhead/shared/contracts/audit-entry.ts'
import { msFromNsText } from '@bulkhead/shared/kernel/units.ts'
import { verifyAuditChains } from '@bulkhead/shared/runtime/audit-chain.ts'
import { homeLayout } from '@bulkhead/shared/runtime/home.ts'
import { type AuditReply, auditReplySchema } from '../../api/http-schema.ts'
import { ApiClient } from '../api-client.ts'
import { chainsOf, gatherEvidence } from '../audit-evidence.ts'
import { findStack, type Invocation } from '../context.ts'
import { type ExitCode, exitCodes } from '../exit-codes.ts'
import type { Output } from '../output.ts'
import { openAuditorLink } from '../redis-reader.ts'
import { timeText } from '../render-status.ts'

const linesMax = 1_000
const followPollMs = 300
/** Faults printed one by one. */
const faultsShownMax = 20

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

/** `bulkhead audit verify`: good only when every chain is whole and reaches its sealed head. */
export async function runAuditVerify(invocation: Invocation): Promise<ExitCode> {
  const { output, home } = invocation
  const stack = findStack(invocation)
  if (stack === undefined) return exitCodes.unreachable
  const link = await openAuditorLink(stack)
  if (!link.ok) {
    output.error(link.failure)
    return exitCodes.unreachable
  }
  const evidence = await gatherEvidence(link.value, homeLayout(home))
  link.value.close()
  if (!evidence.ok) {
    output.error(`${evidence.failure.code} ${evidence.failure.message}`)
    return exitCodes.unreachable
  }
  const { log, pending, sealed, unreadableLines } = evidence.value
  const verdict = verifyAuditChains([...log, ...pending], sealed)
  const isWhole = verdict.faults.length === 0 && unreadableLines === 0
  const summary = {
    whole: isWhole,
    entries: log.length,
    pending: pending.length,
    chains: chainsOf([...log, ...pending]),
    sealed_heads: sealed.size,
    unreadable_lines: unreadableLines,
    faults: verdict.faults,
  }
  if (output.isJson) output.json(summary)
  else printVerdict(summary, output)
  return isWhole ? exitCodes.ok : exitCodes.bad
}

type Summary = {
  whole: boolean
  entries: number
  pending: number
  chains: number
  sealed_heads: number
  unreadable_lines: number
  faults: ReturnType<typeof verifyAuditChains>['faults']
}

function printVerdict(summary: Summary, output: Output): void {
  const { entries, pending, chains, faults } = summary
  output.line(
    `${entries} entries in the log, ${pending} on their way, ` +
      `${chains} chains, ${summary.sealed_heads} sealed heads`,
  )
  if (summary.whole) {
    output.line(output.paint('green', 'The audit trail is whole.'))
    return
  }
  output.line(output.paint('red', 'THE AUDIT TRAIL IS NOT WHOLE.'))
  for (const { code, writer, chain, seq } of faults.slice(0, faultsShownMax)) {
    output.line(`  ${code} at entry ${seq} of ${writer}/${chain}`)
  }
  if (faults.length > faultsShownMax) output.line(`  and ${faults.length - faultsShownMax} more`)
  if (summary.unreadable_lines > 0) output.line(`  ${summary.unreadable_lines} unreadable lines`)
}
