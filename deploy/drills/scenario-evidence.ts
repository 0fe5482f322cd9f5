import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { AuditLine } from './evidence.ts'
import type { ScenarioReport } from './scenario.ts'
import { text } from './timeline.ts'

const width = 1_120
const axisLeft = 40
const axisRight = 380
const rowHeight = 24
const top = 92
const seenCharsMax = 84
const claimCharsMax = 120

/** Writes drill.json, audit.jsonl, timeline.svg and SUMMARY.md. */
export function writeScenarioEvidence(
  directory: string,
  report: ScenarioReport,
  audit: readonly AuditLine[],
): void {
  mkdirSync(directory, { recursive: true })
  const write = (name: string, content: string) => writeFileSync(join(directory, name), content)
  write('drill.json', `${JSON.stringify(report, null, 2)}\n`)
  write('audit.jsonl', audit.map((line) => `${JSON.stringify(line)}\n`).join(''))
  write('timeline.svg', drawScenario(report))
  write('SUMMARY.md', summaryOf(report))
}

function summaryOf(report: ScenarioReport): string {
  const claims = report.claims.map(
    ({ claim, held, seen }) => `| ${held ? 'yes' : '**NO**'} | ${claim} | ${cell(seen)} |`,
  )
  const figures = Object.entries(report.figures_ms).map(
    ([name, ms]) => `| ${name} | ${ms.toFixed(1)} |`,
  )
  const steps = report.steps.map(
    ({ at_ms: atMs, what, seen }) =>
      `${(atMs / 1_000).toFixed(3).padStart(9)} s  ${what}${seen === '' ? '' : `: ${seen}`}`,
  )
  return `# Drill ${report.scenario}: ${report.ok ? 'passed' : 'NOT PASSED'}

${report.at}, build \`${report.build_id}\`. ${report.about} Times count from the moment when the desk traded.

![Timeline](timeline.svg)

\`\`\`
${steps.join('\n')}
\`\`\`

| held | claim | seen |
|---|---|---|
${claims.join('\n')}
${figures.length === 0 ? '' : `\n| measured | ms |\n|---|---:|\n${figures.join('\n')}\n`}
The extract of the audit log is \`audit.jsonl\`, the figures are \`drill.json\`.
`
}

/** What was seen may hold anything that a program printed; in a table it stays on one line. */
const cell = (words: string): string => words.replaceAll('|', '\\|').replaceAll(/\s+/g, ' ')

const shortened = (words: string, charsMax: number): string =>
  words.length <= charsMax ? words : `${words.slice(0, charsMax - 1)}…`

/** Draws a scenario as SVG: one row a step, its dot where it stood in time; the claims below. */
function drawScenario(report: ScenarioReport): string {
  const claimsTop = top + 40 + report.steps.length * rowHeight
  const height = claimsTop + 40 + report.claims.length * rowHeight
  const spanMs = Math.max(1, ...report.steps.map((step) => step.at_ms)) * 1.02
  const x = (ms: number) => axisLeft + (ms / spanMs) * (axisRight - axisLeft)
  const head = report.ok ? 'every claim held' : 'NOT PASSED'
  const colour = report.ok ? '#14532d' : '#b91c1c'
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="system-ui, sans-serif">`,
    `<rect width="${width}" height="${height}" fill="#ffffff"/>`,
    text(24, 36, `Drill ${report.scenario}: ${head}`, 22, colour, 700),
    text(24, 60, `${report.at}  build ${report.build_id}`, 13, '#475569'),
  ]
  report.steps.forEach(({ at_ms: atMs, what, seen }, at) => {
    const y = top + at * rowHeight
    const isLoss = what === 'SIGKILL'
    const words = shortened(`${what}${seen === '' ? '' : `: ${seen}`}`, seenCharsMax)
    parts.push(
      `<line x1="${axisLeft}" y1="${y}" x2="${axisRight}" y2="${y}" stroke="#e2e8f0"/>`,
      `<circle cx="${x(atMs).toFixed(1)}" cy="${y}" r="6" fill="${isLoss ? '#b91c1c' : '#0f766e'}"/>`,
      text(axisRight + 80, y + 5, `${(atMs / 1_000).toFixed(2)} s`, 13, '#475569', 400, 'end'),
      text(axisRight + 96, y + 5, words, 13, isLoss ? '#b91c1c' : '#0f172a', isLoss ? 600 : 400),
    )
  })
  parts.push(text(24, claimsTop, 'Claims', 15, '#0f172a', 600))
  report.claims.forEach(({ claim, held }, at) => {
    const y = claimsTop + 26 + at * rowHeight
    parts.push(
      text(24, y, held ? 'held' : 'FAILED', 13, held ? '#0f766e' : '#b91c1c', 700),
      text(90, y, shortened(claim, claimCharsMax), 13, '#0f172a'),
    )
  })
  return `${[...parts, '</svg>'].join('\n')}\n`
}
