import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { AuditArchive, placeOf } from '../../../../control-plane/audit/archive.ts'

const entry = (text: string) => ({ writer: 'executor', chain: 'chain-1', action: 'TEST', text })

describe('AuditArchive', () => {
  let folder: string
  let archive: AuditArchive

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'bulkhead-test-'))
    archive = new AuditArchive(join(folder, 'deep', 'archive.sqlite'))
  })

  afterEach(() => {
    archive.close()
    rmSync(folder, { recursive: true })
  })

  it('is empty at first', () => {
    expect([archive.lastId, archive.latest(10), archive.after('0-0', 10)]).toEqual(['0-0', [], []])
  })

  it('orders by the numbers of the stream id, not by its text', () => {
    const ids = ['9-0', '10-0', '10-2', '10-11', '100-0']
    archive.append(ids.map((id) => ({ id, entry: entry(id) })))
    expect(archive.latest(10).map(({ id }) => id)).toEqual(ids)
    expect(archive.latest(2).map(({ id }) => id)).toEqual(['10-11', '100-0'])
    expect(archive.after('10-2', 1).map(({ id }) => id)).toEqual(['10-11'])
    expect(archive.lastId).toBe('100-0')
  })

  it('stores an entry once, and refuses a batch with another one under its id', () => {
    archive.append([{ id: '1-0', entry: entry('a') }])
    archive.append([{ id: '1-0', entry: entry('a') }])
    expect(archive.latest(10)).toHaveLength(1)
    const forged = [
      { id: '2-0', entry: entry('b') },
      { id: '1-0', entry: entry('forged') },
    ]
    expect(() => archive.append(forged)).toThrow('append-only')
    expect(archive.latest(10)).toEqual([{ id: '1-0', entry: entry('a') }])
  })

  it('finds what it held after it was closed', () => {
    archive.append([{ id: '5-1', entry: entry('kept') }])
    archive.close()
    archive = new AuditArchive(join(folder, 'deep', 'archive.sqlite'))
    expect(archive.latest(1)).toEqual([{ id: '5-1', entry: entry('kept') }])
  })
})

describe('placeOf', () => {
  it.each(['', '1', '1-', '-1', 'a-b', '1-2-3', '12345678901234567890-0', ' 1-0', '1-0\n'])(
    'takes %j for no stream id',
    (id) => {
      expect(placeOf(id)).toBeUndefined()
    },
  )

  it('reads both numbers', () => {
    expect(placeOf('1795164609171-12')).toEqual({ ms: 1_795_164_609_171n, seq: 12n })
  })
})
