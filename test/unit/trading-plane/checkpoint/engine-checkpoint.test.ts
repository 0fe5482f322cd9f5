import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { makeEngineCheckpoint } from '@bulkhead/trading-plane/checkpoint/engine-checkpoint.ts'
import { checkpointVersion, encodeCheckpoint } from '@bulkhead/trading-plane/checkpoint/format.ts'
import { openCheckpoints, startCheckpoints } from '@bulkhead/trading-plane/checkpoint/start.ts'
import { checkpointConfigSchema } from '@bulkhead/trading-plane/checkpoint/config.ts'
import {
  createLedgerState,
  restoreLedgerState,
  saveLedgerState,
} from '@bulkhead/trading-plane/engine/ledger-state.ts'
import { takeLedgerRecord } from '@bulkhead/trading-plane/engine/recover.ts'
import type { LedgerRecord } from '@bulkhead/trading-plane/ledger/records.ts'
import { recoverLedger } from '@bulkhead/trading-plane/ledger/recovery.ts'
import type { AuditRecord } from '@bulkhead/shared/contracts/audit-entry.ts'
import { systemClock } from '@bulkhead/shared/runtime/system-clock.ts'
import { eventually } from '../../../support/eventually.ts'
import { type BuiltFile, buildFile, intent } from '../../../support/ledger-files.ts'

const limits = { endedLegsMax: 50, rememberedIdsMax: 500 }
/** Time between two orders. */
const stepMs = 1_800_000
let home: string
let ledgerDir: string
let file: string
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'checkpoint-'))
  ledgerDir = join(home, 'ledger')
  mkdirSync(ledgerDir, { mode: 0o700 })
  file = join(home, 'ledger-checkpoint', 'executor.checkpoint')
})
afterEach(() => rmSync(home, { recursive: true, force: true }))

/** An order every half hour, sent and open; the records carry the time. */
function order(n: number): LedgerRecord[] {
  const atMs = 1_700_000_000_000 + n * stepMs
  const wish = { ...intent(n), created_ms: atMs } as Extract<LedgerRecord, { type: 'intent' }>
  const { label } = wish
  return [
    wish,
    { type: 'dispatch', label, valid_until_ms: atMs + 2_000, sent_ms: atMs },
    {
      type: 'leg',
      label,
      state: 'open',
      traded_steps: 0,
      reported_steps: 0,
      venue_order_id: `venue-${n}`,
      at_ms: atMs,
    },
  ]
}

/** Files of ten orders each, a batch per record; other ledgers are of other orders. */
function writeLedger(orders: number, from = 0, firstOrder = 0): BuiltFile | undefined {
  let built: BuiltFile | undefined
  for (let number = 1; (number - 1) * 10 < orders; number += 1) {
    const first = (number - 1) * 10
    const rows = Array.from({ length: Math.min(10, orders - first) }, (_, at) =>
      order(firstOrder + first + at),
    )
    const batches = rows.flat().map((record) => [record])
    built = buildFile(batches, built?.end, number)
    const name = `executor-${String(number).padStart(6, '0')}-1.wal`
    if (number > from) writeFileSync(join(ledgerDir, name), built.bytes, { mode: 0o600 })
  }
  return built
}

const make = (upToSeq: number) =>
  makeEngineCheckpoint({ file, component: 'executor', limits, ledgerDir, upToSeq, nowMs: 1 })

/** What a start does: looks for the checkpoint, recovers, and says what was wrong. */
function start(overrides: Readonly<Record<string, unknown>> = {}, own = limits) {
  const checkpoint = checkpointConfigSchema.parse({
    maxWalReplaySec: 86_400,
    tailRecordsMin: 1,
    ...overrides,
  })
  const state = createLedgerState(own)
  const config = { ledgerDir, checkpoint }
  const opened = openCheckpoints(ledgerDir, own, (parts) => restoreLedgerState(state, parts))
  const recovered = recoverLedger(
    ledgerDir,
    'executor',
    (record) => takeLedgerRecord(state, record),
    opened.start,
  )
  if (!recovered.ok) throw new Error(JSON.stringify(recovered.failure))
  const { metrics } = recovered.value
  const told: Pick<AuditRecord, 'action' | 'fields'>[] = []
  const nothing = () => undefined
  const maker = startCheckpoints(opened, {
    config,
    metrics,
    durableSeq: () => metrics.lastValidSequence,
    clock: systemClock,
    log: { info: nothing, warn: nothing, error: nothing },
    audit: {
      record: ({ action, fields = {} }) => {
        told.push({ action, fields })
        return Promise.resolve()
      },
    },
  })
  return { state: saveLedgerState(state), metrics, told, maker }
}

