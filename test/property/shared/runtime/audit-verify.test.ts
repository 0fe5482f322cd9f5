import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  type ChainHead,
  chainIdOf,
  chainStart,
  hashOf,
  nextEntry,
} from '@bulkhead/shared/runtime/audit-chain.ts'
import {
  type AuditVerdict,
  type FoundEntry,
  verifyAuditTrail,
} from '@bulkhead/shared/runtime/audit-verify.ts'

type Fields = Readonly<Record<string, string>>
type Row = { readonly id: string; readonly fields: Fields }
/** A true history: the log, how much of it is archived, after which entries heads were sealed. */
type History = {
  readonly log: readonly Row[]
  readonly archived: number
  readonly sealedAfter: readonly number[]
}

const step = fc.record({
  writer: fc.constantFrom('executor', 'dead_man_switch'),
  chain: fc.constantFrom('run-00001', 'run-00002'),
})
const history: fc.Arbitrary<History> = fc
  .tuple(
    fc.array(step, { minLength: 1, maxLength: 30 }),
    fc.nat(30),
    fc.array(fc.nat(29), { maxLength: 4 }),
  )
  .map(([steps, archived, sealed]) => {
    const heads = new Map<string, ChainHead>()
    const log = steps.map(({ writer, chain }, at) => {
      const chainId = chainIdOf({ writer, chain })
      const record = { action: 'TESTED', subject: String(at), correlationId: '' }
      const head = heads.get(chainId) ?? chainStart
      const entry = nextEntry(head, writer, chain, BigInt(at), record)
      heads.set(chainId, { seq: Number(entry.seq), hash: entry.hash })
      return { id: `${1_000 + at}-0`, fields: entry }
    })
    return { log, archived: Math.min(archived, log.length), sealedAfter: sealed }
  })

const chainIdAt = ({ fields }: Row) =>
  chainIdOf({ writer: fields['writer']!, chain: fields['chain']! })
const seqOf = ({ fields }: Row) => Number(fields['seq'])
const resigned = (fields: Fields): Fields => ({ ...fields, hash: hashOf(fields) })

function sealsOf({ log, sealedAfter }: History): Map<string, ChainHead[]> {
  const sealed = new Map<string, ChainHead[]>()
  for (const until of sealedAfter) {
    const heads = new Map<string, ChainHead>()
    for (const row of log.slice(0, until + 1)) {
      heads.set(chainIdAt(row), { seq: seqOf(row), hash: row.fields['hash']! })
    }
    for (const [id, head] of heads) sealed.set(id, [...(sealed.get(id) ?? []), head])
  }
  return sealed
}

/** The verdict on a log that somebody had his hands on; archive and seals are as they were. */
function verdictOn(original: History, log: readonly Row[]): AuditVerdict {
  const found =
    (where: 'log' | 'archive') =>
    (row: Row): FoundEntry => {
      return { where, place: row.id, fields: row.fields }
    }
  return verifyAuditTrail({
    archive: original.log.slice(0, original.archived).map(found('archive')),
    log: log.map(found('log')),
    pending: [],
    sealed: sealsOf(original),
  })
}

/** Whether a seal or a later entry speaks for the entry at `at`. */
const isSealed = (original: History, at: number) =>
  (sealsOf(original).get(chainIdAt(original.log[at]!)) ?? []).some(
    ({ seq }) => seq >= seqOf(original.log[at]!),
  )
const hasSuccessor = ({ log }: History, at: number) =>
  log.slice(at + 1).some((row) => chainIdAt(row) === chainIdAt(log[at]!))

function expectFirst(original: History, log: readonly Row[], at: number): void {
  const row = original.log[at]!
  const [first] = verdictOn(original, log).faults
  expect(first).toBeDefined()
  expect(`${first?.writer}/${first?.chain}`).toBe(chainIdAt(row))
  expect(first!.seq).toBeLessThanOrEqual(seqOf(row))
  expect(first!.untilSeq).toBeGreaterThanOrEqual(seqOf(row))
  if (at < original.archived) expect(first!.seq).toBe(seqOf(row))
}

