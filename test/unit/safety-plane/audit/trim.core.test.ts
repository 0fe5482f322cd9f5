import { expect, test } from 'vitest'
import {
  idAfter,
  judgeTrim,
  type TrimFacts,
  type TrimVerdict,
} from '@bulkhead/safety-plane/audit/trim.core.ts'

const kept = { entriesKept: 100, ageKeptMs: 1_000 }
const claim = { through_id: '5000-3', entries: 2, digest: 'a'.repeat(64) }
const facts: TrimFacts = {
  oldestIds: ['4000-0', '5000-3'],
  digest: claim.digest,
  logLength: 102,
  isSealed: true,
  nowMs: 6_000,
}

test.each<[string, Partial<TrimFacts>, TrimVerdict]>([
  ['everything holds', {}, 'trim'],
  ['the log holds none of it any more', { oldestIds: [] }, 'done'],
  ['the log has another entry there', { digest: 'b'.repeat(64) }, 'CLAIM_DIFFERS_FROM_LOG'],
  ['the log holds fewer', { oldestIds: ['5000-3'] }, 'CLAIM_DIFFERS_FROM_LOG'],
  ['the log holds more', { oldestIds: ['1-0', '4000-0', '5000-3'] }, 'CLAIM_DIFFERS_FROM_LOG'],
  ['they end elsewhere', { oldestIds: ['4000-0', '5000-2'] }, 'CLAIM_DIFFERS_FROM_LOG'],
  ['the newest of them is too young', { nowMs: 5_999 }, 'CLAIM_TOO_YOUNG'],
  ['too few would stay', { logLength: 101 }, 'CLAIM_LEAVES_TOO_FEW'],
  ['no seal covers them yet', { isSealed: false }, 'CLAIM_NOT_SEALED'],
])('when %s', (_what, parts, verdict) => {
  expect(judgeTrim(claim, { ...facts, ...parts }, kept)).toBe(verdict)
})

test('the id after another has the next number', () => {
  expect([idAfter('5000-3'), idAfter('5000-9007199254740993')]).toEqual([
    '5000-4',
    '5000-9007199254740994',
  ])
})
