import { text } from '../../../deploy/drills/timeline.ts'

export type HistogramSeries = {
  readonly name: string
  readonly unit: string
  readonly samples: readonly number[]
  /** What the 99th percentile must stay below, or null where nothing is asked. */
  readonly limit: number | null
}

const width = 1_120
const left = 300
const plotWidth = 560
const rowHeight = 64
const barsHeight = 40
const top = 84
const buckets = 80

/** Draws one histogram a row, each on its own scale from zero, with its percentiles and limit. */
export function drawHistograms(title: string, series: readonly HistogramSeries[]): string {
  const height = top + series.length * rowHeight + 24
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="system-ui, sans-serif">`,
    `<rect width="${width}" height="${height}" fill="#ffffff"/>`,
    text(24, 36, title, 20, '#0f172a', 700),
    ...series.flatMap((each, at) => drawRow(each, top + at * rowHeight)),
    '</svg>',
  ]
  return `${parts.join('\n')}\n`
}

function drawRow({ name, unit, samples, limit }: HistogramSeries, y: number): string[] {
  const sorted = samples.toSorted((a, b) => a - b)
  const at = (share: number) => sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0
  const [p50, p99] = [at(0.5), at(0.99)]
  // A lone straggler must not squeeze all others into one bar: what is beyond lands in the last.
  const span = Math.max(p99 * 1.15, limit === null ? 0 : limit * 1.05, Number.EPSILON)
  const counts = Array.from({ length: buckets }, () => 0)
  for (const sample of sorted) {
    const bucket = Math.min(buckets - 1, Math.max(0, Math.floor((sample / span) * buckets)))
    counts[bucket] = (counts[bucket] ?? 0) + 1
  }
  const highest = Math.max(...counts, 1)
  const base = y + barsHeight
  const x = (value: number) => left + Math.min(1, value / span) * plotWidth
  const isWithin = limit === null || p99 <= limit
  const parts = [
    text(24, y + 18, name, 14, '#0f172a', 600),
    text(24, y + 36, `${sorted.length} samples, ${unit}`, 12, '#475569'),
    `<line x1="${left}" y1="${base}" x2="${left + plotWidth}" y2="${base}" stroke="#94a3b8"/>`,
  ]
  counts.forEach((count, bucket) => {
    if (count === 0) return
    const barHeight = Math.max(2, (count / highest) * (barsHeight - 4))
    const barWidth = plotWidth / buckets
    parts.push(
      `<rect x="${(left + bucket * barWidth).toFixed(1)}" y="${(base - barHeight).toFixed(1)}" width="${(barWidth - 1).toFixed(1)}" height="${barHeight.toFixed(1)}" fill="#0f766e"/>`,
    )
  })
  if (limit !== null) {
    const at99 = x(limit).toFixed(1)
    parts.push(
      `<line x1="${at99}" y1="${y}" x2="${at99}" y2="${base + 6}" stroke="#b91c1c" stroke-width="2" stroke-dasharray="4 3"/>`,
    )
  }
  const colour = isWithin ? '#0f172a' : '#b91c1c'
  const limits = limit === null ? '' : `  limit ${limit}`
  const figures = `p50 ${p50.toFixed(2)}  p99 ${p99.toFixed(2)}${limits}`
  return [...parts, text(left + plotWidth + 20, y + 26, figures, 13, colour, isWithin ? 400 : 700)]
}