/** Runs a property over a history and one entry of it. */
function forEntry(check: (original: History, at: number) => void): void {
  fc.assert(
    fc.property(history, fc.nat(), (original, n) => check(original, n % original.log.length)),
    { numRuns: 300 },
  )
}

describe('the first bad entry', () => {
  test('is none in a true history', () => {
    fc.assert(
      fc.property(history, (original) => {
        expect(verdictOn(original, original.log).faults).toEqual([])
      }),
    )
  })

  test('is the one that was deleted', () => {
    forEntry((original, at) => {
      fc.pre(at < original.archived || isSealed(original, at) || hasSuccessor(original, at))
      expectFirst(original, original.log.toSpliced(at, 1), at)
    })
  })

  test('is the one that was edited, exactly', () => {
    forEntry((original, at) => {
      const row = original.log[at]!
      const edited = { ...row, fields: { ...row.fields, subject: 'forged' } }
      const log = original.log.with(at, edited)
      expectFirst(original, log, at)
      expect(verdictOn(original, log).faults[0]).toMatchObject({
        code: 'HASH_MISMATCH',
        seq: seqOf(row),
        untilSeq: seqOf(row),
        where: 'log',
        place: row.id,
      })
    })
  })

  test('is the one that was edited and hashed anew', () => {
    forEntry((original, at) => {
      fc.pre(at < original.archived || isSealed(original, at) || hasSuccessor(original, at))
      const row = original.log[at]!
      const forged = { ...row, fields: resigned({ ...row.fields, subject: 'forged' }) }
      expectFirst(original, original.log.with(at, forged), at)
    })
  })

  test('is the earlier of two that changed places, exactly', () => {
    fc.assert(
      fc.property(history, fc.nat(), fc.nat(), (original, a, b) => {
        const { log } = original
        const [i, j] = [a % log.length, b % log.length].toSorted((x, y) => x - y) as [
          number,
          number,
        ]
        const [first, second] = [log[i]!, log[j]!]
        fc.pre(i !== j && chainIdAt(first) === chainIdAt(second))
        const swapped = log
          .with(i, { ...first, fields: second.fields })
          .with(j, { ...second, fields: first.fields })
        expect(verdictOn(original, swapped).faults[0]).toMatchObject({
          code: 'SEQ_OUT_OF_ORDER',
          seq: seqOf(first),
        })
      }),
      { numRuns: 300 },
    )
  })

  test('is the number that has two entries', () => {
    forEntry((original, at) => {
      const row = original.log[at]!
      const fields = resigned({ ...row.fields, subject: 'forged' })
      const fork = { id: row.id.replace('-0', '-1'), fields }
      expectFirst(original, original.log.toSpliced(at + 1, 0, fork), at)
    })
  })

  test('lies in the range that is named when everything from it on was forged and chained', () => {
    forEntry((original, at) => {
      fc.pre(at < original.archived || isSealed(original, at))
      const target = chainIdAt(original.log[at]!)
      let prev = original.log[at]!.fields['prev']!
      const log = original.log.map((row, index) => {
        if (index < at || chainIdAt(row) !== target) return row
        const fields = resigned({ ...row.fields, subject: 'forged', prev })
        prev = fields['hash']!
        return { ...row, fields }
      })
      expectFirst(original, log, at)
    })
  })

  test('is the first that is gone when the log was cut short', () => {
    forEntry((original, at) => {
      const isEvident = original.log.some(
        (_row, index) => index >= at && (index < original.archived || isSealed(original, index)),
      )
      fc.pre(isEvident)
      const [first] = verdictOn(original, original.log.slice(0, at)).faults
      const gone = original.log.find(
        (row, index) => index >= at && chainIdAt(row) === `${first?.writer}/${first?.chain}`,
      )
      expect(first?.seq).toBe(seqOf(gone!))
      if (at < original.archived) expect(chainIdAt(gone!)).toBe(chainIdAt(original.log[at]!))
    })
  })
})
