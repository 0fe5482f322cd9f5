import {
  appendFileSync,
  chmodSync,
  copyFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { systemClock } from '@bulkhead/shared/runtime/system-clock.ts'
import { ledgerConfigSchema } from '@bulkhead/trading-plane/ledger/config.ts'
import { openLedger } from '@bulkhead/trading-plane/ledger/file-ledger.ts'
import type { LedgerRecord } from '@bulkhead/trading-plane/ledger/records.ts'
import { eventually } from '../../../support/eventually.ts'
import { buildFile, dispatch, smallBatches } from '../../../support/ledger-files.ts'
import { recoverAll } from '../../../support/recovered-ledger.ts'

const small = { segmentBytes: 524_288, ringBytes: 262_144, batchBytesMax: 65_536, waitingMax: 512 }
let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'ledger-'))
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

async function open(overrides: Readonly<Record<string, unknown>> = {}) {
  const config = ledgerConfigSchema.parse({ ...small, ...overrides })
  const opened = await openLedger({ directory, runId: 'run', clock: systemClock, config })
  if (!opened.ok) throw new Error(JSON.stringify(opened.failure))
  return opened.value
}

async function run(records: readonly LedgerRecord[]): Promise<void> {
  const { ledger } = await open()
  await Promise.all(records.map((record) => ledger.append(record)))
  await ledger.close()
}

const segments = () => readdirSync(directory).filter((name) => /\.wal(\.zst)?$/.test(name))
const path = (name: string) => join(directory, name)
const nameOf = (number: number, pid = 1) => `executor-${String(number).padStart(6, '0')}-${pid}.wal`
const faultOf = () => {
  const recovered = recoverAll(directory)
  return recovered.ok ? null : recovered.failure.code
}
const recoveredLabels = () => {
  const recovered = recoverAll(directory)
  if (!recovered.ok) throw new Error(JSON.stringify(recovered.failure))
  return recovered.value.records.map((record) => ('label' in record ? record.label : record.type))
}

