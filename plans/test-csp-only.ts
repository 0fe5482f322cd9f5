import '@bulkhead/shared/runtime/runtime-version.ts'
import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { projectRoot } from '@bulkhead/shared/runtime/home.ts'
import { cspTitles, judgeSuite } from './csp-only-suite.core.ts'
import { buildCspOnly, parts } from './csp-only.ts'
import { readTestReport } from './test-report.ts'
import type { AcceptanceItem } from './trace.core.ts'

/**
 * `npm run test:csp_only`: builds CSP_ONLY, puts the tests beside it and runs there, where nothing
 * of GOP is, every acceptance test of CSP. Exit code 0 when all passed and none of GOP ran.
 */
const folder = realpathSync(mkdtempSync(join(tmpdir(), 'bulkhead-csp-suite-')))
try {
  process.exitCode = runSuite(join(folder, 'build'), join(folder, 'report.json'))
} finally {
  rmSync(folder, { recursive: true, force: true })
}

function runSuite(build: string, report: string): number {
  const { missing } = buildCspOnly(projectRoot, build)
  if (missing.length > 0) {
    process.stderr.write('test:csp_only: there is no build; see npm run build:csp_only\n')
    return 1
  }
  const left = new Set([...parts, '.git', 'node_modules', 'artifacts'])
  for (const part of readdirSync(projectRoot).filter((name) => !left.has(name))) {
    cpSync(join(projectRoot, part), join(build, part), { recursive: true })
  }
  const index = readJson('docs/reference/acceptance-index.json') as AcceptanceItem[]
  const run = spawnSync(
    process.execPath,
    [
      join('node_modules', 'vitest', 'vitest.mjs'),
      'run',
      `--testNamePattern=${cspTitles(index)}`,
      '--reporter=default',
      '--reporter=json',
      `--outputFile.json=${report}`,
    ],
    { cwd: build, stdio: 'inherit' },
  )
  const pinned = readJson('plans/acceptance-required.json') as string[]
  const tests = readTestReport(report, build)
  const { csp, gop, problems } = judgeSuite({ index, tests, pinned })
  for (const problem of problems) process.stderr.write(`test:csp_only: ${problem}\n`)
  process.stdout.write(`${csp} CSP tests executed, ${gop} GOP tests executed\n`)
  return run.status === 0 && problems.length === 0 ? 0 : 1
}

function readJson(path: string): unknown {
  return JSON.parse(readFileSync(join(projectRoot, path), 'utf8'))
}
