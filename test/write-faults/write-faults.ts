import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { projectRoot } from '@bulkhead/shared/runtime/home.ts'
import { systemClock } from '@bulkhead/shared/runtime/system-clock.ts'
import { openLedger } from '@bulkhead/trading-plane/ledger/file-ledger.ts'
import { intent } from '../support/ledger-files.ts'
import { recoverAll } from '../support/recovered-ledger.ts'

const writerFile = join(projectRoot, 'test/support/ledger-writer.ts')
/** Small files, so that a run begins a second one and all that belongs to it. */
const config = { segmentBytes: 524_288, ringBytes: 262_144, batchBytesMax: 65_536 }
const inFlight = 64
const records = 3_000
/** Every occurrence of a call up to here, then every second power of two. */
const everyUpTo = 6

export type Fault = {
  readonly call: string
  readonly kind: 'EIO' | 'ENOSPC' | 'nothing' | 'slow' | 'killed'
  /** Which call of a thread it meets, counted from one. */
  readonly nth: number
  /** Whether all calls after it meet it too. */
  readonly isSticky: boolean
}

const injections: Readonly<Record<Fault['kind'], string>> = {
  EIO: 'error=EIO',
  ENOSPC: 'error=ENOSPC',
  // The disk takes nothing and calls that success: a short write at its shortest. A longer one
  // cannot be made up: libuv writes what is left over, behind bytes that were never written.
  nothing: 'retval=0',
  slow: 'delay_enter=200000',
  killed: 'signal=SIGKILL',
}

/** The calls by which the ledger reaches the disk, and what each can meet. */
export const faultedCalls: Readonly<Record<string, readonly Fault['kind'][]>> = {
  pwritev: ['EIO', 'ENOSPC', 'nothing', 'killed'],
  pwrite64: ['EIO', 'ENOSPC', 'nothing', 'killed'],
  fdatasync: ['EIO', 'slow', 'killed'],
  fsync: ['EIO', 'killed'],
  ftruncate: ['EIO', 'killed'],
  rename: ['EIO', 'ENOSPC', 'killed'],
}

export type FaultRun = {
  readonly fault: Fault
  readonly isMet: boolean
  readonly acknowledged: number
  readonly ended: string
  readonly findings: readonly string[]
}

/**
 * Lets a process write a ledger again and again and makes one system call of it fail, the first,
 * the second, and on, once and for good, until a run is over before the call comes. After each run
 * the ledger must hold what was acknowledged, and must be good to go on with.
 */
export async function runWriteFaults(onRun: (run: FaultRun) => void): Promise<FaultRun[]> {
  const runs: FaultRun[] = []
  for (const [call, kinds] of Object.entries(faultedCalls)) {
    for (const kind of kinds) {
      for (const isSticky of kind === 'EIO' ? [false, true] : [false]) {
        for (let nth = 1, isMet = true; isMet; nth += nth < everyUpTo ? 1 : nth) {
          const run = await runOnce({ call, kind, nth, isSticky })
          isMet = run.isMet
          if (isMet) runs.push(run)
          if (isMet) onRun(run)
        }
      }
    }
  }
  return runs
}

