import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { readTestReport } from './test-report.ts'
import { type AcceptanceItem, trace } from './trace.core.ts'

const ROOT = resolve(import.meta.dirname, '..')
const PINS = 'plans/acceptance-required.json'
const PROBLEMS_SHOWN_MAX = 40

const { values: options } = parseArgs({
  options: {
    report: { type: 'string', default: 'artifacts/test-report.json' },
    index: { type: 'string', default: 'docs/reference/acceptance-index.json' },
    pins: { type: 'string', default: PINS },
    out: { type: 'string', default: 'artifacts/traceability.json' },
    pin: { type: 'boolean', default: false },
  },
})

process.exitCode = main()

/**
 * Exit code: 0 when nothing is wrong, 1 when the trace has problems, 2 when an input is missing.
 */
function main(): number {
  const report = join(ROOT, options.report)
  if (!existsSync(report)) {
    console.error(`trace: no test report at ${options.report}; \`npm test\` writes it`)
    return 2
  }
  const index = readJson(options.index) as AcceptanceItem[]
  const pinned = readJson(options.pins) as string[]
  const result = trace({
    index,
    tests: readTestReport(report, ROOT),
    pinned,
    pinnedBefore: pinsInHistory(),
  })
  const { problems, proven, total, unpinned } = result
  writeJson(options.out, result)
  for (const { fault, detail } of problems.slice(0, PROBLEMS_SHOWN_MAX)) {
    console.error(`trace: ${fault} ${detail}`)
  }
  if (problems.length > PROBLEMS_SHOWN_MAX)
    console.error(`trace: ${problems.length} problems in all`)
  if (unpinned.length > 0 && problems.length === 0) settlePins(index, pinned, unpinned)
  console.log(`${proven} of ${total} proven`)
  return problems.length === 0 ? 0 : 1
}

/** Pins newly proven ids when asked to, so that they can never be lost again unnoticed. */
function settlePins(
  index: readonly AcceptanceItem[],
  pinned: readonly string[],
  unpinned: readonly string[],
): void {
  if (!options.pin) {
    console.log(`${unpinned.length} proven and not pinned yet: npx node plans/trace.ts --pin`)
    return
  }
  const all = new Set([...pinned, ...unpinned])
  writeJson(
    options.pins,
    index.map(({ id }) => id).filter((id) => all.has(id)),
  )
  console.log(`pinned ${unpinned.length} more in ${options.pins}`)
}

/** Ids in every committed version of the list; outside a git clone there is no history to keep. */
function pinsInHistory(): string[] {
  if (options.pins !== PINS || !existsSync(join(ROOT, '.git'))) return []
  const git = (...args: string[]) => execFileSync('git', args, { cwd: ROOT, encoding: 'utf8' })
  const commits = git('log', '--format=%H', '--', PINS).split('\n').filter(Boolean)
  return commits.flatMap((commit) => JSON.parse(git('show', `${commit}:${PINS}`)) as string[])
}

function readJson(path: string): unknown {
  return JSON.parse(readFileSync(join(ROOT, path), 'utf8'))
}

function writeJson(path: string, value: unknown): void {
  mkdirSync(dirname(join(ROOT, path)), { recursive: true })
  writeFileSync(join(ROOT, path), `${JSON.stringify(value, null, 2)}\n`)
}