describe('a checkpoint of the engine', () => {
  test('stands for the beginning of its ledger, and the start replays the rest only', () => {
    writeLedger(30)
    const whole = start()
    expect(whole.metrics).toMatchObject({ checkpointSeq: 0, replayedEntries: 90 })
    expect(make(80)).toEqual({ ok: true, value: { seq: 80, replayed: 80 } })
    const short = start()
    expect(short.metrics).toMatchObject({
      checkpointSeq: 80,
      replayedEntries: 10,
      totalEntries: 90,
    })
    expect(short.state).toEqual(whole.state)
    expect(short.told).toEqual([])
  })

  test('whose writing was interrupted leaves the one before, and nothing else for long', () => {
    writeLedger(30)
    make(80)
    writeFileSync(`${file}.4711.tmp`, 'half')
    expect(start().metrics.checkpointSeq).toBe(80)
    expect(readdirSync(join(home, 'ledger-checkpoint'))).toEqual(['executor.checkpoint'])
  })

  test('is brought forward from the one before, without reading older files again', () => {
    writeLedger(30)
    make(70)
    rmSync(join(ledgerDir, 'executor-000001-1.wal'))
    writeFileSync(join(ledgerDir, 'executor-000001-1.wal'), 'not looked at', { mode: 0o600 })
    expect(make(85)).toEqual({ ok: true, value: { seq: 85, replayed: 15 } })
    writeLedger(30)
    const after = start()
    expect(after.metrics.replayedEntries).toBe(5)
    rmSync(file)
    expect(after.state).toEqual(start().state)
  })

  test('takes whole batches up to what is durable, and nothing when there is nothing new', () => {
    const batches = [order(0), order(1), order(2)]
    const { bytes } = buildFile(batches)
    writeFileSync(join(ledgerDir, 'executor-000001-1.wal'), bytes, { mode: 0o600 })
    expect(make(2)).toEqual({ ok: true, value: { seq: 0, replayed: 0 } })
    expect(existsSync(file)).toBe(false)
    expect(make(8)).toEqual({ ok: true, value: { seq: 6, replayed: 6 } })
    expect(make(8)).toEqual({ ok: true, value: { seq: 6, replayed: 0 } })
    expect(start().metrics).toMatchObject({ checkpointSeq: 6, replayedEntries: 3 })
  })

  test('is never looked behind: a damaged ledger is refused with it as without it', () => {
    writeLedger(30)
    make(80)
    const first = join(ledgerDir, 'executor-000001-1.wal')
    const bytes = readFileSync(first)
    bytes[500] = (bytes[500] ?? 0) ^ 1
    writeFileSync(first, bytes, { mode: 0o600 })
    expect(() => start()).toThrow('LEDGER_CORRUPT')
  })
})

describe('the next checkpoint', () => {
  test.each([10, 30])('of a ledger of %d orders takes nothing from that of another', (orders) => {
    const upToSeq = orders * 3 - 5
    writeLedger(orders)
    make(upToSeq)
    rmSync(ledgerDir, { recursive: true })
    mkdirSync(ledgerDir, { mode: 0o700 })
    writeLedger(orders, 0, 500)
    const next = upToSeq + 2
    expect(make(next)).toEqual({ ok: true, value: { seq: next, replayed: next } })
    const short = start()
    expect(short.metrics).toMatchObject({ checkpointSeq: next, replayedEntries: 3 })
    rmSync(file)
    expect(short.state).toEqual(start().state)
  })
})

