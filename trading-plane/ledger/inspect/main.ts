import '@bulkhead/shared/runtime/runtime-version.ts'
import { parseArgs } from 'node:util'
import { ioFault, type LedgerFault } from '../faults.ts'
import type { LedgerRecord } from '../records.ts'
import { scanLedger } from '../recovery.ts'
import { reportOf, type LedgerReport } from './report.ts'

/**
 * Reads a ledger and writes one JSON document about it: `bulkhead ledger` starts it, because the
 * planes do not import one another. It changes nothing and needs no lock, so it may look at a
 * ledger that is being written.
 */
const newestMax = 1_000
/** A file may be compressed and removed while it is looked for: then the look is taken again. */
const attemptsMax = 5

const { values } = parseArgs({
  options: {
    directory: { type: 'string' },
    component: { type: 'string', default: 'executor' },
    newest: { type: 'string', default: '0' },
  },
})
const newest = Number(values.newest)
if (values.directory === undefined || !Number.isInteger(newest) || newest < 0) {
  process.stderr.write('Usage: --directory DIR [--component ID] [--newest N]\n')
  process.exit(2)
}
process.stdout.write(`${JSON.stringify(look(values.directory, values.component))}\n`)

function look(directory: string, component: string): LedgerReport {
  let fault: LedgerFault | undefined
  for (let attempt = 0; attempt < attemptsMax; attempt += 1) {
    const read = lookOnce(directory, component)
    if (read.fault === null) return read
    // The same fault twice is one of the ledger, not of a file that was just being packed.
    if (fault?.code === read.fault.code && fault.file === read.fault.file) return read
    fault = read.fault
  }
  return lookOnce(directory, component)
}

function lookOnce(directory: string, component: string): LedgerReport {
  const types = new Map<string, number>()
  const last: { seq: number; record: LedgerRecord }[] = []
  const kept = Math.min(newest, newestMax)
  const onRecord = (record: LedgerRecord, seq: number) => {
    types.set(record.type, (types.get(record.type) ?? 0) + 1)
    last.push({ seq, record })
    if (last.length > 2 * kept + 1) last.splice(0, last.length - kept)
  }
  try {
    const scanned = scanLedger(directory, component, false, onRecord)
    return reportOf(directory, scanned, types, kept === 0 ? [] : last.slice(-kept))
  } catch (error) {
    return reportOf(directory, ioFault(error, directory), types, [])
  }
}