async function runOnce(fault: Fault): Promise<FaultRun> {
  const directory = mkdtempSync(join(tmpdir(), 'write-faults-'))
  const ledger = join(directory, 'ledger')
  try {
    const { out, trace, ended } = await writeTraced(directory, ledger, fault)
    const acknowledged = acknowledgedIn(out)
    const findings = [
      ...judgeCalls(trace, ended, fault),
      ...judgeLedger(ledger, acknowledged),
      ...(await judgeReopened(ledger)),
    ]
    const isMet = /INJECTED|DELAYED/.test(trace) || (fault.kind === 'killed' && ended === 'SIGKILL')
    return { fault, isMet, acknowledged: acknowledged.length, ended, findings }
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

async function writeTraced(directory: string, ledger: string, fault: Fault) {
  const traceFile = join(directory, 'trace')
  const when = `when=${fault.nth}${fault.isSticky ? '+' : ''}`
  const trace = `trace=${Object.keys(faultedCalls).join()}`
  const inject = `inject=${fault.call}:${injections[fault.kind]}:${when}`
  // The quicker way to trace sends no signals (strace 6.1).
  const quicker = fault.kind === 'killed' ? [] : ['--seccomp-bpf']
  const argv = ['-f', ...quicker, '-o', traceFile, '-e', trace, '-e', inject]
  argv.push(process.execPath, writerFile, ledger, JSON.stringify(config))
  argv.push(String(inFlight), String(records))
  const child = spawn('strace', argv, { stdio: ['ignore', 'pipe', 'ignore'] })
  let out = ''
  child.stdout.on('data', (chunk: Buffer) => {
    out += chunk.toString()
  })
  const ended = await new Promise<string>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code, signal) => resolve(signal ?? `exit ${code}`))
  })
  return { out, trace: readFileSync(traceFile, 'utf8'), ended }
}

function acknowledgedIn(out: string): (readonly [seq: number, n: number])[] {
  const whole = out.slice(0, out.lastIndexOf('\n') + 1)
  return [...whole.matchAll(/^ack (\d+) (\d+)$/gm)].map((line) => [
    Number(line[1]),
    Number(line[2]),
  ])
}

/**
 * After a failure the thread that writes calls nothing more and the process is gone; what fails
 * before the ledger is open refuses it; what fails beside the writing holds nothing up.
 */
function judgeCalls(trace: string, ended: string, fault: Fault): string[] {
  const lines = trace.split('\n')
  const threadOf = (line: string | undefined) => line?.split(/\s/)[0] ?? ''
  const writer = threadOf(lines.find((line) => /pwrite(v|64)\(/.test(line)))
  const failedAt = lines.findIndex((line) => line.includes('INJECTED'))
  const isWriters = failedAt >= 0 && threadOf(lines[failedAt]) === writer
  if (!isWriters || fault.kind === 'slow') {
    return ['exit 0', 'exit 2', 'SIGKILL'].includes(ended) ? [] : [`ended by ${ended}`]
  }
  const after = lines
    .slice(failedAt + 1)
    .filter((line) => threadOf(line) === writer && line.includes('('))
  return [
    ...(ended === 'SIGKILL' ? [] : [`the writer met it and the process ended by ${ended}`]),
    ...after.map((line) => `the writer went on: ${line}`),
  ]
}

function judgeLedger(
  ledger: string,
  acknowledged: readonly (readonly [seq: number, n: number])[],
): string[] {
  const [first, second] = [recoverAll(ledger), recoverAll(ledger)]
  if (!first.ok || !second.ok) {
    return [`refused afterwards: ${JSON.stringify([first, second].map((each) => each.ok))}`]
  }
  const { records: found, end } = first.value
  const lost = acknowledged.filter(([seq, n]) => !isDeepStrictEqual(found[seq - 1], intent(n)))
  const isSame = isDeepStrictEqual(second.value.end, end) && second.value.cuts.length === 0
  return [
    ...lost.map(([seq]) => `record ${seq} was acknowledged and is gone`),
    ...(isSame ? [] : ['recovering twice is not the same']),
  ]
}

/** What was left is good to go on with: it opens, takes one more record and closes. */
async function judgeReopened(directory: string): Promise<string[]> {
  const opened = await openLedger({ directory, runId: 'after', clock: systemClock })
  if (!opened.ok) return [`cannot be opened afterwards: ${opened.failure.code}`]
  const { ledger, recovered } = opened.value
  const appended = await ledger.append(intent(0))
  await ledger.close()
  const after = recoverAll(directory)
  const isThere = after.ok && after.value.lastSeq === recovered.lastSeq + 2
  return appended.ok && isThere ? [] : ['takes no record afterwards']
}
