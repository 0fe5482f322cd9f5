import { spawn } from 'node:child_process'
import {
  appendFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { systemClock } from '@bulkhead/shared/runtime/system-clock.ts'
import { openLedger } from '@bulkhead/trading-plane/ledger/file-ledger.ts'
import { encodeFrame, readFrame } from '@bulkhead/trading-plane/ledger/frame.ts'
import type { LedgerRecord } from '@bulkhead/trading-plane/ledger/records.ts'
import { ledgerFileName, recoverLedger } from '@bulkhead/trading-plane/ledger/recovery.ts'

let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'ledger-'))
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

const dispatch = (n: number): LedgerRecord => ({
  type: 'dispatch',
  label: `label-${n}`,
  valid_until_ms: n,
  sent_ms: n,
})

async function open() {
  const opened = await openLedger(directory, 'run', systemClock)
  if (!opened.ok) throw new Error(JSON.stringify(opened.failure))
  return opened.value
}

/** Writes one file of `count` records and returns its bytes. */
async function write(count: number): Promise<Buffer> {
  const { ledger } = await open()
  await Promise.all(Array.from({ length: count }, (_, n) => ledger.append(dispatch(n))))
  await ledger.close()
  return readFileSync(join(directory, ledgerFileName(1)))
}

const put = (bytes: Uint8Array) => writeFileSync(join(directory, ledgerFileName(1)), bytes)
const faultOf = () => {
  const recovered = recoverLedger(directory)
  return recovered.ok ? undefined : recovered.failure.code
}

describe('the ledger', () => {
  test('gives back every record in the order of the appends, across runs', async () => {
    for (const n of [1, 2, 3]) {
      const { ledger, recovered } = await open()
      expect(recovered.records).toHaveLength((n - 1) * 3)
      const receipts = await Promise.all([ledger.append(dispatch(n)), ledger.append(dispatch(n))])
      expect(receipts.map((each) => each.ok && each.value.seq)).toEqual([n * 3 - 1, n * 3])
      expect(ledger.durableSeq).toBe(n * 3)
      await ledger.close()
    }
    const recovered = recoverLedger(directory)
    const labels =
      recovered.ok && recovered.value.records.map((r) => ('label' in r ? r.label : r.type))
    expect(labels).toEqual([
      'run',
      'label-1',
      'label-1',
      'run',
      'label-2',
      'label-2',
      'run',
      'label-3',
      'label-3',
    ])
  })

  test('is written by one process only, and the lock of a dead one is taken over', async () => {
    const { ledger } = await open()
    expect(await openLedger(directory, 'other', systemClock)).toMatchObject({
      ok: false,
      failure: { code: 'LEDGER_LOCKED' },
    })
    await ledger.close()
    for (const left of ['', '{"pid":1', '{"pid":999999,"start_ticks":"1","boot_id":"x"}']) {
      writeFileSync(join(directory, 'lock'), left)
      await (await open()).ledger.close()
    }
    expect(readdirSync(directory).filter((name) => name.startsWith('lock'))).toEqual([])
  })

  test('refuses more than it may hold, and takes nothing after its end', async () => {
    const { ledger } = await open()
    const results = await Promise.all(
      Array.from({ length: 5_000 }, (_, n) => ledger.append(dispatch(n))),
    )
    expect(results.some((result) => !result.ok)).toBe(true)
    await ledger.close()
    expect(await ledger.append(dispatch(1))).toEqual({ ok: false, failure: 'LEDGER_FULL' })
    const recovered = recoverLedger(directory)
    const taken = results.filter((result) => result.ok).length
    expect(recovered.ok && recovered.value.records).toHaveLength(taken + 1)
  })

  test('cut at any byte gives back the whole records before it and keeps a copy', async () => {
    const bytes = await write(3)
    const whole: number[] = []
    for (let at = 0, crc = 0; at < bytes.length; ) {
      const read = readFrame(bytes, at, crc)
      if (read.kind !== 'frame') throw new Error('a whole file')
      at += read.frame.bytes
      crc = read.frame.crc
      whole.push(at)
    }
    for (let end = 0; end <= bytes.length; end += 1) {
      put(bytes.subarray(0, end))
      const recovered = recoverLedger(directory)
      const expected = whole.filter((at) => at <= end)
      expect(recovered).toMatchObject({ ok: true, value: { lastSeq: expected.length } })
      const isTorn = !whole.includes(end) && end > 0
      expect(recovered.ok && recovered.value.cuts).toHaveLength(Number(isTorn))
      if (isTorn)
        expect(readdirSync(directory)).toContain(
          `${ledgerFileName(1)}.torn-at-${expected.at(-1) ?? 0}`,
        )
    }
  })

  test('with a zeroed tail gives back the records before it', async () => {
    const bytes = await write(2)
    put(Buffer.concat([bytes, Buffer.alloc(4_096)]))
    expect(recoverLedger(directory)).toMatchObject({ ok: true, value: { lastSeq: 3 } })
    expect(readFileSync(join(directory, ledgerFileName(1)))).toEqual(bytes)
  })

  test('with any one byte changed before its last record is refused or loses nothing', async () => {
    const bytes = await write(3)
    const lastFrame = Math.floor((bytes.length * 3) / 4)
    for (let at = 0; at < lastFrame; at += 1) {
      const flipped = Buffer.from(bytes)
      flipped[at] = (flipped[at] ?? 0) ^ 0x40
      put(flipped)
      expect(['LEDGER_CORRUPT', 'LEDGER_SEQUENCE_BROKEN']).toContain(faultOf())
    }
  })

  test('refuses a repeated, a missing and a foreign frame', async () => {
    const bytes = await write(2)
    put(Buffer.concat([bytes, bytes]))
    expect(faultOf()).toBe('LEDGER_CORRUPT')
    const { bytes: gap } = encodeFrame(2, Buffer.from([1]), 0)
    put(gap)
    expect(faultOf()).toBe('LEDGER_SEQUENCE_BROKEN')
    const { bytes: foreign } = encodeFrame(1, Buffer.from([1]), 0)
    put(foreign)
    expect(faultOf()).toBe('LEDGER_RECORD_INVALID')
  })

  test('refuses to go on when a file of its row is missing', async () => {
    await write(1)
    await (await open()).ledger.close()
    rmSync(join(directory, ledgerFileName(1)))
    expect(faultOf()).toBe('LEDGER_FILE_MISSING')
  })

  test('keeps what was appended after a torn tail was cut', async () => {
    await write(2)
    appendFileSync(join(directory, ledgerFileName(1)), Buffer.from('BKL1'))
    const { ledger, recovered } = await open()
    expect(recovered.cuts).toHaveLength(1)
    await ledger.append(dispatch(9))
    await ledger.close()
    expect(recoverLedger(directory)).toMatchObject({ ok: true, value: { lastSeq: 5, cuts: [] } })
  })
})

