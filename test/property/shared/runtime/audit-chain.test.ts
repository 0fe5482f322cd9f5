import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { AuditEntry } from '@bulkhead/shared/contracts/audit-entry.ts'
import {
  chainIdOf,
  type ChainHead,
  chainStart,
  nextEntry,
} from '@bulkhead/shared/runtime/audit-chain.ts'
import { verifyAuditChains } from '@bulkhead/shared/runtime/audit-verify.ts'

const record = fc.record({
  writer: fc.constantFrom('executor', 'dead_man_switch'),
  chain: fc.constantFrom('run-00001', 'run-00002'),
  subject: fc.string({ unit: 'binary', maxLength: 20 }),
  detail: fc.string({ unit: 'grapheme', maxLength: 20 }),
  wallNs: fc.bigInt(0n, 10n ** 19n),
})

/** Entries of several interleaved chains, as they stand in the log. */
const log = fc.array(record, { minLength: 1, maxLength: 25 }).map((records) => {
  const heads = new Map<string, ChainHead>()
  return records.map(({ writer, chain, subject, detail, wallNs }) => {
    const id = chainIdOf({ writer, chain })
    const entry = nextEntry(heads.get(id) ?? chainStart, writer, chain, wallNs, {
      action: 'TESTED',
      subject,
      correlationId: '',
      fields: { detail },
    })
    heads.set(id, { seq: Number(entry.seq), hash: entry.hash })
    return entry
  })
})
const place = fc.nat().map((n) => n)

const sealOf = (entries: readonly AuditEntry[]) => verifyAuditChains(entries).heads
const faultsOf = (entries: readonly AuditEntry[], sealed?: ReadonlyMap<string, ChainHead>) =>
  verifyAuditChains(entries, sealed).faults

describe('audit verifier', () => {
  test('finds nothing wrong with an untouched log', () => {
    fc.assert(
      fc.property(log, (entries) => {
        expect(faultsOf(entries, sealOf(entries))).toEqual([])
      }),
    )
  })

  test('finds nothing wrong when entries were delivered twice, at any distance', () => {
    fc.assert(
      fc.property(log, place, (entries, from) => {
        const again = entries.slice(from % entries.length)
        expect(faultsOf([...entries, ...again], sealOf(entries))).toEqual([])
      }),
    )
  })

  test('reports any single deletion below a sealed head', () => {
    fc.assert(
      fc.property(log, place, (entries, at) => {
        const left = entries.toSpliced(at % entries.length, 1)
        expect(faultsOf(left, sealOf(entries))).not.toEqual([])
      }),
    )
  })

  test('reports any edit of any field', () => {
    const edit = fc.tuple(place, place, fc.string({ unit: 'binary', maxLength: 70 }))
    fc.assert(
      fc.property(log, edit, (entries, [at, which, text]) => {
        const entry = entries[at % entries.length] as AuditEntry
        const names = Object.keys(entry)
        const name = names[which % names.length] as string
        fc.pre(entry[name] !== text)
        const edited = entries.with(at % entries.length, { ...entry, [name]: text })
        expect(faultsOf(edited, sealOf(entries))).not.toEqual([])
      }),
    )
  })

  test('reports any field that was added or removed', () => {
    fc.assert(
      fc.property(log, place, place, (entries, at, which) => {
        const index = at % entries.length
        const entry = entries[index] as AuditEntry
        const names = Object.keys(entry)
        const gone = names[which % names.length]
        const cut = Object.fromEntries(Object.entries(entry).filter(([name]) => name !== gone))
        expect(faultsOf(entries.with(index, cut as AuditEntry))).not.toEqual([])
        expect(faultsOf(entries.with(index, { ...entry, added: '' }))).not.toEqual([])
      }),
    )
  })

  test('reports any swap of two entries of one chain', () => {
    fc.assert(
      fc.property(log, place, place, (entries, one, other) => {
        const [a, b] = [one % entries.length, other % entries.length]
        const [first, second] = [entries[a] as AuditEntry, entries[b] as AuditEntry]
        fc.pre(a !== b && chainIdOf(first) === chainIdOf(second))
        expect(faultsOf(entries.with(a, second).with(b, first))).not.toEqual([])
      }),
    )
  })

  test('does not mind how entries of different chains lie between one another', () => {
    fc.assert(
      fc.property(log, (entries) => {
        const sorted = entries.toSorted((a, b) => chainIdOf(a).localeCompare(chainIdOf(b)))
        expect(faultsOf(sorted, sealOf(entries))).toEqual([])
      }),
    )
  })

  test('reports a tail that was cut below a sealed head, wherever it was cut', () => {
    fc.assert(
      fc.property(log, place, (entries, at) => {
        const left = entries.slice(0, at % entries.length)
        expect(faultsOf(left, sealOf(entries)).map(({ code }) => code)).toContain(
          'SEALED_HEAD_MISSING',
        )
      }),
    )
  })

  test('reports a chain that was written anew below a sealed head', () => {
    fc.assert(
      fc.property(log, (entries) => {
        const [first] = entries as [AuditEntry]
        const forged = nextEntry(chainStart, first.writer, first.chain, 0n, {
          action: 'FORGED',
          subject: '',
          correlationId: '',
        })
        const sealed = new Map([[chainIdOf(first), { seq: 1, hash: first.hash }]])
        expect(faultsOf([forged], sealed)).not.toEqual([])
      }),
    )
  })
})
