import { describe, expect, test } from 'vitest'
import { chainStart, nextEntry } from '@bulkhead/shared/runtime/audit-chain.ts'
import { verifyAuditChains } from '@bulkhead/shared/runtime/audit-verify.ts'
import { recordOfFields } from '@bulkhead/shared/runtime/stream-fields.ts'

const record = { action: 'TESTED', subject: 'executor', correlationId: '' }
const entry = nextEntry(chainStart, 'executor', 'run-00001', 5n, record)
const fields = Object.entries(entry).flat()
const codesOf = (list: readonly string[]) =>
  verifyAuditChains([recordOfFields(list)]).faults.map(({ code }) => code)

describe('stream fields', () => {
  test('become a record', () => {
    expect(recordOfFields(['a', '1', 'b', ''])).toEqual({ a: '1', b: '' })
    expect(recordOfFields([])).toEqual({})
    expect(codesOf(fields)).toEqual([])
  })

  test('keep a field that objects would swallow', () => {
    expect(Object.entries(recordOfFields(['__proto__', 'x']))).toEqual([['__proto__', 'x']])
    expect(codesOf([...fields, '__proto__', 'x'])).toEqual(['HASH_MISMATCH'])
  })

  test('do not pass for an audit entry when one stands twice, first or last', () => {
    expect(codesOf(['subject', 'forged', ...fields])).toEqual(['HASH_MISMATCH'])
    expect(codesOf([...fields, 'subject', 'forged'])).toEqual(['HASH_MISMATCH'])
    expect(codesOf([...fields, 'subject', 'executor'])).toEqual(['HASH_MISMATCH'])
    expect(codesOf(['hash', entry.hash, ...fields])).toEqual(['ENTRY_MALFORMED'])
  })
})