describe('the ledger', () => {
  test('gives back every record in the order of the appends, across runs', async () => {
    for (const n of [1, 2, 3]) {
      const { ledger, recovered } = await open()
      expect(recovered.newest).toHaveLength((n - 1) * 3)
      const receipts = await Promise.all([ledger.append(dispatch(n)), ledger.append(dispatch(n))])
      const durable = (seq: number) => ({ ok: true, value: { seq, acknowledged: 'durable' } })
      expect(receipts).toEqual([durable(n * 3 - 1), durable(n * 3)])
      expect(ledger.durableSeq).toBe(n * 3)
      expect(ledger.waitingSinceTickMs).toBeNull()
      await ledger.close()
    }
    const labels = ['run', 'label-1', 'label-1', 'run', 'label-2', 'label-2', 'run', 'label-3']
    expect(recoveredLabels()).toEqual([...labels, 'label-3'])
  })

  test('rotates when a file is full, packs what is full, and reads it all again', async () => {
    const { ledger } = await open()
    const count = 20_000
    for (let n = 1; n <= count; n += 100) {
      const some = Array.from({ length: 100 }, (_, at) => ledger.append(dispatch(n + at)))
      expect((await Promise.all(some)).every(({ ok }) => ok)).toBe(true)
    }
    await eventually('a file is packed', () => segments().some((name) => name.endsWith('.zst')))
    await ledger.close()
    expect(segments().length).toBeGreaterThan(1)
    const labels = recoveredLabels().slice(1)
    expect(labels).toHaveLength(count)
    expect(labels.every((label, at) => label === `label-${at + 1}`)).toBe(true)
    const { ledger: next, recovered } = await open()
    expect(recovered.metrics).toMatchObject({ totalEntries: count + 1, tornBatches: 0 })
    await next.close()
  })

  test('acknowledges at once what its policy only wants recorded, and syncs it soon', async () => {
    const { ledger } = await open({ executionFsync: 'recorded', syncIntervalMs: 1 })
    expect(await ledger.append(dispatch(1))).toEqual({
      ok: true,
      value: { seq: 2, acknowledged: 'recorded' },
    })
    await eventually('it is durable too', () => ledger.durableSeq === 2)
    await ledger.close()
    expect(recoveredLabels()).toEqual(['run', 'label-1'])
  })

  test('refuses more than may wait, keeps all that it took, and takes nothing after its end', async () => {
    const { ledger } = await open()
    const results = await Promise.all(
      Array.from({ length: 2_000 }, (_, n) => ledger.append(dispatch(n))),
    )
    const refused = results.filter(({ ok }) => !ok)
    expect(refused.length).toBeGreaterThan(0)
    expect(refused[0]).toEqual({ ok: false, failure: 'LEDGER_FULL' })
    expect(ledger.counters()).toMatchObject({
      wal_queue_depth: 0,
      wal_queue_capacity: 512,
      wal_queue_enqueue_failures: refused.length,
      wal_write_errors: refused.length,
    })
    expect((await ledger.append(dispatch(1))).ok).toBe(true)
    await ledger.close()
    expect((await ledger.append(dispatch(1))).ok).toBe(false)
    expect(recoveredLabels()).toHaveLength(2_000 - refused.length + 2)
  })

  test('acknowledges in portions, so that the loop turns in between', async () => {
    const { ledger } = await open({ waitingMax: 4_096 })
    const perTurn: number[] = [0]
    const appended = Array.from({ length: 2_000 }, (_, n) =>
      ledger.append(dispatch(n)).then(() => {
        perTurn[perTurn.length - 1] = (perTurn.at(-1) ?? 0) + 1
      }),
    )
    const count = () => setImmediate(() => perTurn.push(0) && ledger.durableSeq < 2_001 && count())
    count()
    await Promise.all(appended)
    // A turn may begin with being told and go on with looking: twice 256.
    expect(Math.max(...perTurn)).toBeLessThanOrEqual(512)
    await ledger.close()
  })

  test('is written by one process only, and what a dead one left does not lock it', async () => {
    const { ledger } = await open()
    const second = await openLedger({ directory, runId: 'other', clock: systemClock })
    expect(second).toMatchObject({ ok: false, failure: { code: 'LEDGER_LOCKED' } })
    await ledger.close()
    const owner = { pid: 1, start_ticks: '1', boot_id: 'another boot' }
    for (const left of ['', '{"pid":1', JSON.stringify(owner)]) {
      writeFileSync(path('lock'), left)
      const { ledger: next } = await open()
      await next.close()
    }
    expect(readdirSync(directory).filter((name) => name.startsWith('lock'))).toEqual([])
  })

  test('keeps what was appended after a torn batch was cut, and a copy of the torn file', async () => {
    await run([dispatch(1), dispatch(2)])
    const [name = ''] = segments()
    const torn = readFileSync(path(name)).subarray(96, 120)
    const length = readFileSync(path(name)).length
    appendFileSync(path(name), torn)
    const { ledger, recovered } = await open()
    expect(recovered.cuts).toEqual([{ file: path(name), bytes: 24 }])
    expect(recovered.metrics.tornBatches).toBe(1)
    await ledger.append(dispatch(9))
    await ledger.close()
    const copy = readFileSync(path(`${name}.torn-at-${length}`))
    expect(copy.subarray(length)).toEqual(torn)
    expect(recoveredLabels()).toEqual(['run', 'label-1', 'label-2', 'run', 'label-9'])
  })

  test('recovers the same again however often recovery was interrupted', () => {
    const file = buildFile(smallBatches(20))
    const torn = Buffer.concat([file.bytes, file.bytes.subarray(96, 130), Buffer.alloc(4_000)])
    writeFileSync(path(nameOf(1)), torn, { mode: 0o600 })
    writeFileSync(path(`${nameOf(1)}.torn-at-${file.bytes.length}`), 'half a copy')
    const first = recoverAll(directory)
    expect(first.ok && first.value.cuts).toHaveLength(1)
    expect(readFileSync(path(nameOf(1)))).toEqual(file.bytes)
    expect(readFileSync(path(`${nameOf(1)}.torn-at-${file.bytes.length}`))).toEqual(torn)
    const second = recoverAll(directory)
    const found = first.ok && { ...first.value, cuts: [], metrics: expect.anything() as unknown }
    expect(second).toMatchObject({ ok: true, value: found })
  })
})

