import '@bulkhead/shared/runtime/runtime-version.ts'
import { spawnSync } from 'node:child_process'
import { fdatasyncSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { assert } from '@bulkhead/shared/kernel/assert.ts'
import { systemClock } from '@bulkhead/shared/runtime/system-clock.ts'
import { encodeRecord } from '@bulkhead/trading-plane/ledger/codec.ts'
import { type FileLedger, openLedger } from '@bulkhead/trading-plane/ledger/file-ledger.ts'
import { encodeFrame, entryBytes } from '@bulkhead/trading-plane/ledger/format.ts'
import type { LedgerRecord } from '@bulkhead/trading-plane/ledger/records.ts'
import { simulate } from '../simulation/simulate.ts'
import { metricOf, writeReport } from './support/report.ts'

/**
 * The ledger against the disk under it, in one run on one disk: what a bare loop that only writes
 * and syncs the same batches reaches, what an append costs inline, and SQLite as it ships in Node.
 * Rounds alternate, so that a disk that slows down slows all of them.
 */
const rounds = Number(process.env['BENCH_LEDGER_ROUNDS'] ?? 5)
const perRound = 40_000
const singles = 400
const recoveredRecords = 1_000_000
const recordsPerLife = 5
const livesInFlight = 200
const simulatedSeeds = 100
const inFlightMax = 2_048
const recordBytes = 256
const sqliteRowsPerTransaction = 100

const directory = mkdtempSync(join(tmpdir(), 'bulkhead-bench-'))
const samples = Array.from({ length: 1_024 }, (_, n) => recordOf(n))

try {
  await main()
} finally {
  rmSync(directory, { recursive: true, force: true })
}

async function main(): Promise<void> {
  const durableRates: number[] = []
  const bareRates: number[] = []
  const sqliteRates: number[] = []
  const appendUs: number[] = []
  const inlineUs: number[] = []
  const busyUs: number[] = []
  const sleepingUs: number[] = []
  for (let round = 1; round <= rounds; round += 1) {
    const ledger = await open(`round-${round}`)
    await saturate(ledger, perRound / 4, [])
    appendUs.push(...(await singleAppends(ledger)))
    inlineUs.push(...inlineAppends())
    sleepingUs.push(...(await enqueueAsleep(ledger)))
    const batchesBefore = ledger.counters()['wal_batches'] ?? 0
    const ratePerS = await saturate(ledger, perRound, busyUs)
    const batches = (ledger.counters()['wal_batches'] ?? 0) - batchesBefore
    durableRates.push(ratePerS)
    bareRates.push(bareLoop(perRound, Math.round(perRound / batches)))
    sqliteRates.push(sqliteLoop(perRound / 4))
    await ledger.close()
    process.stdout.write(
      `round ${round}: ${Math.round(ratePerS)} durable/s in batches of ${Math.round(perRound / batches)}, ` +
        `bare ${Math.round(bareRates.at(-1) ?? 0)}/s, sqlite ${Math.round(sqliteRates.at(-1) ?? 0)}/s\n`,
    )
  }
  const recovery = await recover()
  writeReport(
    'ledger',
    {
      durable_append_us: metricOf('us', appendUs),
      inline_append_us: metricOf('us', inlineUs),
      enqueue_us: metricOf('us', busyUs),
      enqueue_asleep_us: metricOf('us', sleepingUs),
      durable_records_per_s: metricOf('1/s', durableRates),
      bare_records_per_s: metricOf('1/s', bareRates),
      node_sqlite_rows_per_s: metricOf('1/s', sqliteRates),
      ...recovery,
    },
    {
      durable_rate_over_bare: median(ratios(durableRates, bareRates)),
      single_append_over_inline: median(appendUs) / median(inlineUs),
      over_node_sqlite: median(ratios(durableRates, sqliteRates)),
      sim_over_real_time: await simulatedOverRealTime(),
    },
  )
}

/** A record whose entry on disk has about 256 bytes. */
function recordOf(n: number): LedgerRecord {
  const label = `s4:quoter01:${String(n).padStart(12, '0')}:0:0123456789abcdef`
  const record: LedgerRecord = {
    type: 'intent',
    label,
    intent_id: label,
    strategy_id: 'example-quoter',
    group_id: label,
    leg_index: 0,
    instrument: 'BTC-PERPETUAL',
    currency: 'BTC',
    side: 'buy',
    amount_steps: n,
    price_ticks: 176_400,
    amount: '10',
    price: '88200.5',
    time_in_force: 'good_til_cancelled',
    post_only: true,
    reduce_only: false,
    created_ms: 1_700_000_000_000 + n,
  }
  const missing = recordBytes - entryBytes(encodeRecord(record).length)
  return { ...record, strategy_id: record.strategy_id.padEnd(14 + Math.max(0, missing), '-') }
}

async function open(name: string): Promise<FileLedger> {
  const opened = await openLedger({
    directory: join(directory, name),
    runId: 'bench',
    clock: systemClock,
  })
  assert(opened.ok, 'a fresh ledger opens')
  return opened.value.ledger
}

/** Keeps many appends in flight until `count` are durable; the enqueue times go to `enqueueUs`. */
async function saturate(ledger: FileLedger, count: number, enqueueUs: number[]): Promise<number> {
  let sent = 0
  let done = 0
  const startedMs = performance.now()
  await new Promise<void>((resolve) => {
    const onDurable = (result: { readonly ok: boolean }) => {
      assert(result.ok, 'the bench stays within the bound')
      done += 1
      if (done === count) resolve()
      if (sent - done < inFlightMax / 2) fill()
    }
    const fill = () => {
      while (sent < count && sent - done < inFlightMax) {
        const record = samples[sent % samples.length]
        assert(record !== undefined, 'there are samples')
        sent += 1
        // Every eighth is timed, so that the clock does not become the load.
        const isTimed = sent % 8 === 0
        const fromMs = isTimed ? performance.now() : 0
        const appended = ledger.append(record)
        if (isTimed) enqueueUs.push((performance.now() - fromMs) * 1_000)
        void appended.then(onDurable)
      }
    }
    fill()
  })
  return (count * 1_000) / (performance.now() - startedMs)
}

async function singleAppends(ledger: FileLedger): Promise<number[]> {
  const us: number[] = []
  for (const record of samples.slice(0, singles)) {
    const fromMs = performance.now()
    await ledger.append(record)
    us.push((performance.now() - fromMs) * 1_000)
  }
  return us
}

/** The writer sleeps by then: the cost includes waking it. */
async function enqueueAsleep(ledger: FileLedger): Promise<number[]> {
  const us: number[] = []
  for (const record of samples.slice(0, 100)) {
    await new Promise((resolve) => setTimeout(resolve, 2))
    const fromMs = performance.now()
    const appended = ledger.append(record)
    us.push((performance.now() - fromMs) * 1_000)
    await appended
  }
  return us
}

function preallocated(name: string, bytes: number): number {
  const handle = openSync(join(directory, name), 'w')
  const zeros = Buffer.alloc(1_048_576)
  for (let at = 0; at < bytes; at += zeros.length) writeSync(handle, zeros, 0, zeros.length, at)
  fdatasyncSync(handle)
  return handle
}

/** The same record packed, framed, written and synced by the one thread that waits for it. */
function inlineAppends(): number[] {
  const handle = preallocated('inline', 1_048_576)
  const us: number[] = []
  let at = 0
  let chain = 0
  for (const [index, record] of samples.slice(0, singles).entries()) {
    const fromMs = performance.now()
    const head = { count: 1, batch: index + 1, firstSeq: index + 1, chain }
    const packed = encodeRecord(record)
    const frame = encodeFrame(head, packed)
    at += writeSync(handle, Buffer.concat([frame.before, packed, frame.after]), 0, undefined, at)
    fdatasyncSync(handle)
    chain = frame.crc
    us.push((performance.now() - fromMs) * 1_000)
  }
  return us
}

/** The limit: batches of the same size, already in memory, written and synced; nothing else. */
function bareLoop(count: number, perBatch: number): number {
  const batch = Buffer.alloc(perBatch * recordBytes, 1)
  const batches = Math.ceil(count / perBatch)
  const handle = preallocated('bare', batches * batch.length)
  const startedMs = performance.now()
  for (let n = 0; n < batches; n += 1) {
    const written = writeSync(handle, batch, 0, batch.length, n * batch.length)
    assert(written === batch.length, 'the disk takes the whole batch')
    fdatasyncSync(handle)
  }
  return (batches * perBatch * 1_000) / (performance.now() - startedMs)
}

function sqliteLoop(count: number): number {
  const file = join(directory, 'peer.sqlite')
  const database = new DatabaseSync(file)
  database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL')
  database.exec('CREATE TABLE IF NOT EXISTS ledger (seq INTEGER PRIMARY KEY, record BLOB)')
  const insert = database.prepare('INSERT INTO ledger (record) VALUES (?)')
  const startedMs = performance.now()
  for (let n = 0; n < count; n += sqliteRowsPerTransaction) {
    database.exec('BEGIN')
    for (let row = 0; row < sqliteRowsPerTransaction; row += 1) {
      const record = samples[(n + row) % samples.length]
      assert(record !== undefined, 'there are samples')
      insert.run(encodeRecord(record))
    }
    database.exec('COMMIT')
  }
  const ratePerS = (count * 1_000) / (performance.now() - startedMs)
  database.close()
  return ratePerS
}

/** A million records of whole lives of orders, read by a process of its own as a start does. */
async function recover() {
  const ledger = await open('recovery')
  await live(ledger, recoveredRecords / recordsPerLife)
  await ledger.close()
  const runs = Array.from({ length: 3 }, () => runReader(join(directory, 'recovery')))
  return {
    recovery_ms_per_million: metricOf(
      'ms',
      runs.map(({ recoveryMs }) => recoveryMs),
    ),
    verify_ms_per_million: metricOf(
      'ms',
      runs.map(({ verifyMs }) => verifyMs),
    ),
    recovery_process_mb: metricOf(
      'MB',
      runs.map(({ processMb }) => processMb),
    ),
  }
}

function runReader(from: string) {
  const script = join(import.meta.dirname, 'support/read-ledger.ts')
  const run = spawnSync(process.execPath, [script, from], { encoding: 'utf8' })
  assert(run.status === 0, run.stderr)
  return JSON.parse(run.stdout) as {
    readonly recoveryMs: number
    readonly verifyMs: number
    readonly processMb: number
  }
}

/** Intent, dispatch, open, trade, filled: so many orders from beginning to end. */
async function live(ledger: FileLedger, orders: number): Promise<void> {
  for (let n = 0; n < orders; n += livesInFlight) {
    const lives = Array.from({ length: livesInFlight }, (_, at) => lifeOf(n + at)).flat()
    const results = await Promise.all(lives.map((record) => ledger.append(record)))
    assert(
      results.every(({ ok }) => ok),
      'the bench stays within the bound',
    )
  }
}

function lifeOf(n: number): LedgerRecord[] {
  const intent = recordOf(n)
  assert(intent.type === 'intent', 'an order begins with its intent')
  const { label, instrument, side, amount_steps: steps, created_ms: at } = intent
  const leg = { type: 'leg' as const, label, reported_steps: 0, venue_order_id: `order-${n}` }
  return [
    intent,
    { type: 'dispatch', label, valid_until_ms: at + 5_000, sent_ms: at + 1 },
    { ...leg, state: 'open', traded_steps: 0, at_ms: at + 2 },
    {
      type: 'trade',
      trade_id: `BTC-${n}`,
      label,
      instrument,
      side,
      steps,
      price: 88_200.5,
      fee: 0.000_001,
      fee_currency: 'BTC',
      venue_ms: at + 3,
    },
    { ...leg, state: 'filled', traded_steps: steps, reported_steps: steps, at_ms: at + 3 },
  ]
}

/** What proves the promise of the ledger must be fast enough to be run by the thousand. */
async function simulatedOverRealTime(): Promise<number> {
  const fromMs = performance.now()
  let simulatedMs = 0
  for (let seed = 1; seed <= simulatedSeeds; seed += 1) {
    const result = await simulate(seed)
    simulatedMs += result.simulatedMs
  }
  return simulatedMs / (performance.now() - fromMs)
}

function ratios(ours: readonly number[], theirs: readonly number[]): number[] {
  return ours.map((rate, at) => rate / (theirs[at] ?? Number.NaN))
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >>> 1] ?? Number.NaN
}
