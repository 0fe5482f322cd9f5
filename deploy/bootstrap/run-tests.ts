import '@bulkhead/shared/runtime/runtime-version.ts'
import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { projectRoot } from '@bulkhead/shared/runtime/home.ts'

/** Where the runner's machine-readable report goes; the acceptance trace reads it. */
const reportFile = join(projectRoot, 'artifacts', 'test-report.json')

type Report = {
  numPassedTests: number
  numFailedTests: number
  numPendingTests: number
  numTodoTests: number
  success: boolean
}

mkdirSync(join(projectRoot, 'artifacts'), { recursive: true })
rmSync(reportFile, { force: true })
const run = spawnSync(
  process.execPath,
  [
    join(projectRoot, 'node_modules', 'vitest', 'vitest.mjs'),
    'run',
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${reportFile}`,
    ...process.argv.slice(2),
  ],
  {
    cwd: projectRoot,
    stdio: 'inherit',
    env: { ...process.env, ...(process.stdout.isTTY ? {} : { NO_COLOR: '1' }) },
  },
)

let report: Report
try {
  report = JSON.parse(readFileSync(reportFile, 'utf8')) as Report
} catch {
  process.stdout.write('0 passed, 1 failed\n')
  process.exit(1)
}
const skipped = report.numPendingTests + report.numTodoTests
const isGood = run.status === 0 && report.success && report.numPassedTests > 0 && skipped === 0
if (skipped > 0)
  process.stdout.write(`${skipped} test(s) did not run; a skipped test counts as failed\n`)
const failed =
  report.numFailedTests + skipped + (isGood || report.numFailedTests + skipped > 0 ? 0 : 1)
process.stdout.write(`${report.numPassedTests} passed, ${failed} failed\n`)
process.exit(isGood ? 0 : 1)
