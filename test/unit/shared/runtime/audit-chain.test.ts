import { describe, expect, test } from 'vitest'
import { auditCoreFields, type AuditRecord } from '@bulkhead/shared/contracts/audit-entry.ts'
import { InvariantError } from '@bulkhead/shared/kernel/assert.ts'
import { chainIdOf, chainStart, hashOf, nextEntry } from '@bulkhead/shared/runtime/audit-chain.ts'
import { verifyAuditChains } from '@bulkhead/shared/runtime/audit-verify.ts'

const record = { action: 'KILL_STARTED', subject: 'executor', correlationId: 'e-1' }
const entryOf = (fields: AuditRecord['fields'] = {}, over: Partial<AuditRecord> = {}) =>
  nextEntry(chainStart, 'executor', 'run-00001', 5n, { ...record, fields, ...over })
const codesOf = (raw: Iterable<Record<string, string>>) =>
  verifyAuditChains(raw).faults.map(({ code }) => code)

describe('audit entries', () => {
  test('are flat texts that hash to the same value in every language', () => {
    expect(entryOf({ level: 'L1' })).toEqual({
      level: 'L1',
      writer: 'executor',
      chain: 'run-00001',
      seq: '1',
      wall_ns: '5',
      action: 'KILL_STARTED',
      subject: 'executor',
      correlation_id: 'e-1',
      prev: '0'.repeat(64),
      hash: 'e93db3b74e6549229d69c65e2aeb785af48badfee2a6286a36b16732a25f1eac',
    })
  })

  test('quote texts of any length and content without stopping their writer', () => {
    const entry = entryOf(
      { detail: 'x'.repeat(8_191) + '\u{1f600}', broken: '\ud800\u0000' },
      { subject: 's'.repeat(300), correlationId: 'c'.repeat(300) },
    )
    expect(entry['detail']).toBe(`${'x'.repeat(8_191)}\ufffd`)
    expect(entry['broken']).toBe('\ufffd\u0000')
    expect([entry.subject.length, entry.correlation_id.length]).toEqual([256, 128])
    expect(codesOf([entry])).toEqual([])
  })

  test.each(auditCoreFields)('cannot carry a field %s of the action', (name) => {
    expect(() => entryOf({ [name]: 'x' })).toThrow(InvariantError)
  })

  test.each(['', 'Level', 'a-b', 'a b', '1st', '__proto__', 'a'.repeat(65)])(
    'cannot carry a field called %j',
    (name) => {
      expect(() => entryOf(Object.fromEntries([[name, 'x']]))).toThrow(InvariantError)
    },
  )
})

describe('audit verifier', () => {
  test('finds nothing wrong with no entries', () => {
    expect(verifyAuditChains([])).toEqual({ entries: 0, heads: new Map(), faults: [] })
  })

  test('reports a field that somebody added, even one that schemas overlook', () => {
    const entry = entryOf()
    const forged = JSON.parse(`{"__proto__":"x",${JSON.stringify(entry).slice(1)}`) as typeof entry
    expect(codesOf([{ ...entry, note: 'x' }])).toEqual(['HASH_MISMATCH'])
    expect(codesOf([forged])).toEqual(['HASH_MISMATCH'])
  })

  test.each([
    ['a missing field', '{"writer":"executor"}'],
    ['a number', JSON.stringify({ ...entryOf(), amount: 1 })],
    ['a number where schemas overlook it', `{"__proto__":1,${JSON.stringify(entryOf()).slice(1)}`],
    ['a lone surrogate', JSON.stringify({ ...entryOf(), note: '\ud800' })],
    ['a text beyond its bound', JSON.stringify({ ...entryOf(), note: 'x'.repeat(8_193) })],
    ['a writer that is no component', JSON.stringify({ ...entryOf(), writer: 'a/b' })],
    ['null', 'null'],
    ['a list', '[]'],
  ])('reports %s as malformed and goes on', (_what, text) => {
    const verdict = verifyAuditChains([JSON.parse(text) as Record<string, string>, entryOf()])
    expect(verdict.faults.map(({ code }) => code)).toEqual(['ENTRY_MALFORMED'])
    expect(verdict.entries).toBe(2)
    expect(verdict.heads.size).toBe(1)
  })

  test('reports a fork: two entries of one number', () => {
    const first = entryOf()
    const other = entryOf({ level: 'L2' })
    expect(codesOf([first, other])).toEqual(['ENTRY_FORKED'])
  })

  test('reports an entry that follows a rewritten one, though both hashes are right', () => {
    const first = entryOf()
    const second = nextEntry({ seq: 1, hash: first.hash }, 'executor', 'run-00001', 6n, record)
    expect(codesOf([entryOf({ level: 'L2' }), second])).toEqual(['PREV_MISMATCH'])
  })

  test('names a gap as a gap, from the first entry that is missing to the last', () => {
    const later = nextEntry({ seq: 3, hash: 'a'.repeat(64) }, 'executor', 'run-00001', 6n, record)
    expect(verifyAuditChains([entryOf(), later]).faults).toMatchObject([
      { code: 'SEQ_GAP', writer: 'executor', chain: 'run-00001', seq: 2, untilSeq: 3 },
    ])
  })

  test('reports every entry of a sealed chain gone, with its writer and number', () => {
    const first = entryOf()
    const sealed = new Map([[chainIdOf(first), { seq: 1, hash: first.hash }]])
    expect(verifyAuditChains([], sealed).faults).toMatchObject([
      { code: 'SEALED_HEAD_MISSING', writer: 'executor', chain: 'run-00001', seq: 1 },
    ])
    expect(verifyAuditChains([first], sealed).faults).toEqual([])
    const unused = new Map([[chainIdOf(first), chainStart]])
    expect(verifyAuditChains([], unused).faults).toEqual([])
  })

  test('hashes everything but the hash', () => {
    const { hash, ...rest } = entryOf()
    expect(hashOf(rest)).toBe(hash)
    expect(hashOf({ ...rest, wall_ns: '6' })).not.toBe(hash)
  })
})