describe('the files of a ledger', () => {
  /** Three final files of one ledger. */
  function writeThree(): void {
    let end = buildFile([]).end
    for (const number of [1, 2, 3]) {
      const before = number === 1 ? undefined : end
      const file = buildFile(smallBatches(10), before, number)
      writeFileSync(path(nameOf(number)), file.bytes, { mode: 0o600 })
      end = file.end
    }
  }
  const pack = (name: string) => {
    const packed = zstdCompressSync(readFileSync(path(name)))
    writeFileSync(path(`${name}.zst`), packed, { mode: 0o600 })
  }

  test('are read in one row, packed or not', () => {
    writeThree()
    const labels = recoveredLabels()
    expect(labels).toHaveLength(30)
    pack(nameOf(2))
    rmSync(path(nameOf(2)))
    expect(recoveredLabels()).toEqual(labels)
  })

  test('may stand there plain and packed after a crash, if they are the same', () => {
    writeThree()
    pack(nameOf(2))
    expect(recoveredLabels()).toHaveLength(30)
    expect(readdirSync(directory)).not.toContain(nameOf(2))
    writeFileSync(path(nameOf(2)), buildFile(smallBatches(3)).bytes, { mode: 0o600 })
    expect(faultOf()).toBe('LEDGER_FILE_REPEATED')
  })

  test.each([
    ['a missing one', 'LEDGER_FILE_MISSING', () => rmSync(path(nameOf(2)))],
    ['a missing first one', 'LEDGER_FILE_MISSING', () => rmSync(path(nameOf(1)))],
    [
      'one under another name',
      'LEDGER_FILE_UNKNOWN',
      () => renameSync(path(nameOf(3)), path('executor-3.bak')),
    ],
    ['one twice', 'LEDGER_FILE_REPEATED', () => copyFileSync(path(nameOf(2)), path(nameOf(2, 7)))],
    [
      'one under the name of another process',
      'LEDGER_FILE_MISPLACED',
      () => renameSync(path(nameOf(3)), path(nameOf(3, 7))),
    ],
    [
      'a copy of one as the next',
      'LEDGER_SEQUENCE_REGRESSED',
      () => copyFileSync(path(nameOf(2)), path(nameOf(4))),
    ],
    [
      'two exchanged',
      'LEDGER_SEQUENCE_GAP',
      () => {
        renameSync(path(nameOf(1)), path('aside'))
        renameSync(path(nameOf(2)), path(nameOf(1)))
        renameSync(path('aside'), path(nameOf(2)))
      },
    ],
    [
      'one that ends a batch early',
      'LEDGER_SEQUENCE_GAP',
      () => truncateSync(path(nameOf(2)), buildFile(smallBatches(10)).ends.at(-2)),
    ],
    [
      'one that is torn but not the last',
      'LEDGER_CORRUPT',
      () => truncateSync(path(nameOf(2)), 200),
    ],
    [
      'one of another ledger',
      'LEDGER_CHAIN_BROKEN',
      () => {
        const other = buildFile(smallBatches(10).map((batch) => batch.map(() => dispatch(7))))
        writeFileSync(path(nameOf(1)), other.bytes)
      },
    ],
    [
      'a link',
      'LEDGER_FILE_UNSAFE',
      () => {
        renameSync(path(nameOf(2)), path('lock-aside'))
        symlinkSync(path('lock-aside'), path(nameOf(2)))
      },
    ],
    ['one that others may write', 'LEDGER_FILE_UNSAFE', () => chmodSync(path(nameOf(2)), 0o620)],
    [
      'a packed one that was damaged',
      'LEDGER_CORRUPT',
      () => {
        pack(nameOf(2))
        rmSync(path(nameOf(2)))
        const packed = readFileSync(path(`${nameOf(2)}.zst`))
        packed[packed.length >>> 1] = (packed[packed.length >>> 1] ?? 0) ^ 1
        writeFileSync(path(`${nameOf(2)}.zst`), packed)
      },
    ],
    [
      'one of the format before',
      'LEDGER_FORMAT_UNKNOWN',
      () => writeFileSync(path('executor-000001.wal'), 'BKL1'),
    ],
  ])('with %s are refused: %s', (_what, code, damage) => {
    writeThree()
    damage()
    const before = readdirSync(directory)
    expect(faultOf()).toBe(code)
    expect(readdirSync(directory)).toEqual(before)
  })

  test('of another component are not touched and not read', () => {
    writeThree()
    writeFileSync(path('governance-000001-1.wal'), 'not for us')
    expect(recoveredLabels()).toHaveLength(30)
    expect(readFileSync(path('governance-000001-1.wal'), 'utf8')).toBe('not for us')
  })

  test('left half-made by a crash are removed and made anew', async () => {
    writeThree()
    for (const name of ['preparing', 'prepared', 'making']) {
      writeFileSync(path(`executor.${name}`), 'half')
    }
    writeFileSync(path(`${nameOf(1)}.zst.tmp`), 'half')
    const { ledger } = await open()
    await eventually('all final files are packed', () =>
      [1, 2, 3].every((number) => segments().includes(`${nameOf(number)}.zst`)),
    )
    await ledger.close()
    expect(readdirSync(directory).filter((name) => !/\.wal(\.zst)?$/.test(name))).toEqual([])
    expect(zstdDecompressSync(readFileSync(path(`${nameOf(1)}.zst`))).length).toBeGreaterThan(96)
    expect(recoveredLabels()).toHaveLength(31)
  })
})
