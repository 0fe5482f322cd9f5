import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { homeLayout } from '@bulkhead/shared/runtime/home.ts'
import { runCli } from '../../support/control-api.ts'
import { buildFile, smallBatches } from '../../support/ledger-files.ts'

let home: string
let file: string
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'bulkhead-test-'))
  mkdirSync(homeLayout(home).ledgerDir, { recursive: true })
  file = join(homeLayout(home).ledgerDir, 'executor-000001-1.wal')
  writeFileSync(file, buildFile(smallBatches(25)).bytes, { mode: 0o600 })
})
afterEach(() => rmSync(home, { recursive: true, force: true }))

const cli = (...argv: string[]) => runCli(home, ['ledger', ...argv])

describe('bulkhead ledger', () => {
  it('verifies a whole ledger and changes nothing, not even a torn batch', async () => {
    const whole = await cli('verify')
    expect(whole.code).toBe(0)
    expect(whole.out).toContain('25 records in 11 batches in 1 files')
    expect(whole.out).toContain('The ledger is whole.')
    const torn = Buffer.concat([readFileSync(file), readFileSync(file).subarray(96, 130)])
    writeFileSync(file, torn)
    const report = await cli('verify', '--json')
    expect(report.code).toBe(0)
    expect(JSON.parse(report.out)).toMatchObject({ whole: true, torn_bytes: 34, last_seq: 25 })
    expect(readFileSync(file)).toEqual(torn)
  })

  it('names the fault, the file and the byte of a ledger that is not whole', async () => {
    const bytes = readFileSync(file)
    bytes[200] = (bytes[200] ?? 0) ^ 1
    writeFileSync(file, bytes)
    const { code, out } = await cli('verify')
    expect(code).toBe(1)
    expect(out).toContain('THE LEDGER IS NOT WHOLE.')
    expect(out).toContain(`LEDGER_CORRUPT at byte`)
    expect(out).toContain(file)
  })

  it('shows the newest records and the files', async () => {
    const { code, out } = await cli('inspect', '-n', '2')
    expect(code).toBe(0)
    expect(out).toMatch(/24 dispatch label=label-24 /)
    expect(out).toMatch(/25 dispatch label=label-25 /)
    expect(out).not.toContain('label-23')
    expect(out).toContain('executor-000001-1.wal  1..25, 11 batches')
    expect(out).toContain('25 dispatch')
  })

  it('says when there is no ledger, and what it wants to be told', async () => {
    rmSync(homeLayout(home).ledgerDir, { recursive: true })
    expect(await cli('verify')).toMatchObject({ code: 3 })
    expect((await cli('inspect', '-n', 'x')).code).toBe(2)
  })
})
