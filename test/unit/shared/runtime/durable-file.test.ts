import {
  chmodSync,
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { replaceFileDurably, writeFully } from '@bulkhead/shared/runtime/durable-file.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'bulkhead-test-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

describe('durable files', () => {
  test('hold the new content, with the mode asked for and nothing left beside them', () => {
    const file = join(folder, 'deep', 'er', 'state.json')
    replaceFileDurably(file, 'old')
    replaceFileDurably(file, 'new \u20ac')
    expect(readFileSync(file, 'utf8')).toBe('new \u20ac')
    expect(statSync(file).mode & 0o777).toBe(0o600)
    expect(readdirSync(join(folder, 'deep', 'er'))).toEqual(['state.json'])
  })

  test('get over what a crashed process of the same number left, even when it is read-only', () => {
    const file = join(folder, 'state.json')
    const left = `${file}.${process.pid}.tmp`
    writeFileSync(left, 'half of a longer content than the new one')
    chmodSync(left, 0o400)
    replaceFileDurably(file, 'new', 0o400)
    expect(readFileSync(file, 'utf8')).toBe('new')
    expect(statSync(file).mode & 0o777).toBe(0o400)
    expect(existsSync(left)).toBe(false)
  })

  test('throw the fault and leave no temporary file when they cannot be put in place', () => {
    const file = join(folder, 'taken')
    mkdirSync(join(file, 'full'), { recursive: true })
    expect(() => replaceFileDurably(file, 'new')).toThrow(/EISDIR|ENOTEMPTY|EEXIST/)
    expect(readdirSync(folder)).toEqual(['taken'])
  })

  test('report a disk without room instead of a short file', () => {
    const full = openSync('/dev/full', 'w')
    try {
      expect(() => writeFully(full, Buffer.alloc(10))).toThrow(/ENOSPC/)
    } finally {
      closeSync(full)
    }
  })
})
