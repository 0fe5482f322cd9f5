import '@bulkhead/shared/runtime/runtime-version.ts'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { assert } from '@bulkhead/shared/kernel/assert.ts'
import { ok } from '@bulkhead/shared/kernel/result.ts'
import { AuditWriter } from '@bulkhead/shared/runtime/audit-writer.ts'
import { systemClock } from '@bulkhead/shared/runtime/system-clock.ts'
import { nodeOptions } from '../../deploy/bootstrap/entry-points.ts'
import { simulate } from '../simulation/simulate.ts'
import { startSafetyRedis } from '../support/redis.ts'
import { gatewayOverheadUs } from './support/gateway-overhead.ts'
import { bareLoop, InlineAppends } from './support/ledger-disk.ts'
import {
  enqueueAsleep,
  live,
  openBenchLedger,
  recordsPerLife,
  saturate,
  singleAppends,
} from './support/ledger-load.ts'
import { openPeers, type Peer } from './support/ledger-peers.ts'
import { type Limit, type Metric, metricOf, writeReport } from './support/report.ts'

/**
 * The ledger against the disk under it and against what its records could be kept in instead, in
 * one run on one disk: a bare loop that only writes and syncs the same batches, an append inline,
 * SQLite twice, lmdb. They take turns in short pieces, so that a disk or a machine that slows down
 * slows all of them; the ratios are medians over the rounds. Then the start, the gateway and the
 * simulation. `--quick` takes a part of the samples.
 */
const isQuick = process.argv.includes('--quick')
const rounds = isQuick ? 3 : 12
const saturatedRecords = 40_000
const warmUpRecords = 10_000
const peerRows = 10_000
/** Single appends of a round: so many of ours, so many inline, and again. */
const singlesInARow = 50
const singleTurns = 6
const asleepAppends = 60
const recoveredRecords = isQuick ? 100_000 : 1_000_000
const recoveries = 3
const gatewayOrders = 2_000
const auditedOrders = 400
const simulatedSeeds = isQuick ? 20 : 100

const startedMs = performance.now()
const directory = mkdtempSync(join(tmpdir(), 'bulkhead-bench-'))
const samples: Record<string, number[]> = {}

function say(line: string): void {
  const atS = ((performance.now() - startedMs) / 1_000).toFixed(0).padStart(4)
  process.stdout.write(`${atS} s  ${line}\n`)
}

function keep(name: string, ...values: readonly number[]): void {
  samples[name] = [...(samples[name] ?? []), ...values]
}

try {
  await main()
} finally {
  rmSync(directory, { recursive: true, force: true })
}

async function main(): Promise<void> {
  say('the peers are made ready')
  const missing: string[] = []
  const peers = await openPeers(directory, (name, why) => {
    missing.push(name)
    say(`${name} cannot be had and is not measured: ${why}`)
  })
  for (let round = 1; round <= rounds; round += 1) await measureRound(round, peers)
  for (const peer of peers) await peer.close()
  await measureRecovery()
  await measureGateway()
  await measureSimulation()
  report(missing)
}

async function measureRound(round: number, peers: readonly Peer[]): Promise<void> {
  const ledger = await openBenchLedger(join(directory, `round-${round}`))
  const inline = new InlineAppends(join(directory, 'inline'))
  await saturate(ledger, warmUpRecords)
  for (let turn = 0; turn < singleTurns; turn += 1) {
    keep('durable_append_us', ...(await singleAppends(ledger, singlesInARow)))
    keep('inline_append_us', ...inline.run(singlesInARow))
  }
  const { callUs, turnUs } = await enqueueAsleep(ledger, asleepAppends)
  keep('enqueue_asleep_us', ...callUs)
  keep('turn_asleep_us', ...turnUs)
  const batchesBefore = ledger.counters()['wal_batches'] ?? 0
  const enqueueUs: number[] = []
  const ratePerS = await saturate(ledger, saturatedRecords, enqueueUs)
  const batches = (ledger.counters()['wal_batches'] ?? 0) - batchesBefore
  const perBatch = Math.max(1, Math.round(saturatedRecords / batches))
  const barePerS = bareLoop(join(directory, 'bare'), saturatedRecords, perBatch)
  keep('enqueue_us', ...enqueueUs)
  keep('durable_records_per_s', ratePerS)
  keep('bare_records_per_s', barePerS)
  keep('durable_rate_over_bare', ratePerS / barePerS)
  for (const peer of peers) {
    const rowsPerS = peer.run(peerRows)
    keep(`${peer.name}_rows_per_s`, rowsPerS)
    keep(`over_${peer.name}`, ratePerS / rowsPerS)
  }
  inline.close()
  await ledger.close()
  rmSync(join(directory, `round-${round}`), { recursive: true })
  say(
    `round ${round} of ${rounds}: ${ratePerS.toFixed(0)} durable/s in batches of ${perBatch}, ` +
      `bare ${barePerS.toFixed(0)}/s`,
  )
}

