import '@bulkhead/shared/runtime/runtime-version.ts'
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { projectRoot, readStack } from '@bulkhead/shared/runtime/home.ts'
import { freeBasePort } from '../support/ports.ts'
import { waitFor } from '../support/wait.ts'
import { metricOf, writeReport } from './support/report.ts'

/**
 * Cold start: `npm start` with dependencies present, on a fresh home, until it says that all is
 * ready; and the resident memory of the safety plane once the desk trades.
 */
const runs = Number(process.env['BENCH_START_RUNS'] ?? 10)

const startS: number[] = []
const safetyRssMb: number[] = []
for (let run = 1; run <= runs; run += 1) {
  const { readyS, rssMb } = await coldStart()
  startS.push(readyS)
  safetyRssMb.push(rssMb)
  process.stdout.write(
    `run ${run} of ${runs}: ready after ${readyS.toFixed(2)} s, safety plane ${rssMb.toFixed(1)} MB\n`,
  )
}
writeReport('start', {
  cold_to_ready_s: metricOf('s', startS),
  safety_plane_rss_mb: metricOf('MB', safetyRssMb),
})

async function coldStart(): Promise<{ readyS: number; rssMb: number }> {
  const home = mkdtempSync(join(tmpdir(), 'bulkhead-bench-'))
  const basePort = await freeBasePort()
  const startedMs = performance.now()
  const npm = spawn('npm', ['start', '--', '--base-port', String(basePort)], {
    cwd: projectRoot,
    env: { ...process.env, BULKHEAD_HOME: home },
    stdio: ['ignore', 'pipe', 'ignore'],
    detached: true,
  })
  let output = ''
  npm.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString()
  })
  const gone = new Promise((resolve) => {
    npm.once('exit', resolve)
  })
  try {
    await waitFor('all ready', () => output.includes('All ready'), 60_000)
    const readyS = (performance.now() - startedMs) / 1_000
    await waitFor('the desk to be Active', () => isActive(basePort), 30_000)
    return { readyS, rssMb: residentMb(safetyPid(home)) }
  } finally {
    if (npm.pid !== undefined) process.kill(-npm.pid, 'SIGINT')
    await gone
    rmSync(home, { recursive: true, force: true })
  }
}

async function isActive(basePort: number): Promise<boolean> {
  const reply = await fetch(`http://127.0.0.1:${basePort + 2}/api/v1/status`)
  return ((await reply.json()) as { trading_mode: string }).trading_mode === 'Active'
}

function safetyPid(home: string): number {
  const safety = readStack(home)?.components.find(
    ({ component }) => component === 'dead_man_switch',
  )
  if (safety === undefined) throw new Error('no safety plane in stack.json')
  return safety.pid
}

function residentMb(pid: number): number {
  const kib = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
  return Number(kib) / 1_024
}
