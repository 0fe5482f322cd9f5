import { mkdirSync, writeFileSync } from 'node:fs'
import { cpus, release, totalmem } from 'node:os'
import { join } from 'node:path'
import { projectRoot } from '@bulkhead/shared/runtime/home.ts'

/** One measured quantity over many runs. */
export type Metric = {
  readonly unit: string
  readonly n: number
  readonly p50: number
  readonly p99: number
  readonly max: number
}

export type BenchReport = {
  readonly name: string
  readonly at: string
  readonly machine: string
  readonly metrics: Readonly<Record<string, Metric>>
  readonly ratios: Readonly<Record<string, number>>
}

/** Nearest-rank percentiles of raw samples. */
export function metricOf(unit: string, samples: readonly number[]): Metric {
  if (samples.length === 0) throw new Error('a metric needs at least one sample')
  const sorted = samples.toSorted((left, right) => left - right)
  const at = (share: number) =>
    sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)] as number
  return { unit, n: sorted.length, p50: at(0.5), p99: at(0.99), max: at(1) }
}

/** Writes `artifacts/bench/<name>.json` and prints the same as a table. */
export function writeReport(
  name: string,
  metrics: BenchReport['metrics'],
  ratios: BenchReport['ratios'] = {},
): void {
  const cores = cpus()
  const memoryGib = Math.round(totalmem() / 2 ** 30)
  const report: BenchReport = {
    name,
    at: new Date().toISOString(),
    machine: `${cores.length} x ${cores[0]?.model ?? 'cpu'}, ${memoryGib} GiB, Linux ${release()}, Node ${process.version}`,
    metrics,
    ratios,
  }
  const directory = join(projectRoot, 'artifacts', 'bench')
  mkdirSync(directory, { recursive: true })
  writeFileSync(join(directory, `${name}.json`), `${JSON.stringify(report, null, 2)}\n`)
  process.stdout.write(`${tableOf(report)}\n`)
}

function tableOf(report: BenchReport): string {
  const number = (value: number) => value.toFixed(value < 10 ? 3 : 1).padStart(12)
  const rows = Object.entries(report.metrics).map(
    ([name, { unit, n, p50, p99, max }]) =>
      `${name.padEnd(28)}${unit.padEnd(6)}${String(n).padStart(6)}${number(p50)}${number(p99)}${number(max)}`,
  )
  const ratios = Object.entries(report.ratios).map(
    ([name, value]) => `${name.padEnd(28)}${number(value)}`,
  )
  const head = `${'metric'.padEnd(28)}${'unit'.padEnd(6)}${'n'.padStart(6)}${'p50'.padStart(12)}${'p99'.padStart(12)}${'max'.padStart(12)}`
  return [report.machine, head, ...rows, ...ratios].join('\n')
}
