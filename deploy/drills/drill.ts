import '@bulkhead/shared/runtime/runtime-version.ts'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { parseArgs } from 'node:util'
import { killLevelSchema, type KillLevel } from '@bulkhead/shared/contracts/kill-switch.ts'
import { projectRoot } from '@bulkhead/shared/runtime/home.ts'
import { type DrillOutcome, runDrill } from './drill-run.ts'
import type { DrillReport } from './evidence.ts'
import { type ScenarioName, scenarioNames } from './scenario.ts'
import { writeScenarioEvidence } from './scenario-evidence.ts'
import { runScenarios } from './scenario-run.ts'
import { drawTimeline, textTimeline } from './timeline.ts'

const usage = `usage: npm run drill -- --level L0|L1|L2 [--fast] [--out DIR]
       npm run drill -- --scenario NAME [--fast] [--out DIR] [--sabotage]
Runs a drill on a stack of its own and writes the evidence below artifacts/evidence/drills.
  --level     how far the ladder climbs after the orchestrator was frozen (default L2)
  --scenario  ${scenarioNames.join(', ')}; repeatable, on one stack; or all
  --fast      thresholds of 0.5, 1.5 and 3 s instead of 5, 15 and 30 s
  --sabotage  plants an order that must not be there: the drill must not pass
  --out       folder for the evidence; of each scenario in a folder of its name below it
Ends with 0 when every claim held, with 1 when one did not, with 2 on a wrong call.
`

type Options = {
  readonly level: KillLevel
  readonly scenarios: readonly ScenarioName[]
  readonly isFast: boolean
  readonly isSabotaged: boolean
  readonly out: string | undefined
}

function readOptions(argv: readonly string[]): Options | string {
  try {
    const { values } = parseArgs({
      args: [...argv],
      options: {
        level: { type: 'string' },
        scenario: { type: 'string', multiple: true, default: [] },
        fast: { type: 'boolean', default: false },
        sabotage: { type: 'boolean', default: false },
        out: { type: 'string' },
      },
    })
    const level = killLevelSchema.safeParse(values.level ?? 'L2')
    if (!level.success) return '--level is L0, L1 or L2'
    if (values.level !== undefined && values.scenario.length > 0) {
      return 'give --level or --scenario, not both'
    }
    const wanted = values.scenario.includes('all') ? scenarioNames : values.scenario
    const scenarios = scenarioNames.filter((name) => wanted.includes(name))
    if (wanted.some((name) => !scenarios.some((known) => known === name))) {
      return `--scenario is ${scenarioNames.join(', ')} or all`
    }
    if (values.sabotage && scenarios.length === 0) return '--sabotage goes with --scenario'
    const { fast: isFast, sabotage: isSabotaged, out } = values
    return { level: level.data, scenarios, isFast, isSabotaged, out }
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

const say = (line: string) => process.stdout.write(`${line}\n`)

/** Prints the verdict on each claim. @returns whether all held */
function sayVerdict(
  name: string,
  report: Pick<DrillReport, 'ok' | 'claims'>,
  directory: string,
): boolean {
  say('')
  for (const { claim, held, seen } of report.claims) {
    say(`${held ? 'held  ' : 'FAILED'}  ${claim} (${seen})`)
  }
  const evidence = relative(process.cwd(), directory) || '.'
  say(`\nDrill ${name} ${report.ok ? 'passed' : 'NOT PASSED'}. Evidence: ${evidence}`)
  return report.ok
}

const stampOf = (at: string) => at.replaceAll(/[-:]/g, '').replace(/\.\d+Z$/, 'Z')
const evidenceRoot = join(projectRoot, 'artifacts', 'evidence', 'drills')

async function drillScenarios({ scenarios, isFast, isSabotaged, out }: Options): Promise<number> {
  let isGood = true
  const fault = await runScenarios(scenarios, { isFast, isSabotaged, say }, ({ report, audit }) => {
    const { scenario, at } = report
    const directory =
      out === undefined ? join(evidenceRoot, `${stampOf(at)}-${scenario}`) : join(out, scenario)
    writeScenarioEvidence(directory, report, audit)
    isGood = sayVerdict(scenario, report, directory) && isGood
  })
  if (fault !== undefined && !fault.ok) process.stderr.write(`${fault.message}\n`)
  return isGood && fault === undefined ? 0 : 1
}

async function drillLevel({ level, isFast, out }: Options): Promise<number> {
  const outcome = await runDrill({ level, isFast, say })
  if (!outcome.ok) {
    process.stderr.write(`${outcome.message}\n`)
    return 1
  }
  const { report } = outcome
  const directory = out ?? join(evidenceRoot, stampOf(report.at))
  writeEvidence(directory, outcome)
  return sayVerdict(report.level, report, directory) ? 0 : 1
}

async function main(): Promise<number> {
  const options = readOptions(process.argv.slice(2))
  if (typeof options === 'string') {
    process.stderr.write(`${options}\n${usage}`)
    return 2
  }
  return options.scenarios.length > 0 ? drillScenarios(options) : drillLevel(options)
}

process.exit(await main())