describe('ST-04: a checkpoint that cannot count is left aside, loudly, and all is replayed', () => {
  const whole = () => {
    rmSync(file, { force: true })
    return start().state
  }
  const damage = (change: (bytes: Buffer) => Buffer) => {
    writeFileSync(file, change(readFileSync(file)), { mode: 0o600 })
  }
  const ways: readonly (readonly [string, string, () => void])[] = [
    [
      'of which one bit changed',
      'CHECKPOINT_DAMAGED',
      () =>
        damage((bytes) => {
          bytes[bytes.length - 9] = (bytes.at(-9) ?? 0) ^ 4
          return bytes
        }),
    ],
    ['that was cut', 'CHECKPOINT_DAMAGED', () => damage((bytes) => bytes.subarray(0, 200))],
    ['that is empty', 'CHECKPOINT_DAMAGED', () => damage(() => Buffer.alloc(0))],
    [
      'of another kind of file',
      'CHECKPOINT_FORMAT_UNKNOWN',
      () => damage(() => Buffer.alloc(500, 7)),
    ],
    [
      'of a newer format',
      'CHECKPOINT_FORMAT_NEWER',
      () => damage(() => encodeCheckpoint({}, checkpointVersion + 1)),
    ],
    ['of another shape', 'CHECKPOINT_INVALID', () => damage(() => encodeCheckpoint({ kind: 1 }))],
    ['that others may write', 'CHECKPOINT_UNSAFE', () => chmodSync(file, 0o622)],
    [
      'that is a link',
      'CHECKPOINT_UNSAFE',
      () => {
        const other = join(home, 'other')
        writeFileSync(other, readFileSync(file), { mode: 0o600 })
        rmSync(file)
        symlinkSync(other, file)
      },
    ],
    [
      'that is a folder',
      'CHECKPOINT_UNSAFE',
      () => {
        rmSync(file)
        mkdirSync(file)
      },
    ],
  ]

  test.each(ways)('one %s is %s', (_, reason, spoil) => {
    writeLedger(30)
    make(80)
    spoil()
    const { state, metrics, told } = start()
    expect(metrics).toMatchObject({ checkpointSeq: 0, replayedEntries: 90 })
    expect(told).toMatchObject([{ action: 'CHECKPOINT_IGNORED', fields: { reason } }])
    rmSync(file, { recursive: true })
    expect(state).toEqual(whole())
  })

  test('one of another ledger, of a ledger that went back, or of other limits is none', () => {
    writeLedger(30)
    make(80)
    const kept = readFileSync(file)
    rmSync(ledgerDir, { recursive: true })
    mkdirSync(ledgerDir, { mode: 0o700 })
    writeLedger(25)
    const cases = [start(), start({}, { ...limits, rememberedIdsMax: 600 })]
    // The same place in the row, other records before it.
    writeFileSync(file, kept, { mode: 0o600 })
    const { bytes } = buildFile(Array.from({ length: 90 }, (_, at) => order(at).slice(0, 1)))
    rmSync(ledgerDir, { recursive: true })
    mkdirSync(ledgerDir, { mode: 0o700 })
    writeFileSync(join(ledgerDir, 'executor-000001-1.wal'), bytes, { mode: 0o600 })
    cases.push(start())
    expect(cases.map(({ told }) => told[0]?.fields?.['reason'])).toEqual([
      'CHECKPOINT_NOT_OF_THIS_LEDGER',
      'CHECKPOINT_OTHER_LIMITS',
      'CHECKPOINT_NOT_OF_THIS_LEDGER',
    ])
    expect(cases.map(({ metrics }) => metrics.replayedEntries)).toEqual([75, 75, 90])
    expect(cases[2]?.state).toEqual(whole())
    expect(make(85)).toMatchObject({ ok: true, value: { replayed: 85 } })
  })
})

describe('ST-11: no start replays more than max_wal_replay_sec without saying so', () => {
  const fiveHours = { maxWalReplaySec: 18_000 }

  test('what is older is held by a checkpoint and stays unread', () => {
    writeLedger(40)
    make(105)
    const { metrics, told } = start(fiveHours)
    expect(metrics.replayedSpanMs).toBeLessThanOrEqual(10 * stepMs)
    expect(metrics).toMatchObject({ checkpointSeq: 105, replayedEntries: 15, totalEntries: 120 })
    expect(told).toEqual([])
  })

  test('without one all is replayed, it is said, and the next one is made at once', async () => {
    writeLedger(40)
    const { metrics, told, maker } = start(fiveHours)
    expect(metrics.replayedEntries).toBe(120)
    const fields = { limit_s: '18000', replayed_entries: '120', replayed_s: String(39 * 1_800) }
    expect(told).toEqual([{ action: 'REPLAY_BEYOND_LIMIT', fields }])
    maker.turn()
    await eventually('the checkpoint', () => maker.counters()['checkpoints_made'] === 1)
    await maker.stop()
    const next = start(fiveHours)
    expect(next.told).toEqual([])
    expect(next.metrics).toMatchObject({ checkpointSeq: 119, replayedEntries: 1 })
  })

  test('the newest records are no reason, however long they took to come together', () => {
    writeLedger(40)
    expect(start({ ...fiveHours, tailRecordsMin: 60 }).told).toEqual([])
  })
})