/** Records of whole lives of orders, read by a process of its own with the executor's options. */
async function measureRecovery(): Promise<void> {
  const from = join(directory, 'recovery')
  const ledger = await openBenchLedger(from)
  await live(ledger, recoveredRecords / recordsPerLife)
  await ledger.close()
  say(`${recoveredRecords} records were written`)
  const script = join(import.meta.dirname, 'support/read-ledger.ts')
  const argv = [...(nodeOptions.executor ?? []), script, from]
  for (let nth = 1; nth <= recoveries; nth += 1) {
    const run = spawnSync(process.execPath, argv, { encoding: 'utf8' })
    assert(run.status === 0, run.stderr)
    const read = JSON.parse(run.stdout) as Readonly<Record<string, number>>
    keep('recovery_ms_per_million', read['recoveryMs'] ?? Number.NaN)
    keep('verify_ms_per_million', read['verifyMs'] ?? Number.NaN)
    keep('recovery_process_mb', read['processMb'] ?? Number.NaN)
    say(`recovered ${nth} of ${recoveries} times`)
  }
  rmSync(from, { recursive: true })
}

/** Alone, with the disk to wait for, and with the audit in a Redis on this host as well. */
async function measureGateway(): Promise<void> {
  const excluded = { record: () => Promise.resolve(ok({})) }
  const wide = { ringBytes: 16 * 1_048_576, waitingMax: 65_536 }
  const recorded = { ...wide, executionFsync: 'recorded' }
  const [quick, durable] = [
    await openBenchLedger(join(directory, 'gateway'), recorded),
    await openBenchLedger(join(directory, 'gateway-durable')),
  ]
  keep('gateway_overhead_us', ...(await gatewayOverheadUs(quick, excluded, gatewayOrders)))
  const durably = await gatewayOverheadUs(durable, excluded, auditedOrders)
  keep('gateway_overhead_durable_us', ...durably)
  say('gateway: without audit')
  const redis = await startSafetyRedis()
  try {
    const audit = new AuditWriter({
      link: await redis.link('trading'),
      component: 'executor',
      chain: 'bench-ledger',
      clock: systemClock,
      spoolFile: join(directory, 'spool'),
    })
    const audited = await gatewayOverheadUs(durable, audit, auditedOrders)
    keep('gateway_overhead_audited_us', ...audited)
  } finally {
    await redis.close()
  }
  await quick.close()
  await durable.close()
  say('gateway: with audit in Redis')
}

/** What proves the promise of the ledger must be fast enough to be run by the thousand. */
async function measureSimulation(): Promise<void> {
  for (let seed = 1; seed <= simulatedSeeds; seed += 1) {
    const fromMs = performance.now()
    const { simulatedMs, violations } = await simulate(seed)
    assert(violations.length === 0, `seed ${seed} holds`)
    keep('sim_over_real_time', simulatedMs / (performance.now() - fromMs))
  }
  say(`${simulatedSeeds} seeds simulated`)
}

function report(missing: readonly string[]): void {
  const ratioNames = Object.keys(samples).filter((name) => /_over_|^over_/.test(name))
  const units: Readonly<Record<string, string>> = { us: 'us', s: '1/s', million: 'ms', mb: 'MB' }
  const metrics = Object.fromEntries(
    Object.entries(samples)
      .filter(([name]) => !ratioNames.includes(name))
      .map(([name, values]) => [name, metricOf(units[name.split('_').at(-1) ?? ''] ?? '', values)]),
  )
  const ratios: Record<string, number> = {
    ...Object.fromEntries(ratioNames.map((name) => [name, metricOf('', samples[name] ?? []).p50])),
    single_append_over_inline: of(metrics, 'durable_append_us') / of(metrics, 'inline_append_us'),
  }
  const ratio = (name: string) => ratios[name] ?? null
  const limits: Limit[] = [
    { name: 'durable_rate_over_bare', value: ratio('durable_rate_over_bare'), atLeast: 0.85 },
    { name: 'over_better_sqlite3', value: ratio('over_better_sqlite3'), atLeast: 3 },
    { name: 'over_lmdb', value: ratio('over_lmdb'), atLeast: 4 },
    { name: 'single_append_over_inline', value: ratio('single_append_over_inline'), atMost: 1.5 },
    { name: 'enqueue_us p50', value: of(metrics, 'enqueue_us'), atMost: 1 },
    { name: 'enqueue_asleep_us p99', value: of(metrics, 'enqueue_asleep_us', 'p99'), atMost: 15 },
    {
      name: 'recovery_ms_per_million',
      value: of(metrics, 'recovery_ms_per_million'),
      atMost: 3_000,
    },
    { name: 'recovery_process_mb', value: of(metrics, 'recovery_process_mb'), atMost: 300 },
    { name: 'gateway_overhead_us p50', value: of(metrics, 'gateway_overhead_us'), atMost: 50 },
    { name: 'sim_over_real_time', value: ratio('sim_over_real_time'), atLeast: 1_000 },
  ]
  writeReport('ledger', metrics, ratios, limits)
  for (const name of missing) process.stdout.write(`not measured: ${name}\n`)
}

function of(
  metrics: Readonly<Record<string, Metric>>,
  name: string,
  rank: 'p50' | 'p99' = 'p50',
): number {
  return metrics[name]?.[rank] ?? Number.NaN
}
