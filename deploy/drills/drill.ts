import '@bulkhead/shared/runtime/runtime-version.ts'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { parseArgs } from 'node:util'
import { killLevelSchema, type KillLevel } from '@bulkhead/shared/contracts/kill-switch.ts'
import { projectRoot } from '@bulkhead/shared/runtime/home.ts'
import { type DrillOutcome, runDrill } from './drill-run.ts'
import type { DrillReport } from './evidence.ts'
import { drawTimeline, textTimeline } from './timeline.ts'

const usage = `usage: npm run drill -- --level L0|L1|L2 [--fast] [--out DIR]
Runs a kill drill on a stack of its own and writes the evidence below artifacts/evidence/drills.
  --fast   thresholds of 0.5, 1.5 and 3 s instead of 5, 15 and 30 s
  --out    folder for the evidence
Ends with 0 when every claim held, with 1 when one did not, with 2 on a wrong call.
`

function readOptions(
  argv: readonly string[],
): { level: KillLevel; isFast: boolean; out: string | undefined } | string {
  try {
    const { values } = parseArgs({
      args: [...argv],
      options: { level: { type: 'string' }, fast: { type: 'boolean' }, out: { type: 'string' } },
    })
    const level = killLevelSchema.safeParse(values.level ?? 'L2')
    if (!level.success) return '--level is L0, L1 or L2'
    return { level: level.data, isFast: values.fast === true, out: values.out }
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

function writeEvidence(directory: string, outcome: DrillOutcome & { ok: true }): void {
  mkdirSync(directory, { recursive: true })
  const { report, audit } = outcome
  writeFileSync(join(directory, 'drill.json'), `${JSON.stringify(report, null, 2)}\n`)
  writeFileSync(
    join(directory, 'audit.jsonl'),
    audit.map((line) => `${JSON.stringify(line)}\n`).join(''),
  )
  writeFileSync(join(directory, 'timeline.svg'), drawTimeline(report))
  writeFileSync(join(directory, 'SUMMARY.md'), summaryOf(report))
}

function summaryOf(report: DrillReport): string {
  const claims = report.claims.map(
    ({ claim, held, seen }) => `| ${held ? 'yes' : '**NO**'} | ${claim} | ${seen} |`,
  )
  return `# Kill drill ${report.level}: ${report.ok ? 'passed' : 'NOT PASSED'}

${report.at}, build \`${report.build_id}\`. The orchestrator was frozen with SIGSTOP while
${report.resting_orders_before} order(s) rested on the venue. Times count from the freeze.

![Timeline](timeline.svg)

\`\`\`
${textTimeline(report)}
\`\`\`

| held | claim | seen |
|---|---|---|
${claims.join('\n')}

The extract of the audit log is \`audit.jsonl\`, the figures are \`drill.json\`.
`
}

async function main(): Promise<number> {
  const options = readOptions(process.argv.slice(2))
  if (typeof options === 'string') {
    process.stderr.write(`${options}\n${usage}`)
    return 2
  }
  const say = (line: string) => process.stdout.write(`${line}\n`)
  const outcome = await runDrill({ level: options.level, isFast: options.isFast, say })
  if (!outcome.ok) {
    process.stderr.write(`${outcome.message}\n`)
    return 1
  }
  const { report } = outcome
  const stamp = report.at.replaceAll(/[-:]/g, '').replace(/\.\d+Z$/, 'Z')
  const directory = options.out ?? join(projectRoot, 'artifacts', 'evidence', 'drills', stamp)
  writeEvidence(directory, outcome)
  say('')
  for (const { claim, held, seen } of report.claims)
    say(`${held ? 'held  ' : 'FAILED'}  ${claim} (${seen})`)
  say(
    `\nDrill ${report.level} ${report.ok ? 'passed' : 'NOT PASSED'}. Evidence: ${relative(process.cwd(), directory) || '.'}`,
  )
  return report.ok ? 0 : 1
}

process.exit(await main())
