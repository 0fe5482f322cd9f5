import '@bulkhead/shared/runtime/runtime-version.ts'
import { writeFully } from '@bulkhead/shared/runtime/durable-file.ts'
import { systemClock } from '@bulkhead/shared/runtime/system-clock.ts'
import { ledgerConfigSchema } from '@bulkhead/trading-plane/ledger/config.ts'
import { openLedger } from '@bulkhead/trading-plane/ledger/file-ledger.ts'
import { intent } from './ledger-files.ts'

/**
 * A process that writes a ledger until it is killed and says on standard output, in one line per
 * record, what was acknowledged: `ledger-writer.ts DIRECTORY CONFIG IN_FLIGHT [RECORDS]`. A line is
 * written in one call before the next turn, so what was said was acknowledged. After so many
 * records, if that is said, it closes the ledger and ends.
 */
const [directory = '', config = '{}', inFlight = '8', records] = process.argv.slice(2)
const opened = await openLedger({
  directory,
  runId: String(process.pid),
  clock: systemClock,
  config: ledgerConfigSchema.parse(JSON.parse(config)),
})
if (!opened.ok) {
  say(`refused ${opened.failure.code}`)
  process.exit(2)
}
const { ledger, recovered } = opened.value
say(`open ${recovered.lastSeq} ${recovered.cuts.length}`)
let next = recovered.lastSeq
const end = records === undefined ? Number.POSITIVE_INFINITY : next + Number(records)
await Promise.all(Array.from({ length: Number(inFlight) }, () => writeOn()))
await ledger.close()

async function writeOn(): Promise<void> {
  while (next < end) {
    next += 1
    const n = next
    const done = await ledger.append(intent(n))
    say(done.ok ? `ack ${done.value.seq} ${n}` : 'full')
  }
}

/** The pipe may be full for a moment; a line is written all the same, and nothing before it. */
function say(line: string): void {
  const bytes = Buffer.from(`${line}\n`)
  for (;;) {
    try {
      return writeFully(1, bytes)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error
    }
  }
}
