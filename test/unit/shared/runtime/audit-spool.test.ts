import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { AuditSpool } from '@bulkhead/shared/runtime/audit-spool.ts'

let folder: string
let file: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'bulkhead-test-'))
  file = join(folder, 'audit', 'executor.spool')
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const spoolOf = (bytesMax = 1_000_000) => new AuditSpool(file, bytesMax)
const linesOf = (spool: AuditSpool) => {
  const lines = spool.takeForDrain()
  return lines.ok ? lines.value : lines.failure
}

describe('audit spool', () => {
  test('gives back what was appended, oldest first, in a file for its owner only', () => {
    const spool = spoolOf()
    expect(spool.isEmpty).toBe(true)
    expect(spool.append(['one']).ok && spool.append(['two', 'thr\u20ac\u20ac']).ok).toBe(true)
    expect(statSync(file).mode & 0o777).toBe(0o600)
    expect(spool.isEmpty).toBe(false)
    expect(linesOf(spool)).toEqual(['one', 'two', 'thr\u20ac\u20ac'])
    expect(spool.discardDrained().ok).toBe(true)
    expect(spool.isEmpty).toBe(true)
    expect(linesOf(spool)).toEqual([])
  })

  test('gives the same lines again until they are discarded, and later lines after them', () => {
    const spool = spoolOf()
    spool.append(['one'])
    expect(linesOf(spool)).toEqual(['one'])
    spool.append(['two'])
    expect(linesOf(spool)).toEqual(['one'])
    expect(linesOf(spoolOf())).toEqual(['one'])
    spool.discardDrained()
    expect(spool.isEmpty).toBe(false)
    expect(linesOf(spool)).toEqual(['two'])
    spool.close()
  })

  test('leaves out the torn last line of a crash', () => {
    mkdirSync(join(folder, 'audit'))
    writeFileSync(file, 'one\ntwo\nhal')
    expect(linesOf(spoolOf())).toEqual(['one', 'two'])
  })

  test.each([
    ['one\ntwo\nhal', ['one', 'two', 'next']],
    ['hal', ['next']],
    ['one\n', ['one', 'next']],
    [`one\n${'x'.repeat(70_000)}`, ['one', 'next']],
    ['x'.repeat(140_000), ['next']],
    [`${'y'.repeat(65_535)}\n`, ['y'.repeat(65_535), 'next']],
    [`${'y'.repeat(65_536)}\nhal`, ['y'.repeat(65_536), 'next']],
  ])('does not glue a new line to the torn one: case %#', (left, lines) => {
    mkdirSync(join(folder, 'audit'))
    writeFileSync(file, left)
    const spool = spoolOf()
    expect(spool.append(['next']).ok).toBe(true)
    expect(linesOf(spool)).toEqual(lines)
  })

  test('refuses what goes beyond its bound in bytes, and takes a smaller line after it', () => {
    const spool = spoolOf(10)
    expect(spool.append(['\u20ac\u20ac'])).toEqual({ ok: true, value: undefined })
    expect(spool.append(['\u20ac'])).toEqual({ ok: false, failure: 'SPOOL_FULL' })
    expect(spool.append(['ab'])).toEqual({ ok: true, value: undefined })
    expect(linesOf(spool)).toEqual(['\u20ac\u20ac', 'ab'])
  })

  test('counts what is being delivered against its bound', () => {
    const spool = spoolOf(10)
    spool.append(['12345678'])
    expect(linesOf(spool)).toEqual(['12345678'])
    expect(spool.append(['ab'])).toEqual({ ok: false, failure: 'SPOOL_FULL' })
    spool.discardDrained()
    expect(spool.append(['ab']).ok).toBe(true)
    spool.close()
  })

  test('says that it cannot be written when its folder is a file, and recovers', () => {
    writeFileSync(join(folder, 'audit'), 'in the way')
    const spool = spoolOf()
    expect(spool.append(['one'])).toEqual({ ok: false, failure: 'SPOOL_UNWRITABLE' })
    rmSync(join(folder, 'audit'))
    expect(spool.append(['two']).ok).toBe(true)
    expect(linesOf(spool)).toEqual(['two'])
  })

  test('says that it cannot be written when the disk takes no byte', () => {
    mkdirSync(join(folder, 'audit'))
    symlinkSync('/dev/full', file)
    expect(spoolOf().append(['one'])).toEqual({ ok: false, failure: 'SPOOL_UNWRITABLE' })
  })

  test('leaves a folder in its place where it is', () => {
    mkdirSync(file, { recursive: true })
    const spool = spoolOf()
    expect(spool.takeForDrain()).toEqual({ ok: false, failure: 'SPOOL_UNREADABLE' })
    expect(spool.append(['one'])).toEqual({ ok: false, failure: 'SPOOL_UNWRITABLE' })
    expect(statSync(file).isDirectory()).toBe(true)
  })

  test('says that it cannot be read when the set-aside file is a folder', () => {
    mkdirSync(`${file}.draining`, { recursive: true })
    const spool = spoolOf()
    expect(spool.takeForDrain()).toEqual({ ok: false, failure: 'SPOOL_UNREADABLE' })
    expect(spool.discardDrained()).toEqual({ ok: false, failure: 'SPOOL_UNWRITABLE' })
  })

  test('keeps its lines on the disk while they are on their way', () => {
    const spool = spoolOf()
    spool.append(['one'])
    linesOf(spool)
    expect(readFileSync(`${file}.draining`, 'utf8')).toBe('one\n')
    appendFileSync(`${file}.draining`, 'hal')
    expect(linesOf(spool)).toEqual(['one'])
    spool.discardDrained()
    expect(existsSync(`${file}.draining`)).toBe(false)
  })
})
