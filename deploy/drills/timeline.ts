import type { DrillPhase, DrillReport } from './evidence.ts'

const width = 1_120
const left = 150
const right = 40
const rowHeight = 26
const ladderTop = 92
const phasesTop = 216
const colours = { L0: '#b7791f', L1: '#c2410c', L2: '#b91c1c' } as const

/** Draws a drill as SVG: the ladder on top, the phases of the last level below. */
export function drawTimeline(report: DrillReport): string {
  const last = report.phases.filter(({ level }) => level === report.level)
  const height = phasesTop + 40 + last.length * rowHeight + 54
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="system-ui, sans-serif">`,
    `<rect width="${width}" height="${height}" fill="#ffffff"/>`,
    text(
      24,
      36,
      `Kill drill ${report.level}: ${report.ok ? 'every claim held' : 'NOT PASSED'}`,
      22,
      report.ok ? '#14532d' : '#b91c1c',
      700,
    ),
    text(24, 60, `${report.at}  build ${report.build_id}`, 13, '#475569'),
    ...drawLadder(report),
    ...drawPhases(last, report),
    '</svg>',
  ]
  return `${parts.join('\n')}\n`
}

/** The same in plain text, for terminals and for the summary page. */
export function textTimeline(report: DrillReport): string {
  const rows = [
    row(0, 'frozen', 'orchestrator stopped answering (SIGSTOP)'),
    ...(['L0', 'L1', 'L2'] as const).flatMap((level) => {
      const atMs = report.triggered_ms[level]
      if (atMs === undefined) return []
      const overshoot = report.overshoot_ms[level]?.toFixed(2) ?? '?'
      return [
        row(atMs, level, `threshold ${report.thresholds_ms[level]} ms, overshoot ${overshoot} ms`),
        ...report.phases
          .filter((phase) => phase.level === level)
          .map((phase) =>
            row(
              phase.start_ms,
              `  ${phase.name}`,
              `${phase.duration_ms.toFixed(2)} ms, ${phase.outcome}`,
            ),
          ),
      ]
    }),
  ]
  return rows.join('\n')
}

function row(atMs: number, name: string, words: string): string {
  return `${(atMs / 1_000).toFixed(3).padStart(9)} s  ${name.padEnd(16)} ${words}`
}

function drawLadder(report: DrillReport): string[] {
  const ends = report.phases.map((phase) => phase.start_ms + phase.duration_ms)
  const spanMs =
    Math.max(
      ...ends,
      ...Object.values(report.thresholds_ms).filter(
        (ms) => ms <= report.thresholds_ms[report.level],
      ),
    ) * 1.05
  const x = (ms: number) => left + (ms / spanMs) * (width - left - right)
  const axis = ladderTop + 40
  const parts = [
    text(24, axis + 5, 'Ladder', 15, '#0f172a', 600),
    `<line x1="${left}" y1="${axis}" x2="${width - right}" y2="${axis}" stroke="#94a3b8" stroke-width="2"/>`,
    marker(x(0), axis, '#0f172a', 'frozen', '0 s', -16),
  ]
  for (const level of ['L0', 'L1', 'L2'] as const) {
    const atMs = report.triggered_ms[level]
    if (atMs === undefined) continue
    const overshoot = report.overshoot_ms[level]?.toFixed(2) ?? '?'
    parts.push(
      marker(
        x(atMs),
        axis,
        colours[level],
        `${level}  +${overshoot} ms`,
        `${(atMs / 1_000).toFixed(2)} s`,
        -16,
      ),
    )
  }
  for (const phase of report.phases) {
    const begin = x(Math.max(0, phase.start_ms))
    const length = Math.max(2, x(phase.start_ms + phase.duration_ms) - begin)
    parts.push(
      `<rect x="${begin}" y="${axis + 34}" width="${length}" height="8" fill="${colours[phase.level]}" opacity="0.6"/>`,
    )
  }
  return parts
}

function drawPhases(phases: readonly DrillPhase[], report: DrillReport): string[] {
  const startMs = Math.min(...phases.map((phase) => phase.start_ms), Number.POSITIVE_INFINITY)
  const endMs = Math.max(...phases.map((phase) => phase.start_ms + phase.duration_ms), startMs + 1)
  const barWidth = width - left - right - 150
  const x = (ms: number) => left + ((ms - startMs) / (endMs - startMs)) * barWidth
  const parts = [text(24, phasesTop, `Phases of ${report.level}`, 15, '#0f172a', 600)]
  phases.forEach((phase, index) => {
    const y = phasesTop + 22 + index * rowHeight
    const begin = x(phase.start_ms)
    const length = Math.max(3, x(phase.start_ms + phase.duration_ms) - begin)
    const isGood = phase.outcome === 'confirmed' || phase.outcome === 'not_required'
    parts.push(
      text(24, y + 13, phase.name.replaceAll('_', ' '), 13, '#334155'),
      `<rect x="${begin}" y="${y}" width="${length}" height="16" rx="3" fill="${isGood ? '#0f766e' : '#b91c1c'}"/>`,
      text(begin + length + 8, y + 13, `${phase.duration_ms.toFixed(1)} ms`, 12, '#334155'),
    )
  })
  const y = phasesTop + 22 + phases.length * rowHeight + 30
  const dead = report.dead.map(
    ({ component, method, ms }) => `${component} dead in ${ms.toFixed(1)} ms (${method})`,
  )
  const orders = `resting orders ${report.resting_orders_before} before, ${report.resting_orders_after.join(' and ')} after`
  parts.push(text(24, y, [...dead, orders].join('   '), 13, '#0f172a'))
  return parts
}

function marker(
  x: number,
  y: number,
  colour: string,
  label: string,
  time: string,
  offset: number,
): string {
  return [
    `<line x1="${x}" y1="${y - 12}" x2="${x}" y2="${y + 12}" stroke="${colour}" stroke-width="3"/>`,
    text(x, y + offset, label, 13, colour, 600, 'middle'),
    text(x, y + 25, time, 12, '#475569', 400, 'middle'),
  ].join('\n')
}

/** A line of text in an SVG, escaped. */
export function text(
  x: number,
  y: number,
  words: string,
  size: number,
  fill: string,
  weight = 400,
  anchor = 'start',
): string {
  const escaped = words.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
  return `<text x="${x}" y="${y}" font-size="${size}" fill="${fill}" font-weight="${weight}" text-anchor="${anchor}" xml:space="preserve">${escaped}</text>`
}