test('a disk that takes no more ends the process at once, and what was durable is kept', async () => {
  const at = (path: string) => new URL(`../../../../${path}`, import.meta.url).href
  const code = `
    const { openLedger } = await import('${at('trading-plane/ledger/file-ledger.ts')}')
    const { systemClock } = await import('${at('shared/runtime/system-clock.ts')}')
    const opened = await openLedger(${JSON.stringify(directory)}, 'run', systemClock)
    for (let n = 1; ; n += 1) {
      const done = await opened.value.ledger.append({ type: 'dispatch', label: 'l', valid_until_ms: n, sent_ms: n })
      console.log(done.value.seq)
    }`
  const limited = ['-c', 'ulimit -f 8; exec "$0" "$@"', process.execPath]
  const child = spawn('sh', [...limited, '--input-type=module', '-e', code])
  let output = ''
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString()
  })
  const [status, signal] = await new Promise<[number | null, string | null]>((resolve) => {
    child.once('close', (exit, by) => resolve([exit, by]))
  })
  expect(status !== 0 || signal !== null).toBe(true)
  const durable = Number(output.trim().split('\n').at(-1))
  expect(durable).toBeGreaterThan(10)
  const recovered = recoverLedger(directory)
  expect(recovered.ok && recovered.value.lastSeq).toBeGreaterThanOrEqual(durable)
})

test('rows of zeros are no records', () => {
  expect(readFrame(Buffer.alloc(64), 0, 0)).toEqual({ kind: 'fault', fault: 'ZEROS' })
})
