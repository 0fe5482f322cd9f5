import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { z } from 'zod'
import { fail, ok, type Result } from '@bulkhead/shared/kernel/result.ts'
import { homeLayout, projectRoot } from '@bulkhead/shared/runtime/home.ts'
import type { Invocation } from '../context.ts'
import { type ExitCode, exitCodes } from '../exit-codes.ts'
import type { Output } from '../output.ts'
import { timeText } from '../render-status.ts'

const newestMax = 1_000
const count = z.number().nonnegative()

/** What the trading plane's own program says of its ledger: planes only exchange messages. */
const reportSchema = z.object({
  directory: z.string(),
  whole: z.boolean(),
  fault: z
    .object({ code: z.string(), file: z.string(), offset: count, message: z.string() })
    .nullable(),
  last_seq: count,
  batches: count,
  torn_bytes: count,
  records: z.record(z.string(), count),
  files: z.array(
    z.object({
      name: z.string(),
      compressed: z.boolean(),
      created_ms: count,
      first_seq: count,
      records: count,
      batches: count,
      bytes: count,
    }),
  ),
  newest: z.array(z.object({ seq: count, record: z.record(z.string(), z.unknown()) })),
})
type Report = z.infer<typeof reportSchema>

/** `bulkhead ledger inspect [-n N]`: the files of the ledger, and its newest records. */
export async function runLedgerInspect(invocation: Invocation): Promise<ExitCode> {
  const { options, output } = invocation
  const lines = Number(options.lines)
  if (!Number.isInteger(lines) || lines < 0 || lines > newestMax) {
    output.error(`Usage: bulkhead ledger inspect [-n 0..${newestMax}]`)
    return exitCodes.usage
  }
  const report = await readReport(invocation, lines)
  if (!report.ok) return unreadable(report.failure, output)
  if (output.isJson) output.json(report.value)
  else printFiles(report.value, output)
  return report.value.whole ? exitCodes.ok : exitCodes.bad
}

/** `bulkhead ledger verify`: good only when every batch follows from the one before it. */
export async function runLedgerVerify(invocation: Invocation): Promise<ExitCode> {
  const { output } = invocation
  const report = await readReport(invocation, 0)
  if (!report.ok) return unreadable(report.failure, output)
  if (output.isJson) output.json(report.value)
  else printVerdict(report.value, output)
  return report.value.whole ? exitCodes.ok : exitCodes.bad
}

async function readReport({ home }: Invocation, newest: number): Promise<Result<Report, string>> {
  const directory = homeLayout(home).ledgerDir
  if (!existsSync(directory)) return fail(`There is no ledger at ${directory}.`)
  const main = join(projectRoot, 'trading-plane', 'ledger', 'inspect', 'main.ts')
  const argv = [main, '--directory', directory, '--newest', String(newest)]
  const child = spawn(process.execPath, argv, { stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = once(child, 'close')
  const printed = await text(child.stdout)
  await ended
  try {
    return ok(reportSchema.parse(JSON.parse(printed)))
  } catch {
    return fail('The ledger could not be read.')
  }
}

function unreadable(sentence: string, output: Output): ExitCode {
  output.error(sentence)
  return exitCodes.unreachable
}

function printVerdict(report: Report, output: Output): void {
  const { files, batches, last_seq: records, torn_bytes: tornBytes, fault } = report
  if (fault !== null) {
    output.line(output.paint('red', 'THE LEDGER IS NOT WHOLE.'))
    output.line(`  ${fault.code} at byte ${fault.offset} of ${fault.file}: ${fault.message}`)
    return
  }
  output.line(`${records} records in ${batches} batches in ${files.length} files`)
  if (tornBytes > 0) {
    output.line('  its last batch is being written, or was cut off by a crash and never counted')
  }
  output.line(output.paint('green', 'The ledger is whole.'))
}

function printFiles(report: Report, output: Output): void {
  for (const { seq, record } of report.newest) {
    const { type, ...fields } = record
    const own = Object.entries(fields).map(([name, value]) => `${name}=${String(value)}`)
    const columns = [String(seq).padStart(8), output.paint('bold', String(type).padEnd(8))]
    output.line([...columns, output.paint('dim', own.join(' '))].join(' '))
  }
  for (const file of report.files) {
    const { name, records, batches, bytes, first_seq: firstSeq } = file
    const range = records === 0 ? 'empty' : `${firstSeq}..${firstSeq + records - 1}`
    const time = output.paint('dim', timeText(file.created_ms))
    output.line(`${time} ${name}  ${range}, ${batches} batches, ${bytes} bytes`)
  }
  const types = Object.entries(report.records).map(([type, number]) => `${number} ${type}`)
  if (types.length > 0) output.line(types.join(', '))
  printVerdict(report, output)
}
