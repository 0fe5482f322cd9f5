import { mkdirSync, writeFileSync } from 'node:fs'
import { cpus, release, totalmem } from 'node:os'
import { join } from 'node:path'
import { projectRoot } from '@bulkhead/shared/runtime/home.ts'

export type Metric = {
  readonly unit: string
  readonly n: number
  readonly p50: number
  readonly p99: number
  readonly max: number
}

/** A figure that has to keep to a bound; null when it could not be measured. */
export type Limit = { readonly name: string; readonly value: number | null } & (
  | { readonly atLeast: number }
  | { readonly atMost: number }
)

/** Percentiles of what was measured; the nearest rank, so that each is a value that occurred. */
export function metricOf(unit: string, samples: readonly number[]): Metric {
  if (samples.length === 0) throw new Error('a metric needs a sample')
  const sorted = samples.toSorted((a, b) => a - b)
  const rank = (share: number) =>
    rounded(sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)]!)
  return { unit, n: sorted.length, p50: rank(0.5), p99: rank(0.99), max: rank(1) }
}

/**
 * Writes `artifacts/bench/<name>.json` and prints the same as a table; each limit beside what was
 * measured and whether it is kept.
 */
export function writeReport(
  name: string,
  metrics: Readonly<Record<string, Metric>>,
  ratios: Readonly<Record<string, number>> = {},
  limits: readonly Limit[] = [],
): void {
  const directory = join(projectRoot, 'artifacts/bench')
  mkdirSync(directory, { recursive: true })
  const kept = limits.map((limit) => ({ ...limit, isKept: isKept(limit) }))
  const head = { name, at: new Date().toISOString(), machine: machineOf() }
  const report = { ...head, metrics, ratios, limits: kept }
  writeFileSync(join(directory, `${name}.json`), `${JSON.stringify(report, null, 2)}\n`)
  const rows = Object.entries(metrics).map(([metric, { unit, n, p50, p99, max }]) =>
    [metric, unit, n, p50, p99, max].map(String),
  )
  printTable(['metric', 'unit', 'n', 'p50', 'p99', 'max'], rows)
  const ratioRows = Object.entries(ratios).map(([ratio, value]) => [ratio, String(rounded(value))])
  if (ratioRows.length > 0) printTable(['ratio', 'value'], ratioRows)
  if (kept.length > 0) printTable(['limit', 'measured', 'asked', 'kept'], kept.map(limitRow))
}

function isKept(limit: Limit): boolean | null {
  if (limit.value === null) return null
  return 'atLeast' in limit ? limit.value >= limit.atLeast : limit.value <= limit.atMost
}

function limitRow(limit: Limit & { readonly isKept: boolean | null }): readonly string[] {
  const asked = 'atLeast' in limit ? `>= ${limit.atLeast}` : `<= ${limit.atMost}`
  const measured = limit.value === null ? 'not measured' : String(rounded(limit.value))
  const kept = limit.isKept === null ? 'unknown' : limit.isKept ? 'yes' : 'NO'
  return [limit.name, measured, asked, kept]
}

function machineOf() {
  const [cpu] = cpus()
  return {
    cpu: cpu?.model ?? 'unknown',
    cores: cpus().length,
    memory_mb: Math.round(totalmem() / 1_048_576),
    kernel: release(),
    node: process.version,
  }
}

function printTable(head: readonly string[], rows: readonly (readonly string[])[]): void {
  const widths = head.map((name, at) =>
    Math.max(name.length, ...rows.map((row) => row[at]!.length)),
  )
  const line = (cells: readonly string[]) =>
    cells.map((cell, at) => (at === 0 ? cell.padEnd(widths[at]!) : cell.padStart(widths[at]!)))
  for (const cells of [head, ...rows]) process.stdout.write(`${line(cells).join('  ')}\n`)
}

const rounded = (value: number) => Math.round(value * 1_000) / 1_000
