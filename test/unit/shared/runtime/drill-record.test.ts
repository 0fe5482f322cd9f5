import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ProvisionedOperator } from '@bulkhead/shared/contracts/commands.ts'
import type { DrillRecord } from '@bulkhead/shared/contracts/drill-record.ts'
import { signDrillRecord } from '@bulkhead/shared/runtime/drill-record.ts'
import { drillFaultOf } from '@bulkhead/safety-plane/readiness/core.ts'
import { lastDrill } from '@bulkhead/safety-plane/readiness/drill.ts'

const key = Buffer.alloc(32, 7)
const other = Buffer.alloc(32, 8)
const operator = (operator_id: string, role: ProvisionedOperator['role'], from = key) => ({
  operator_id,
  role,
  key_version: 1,
  key_hex: from.toString('hex'),
})
const operators = new Map([
  ['admin#1', operator('admin', 'ADMIN')],
  ['viewer#1', operator('viewer', 'VIEWER')],
])
const record: DrillRecord = {
  format: 1,
  level: 'L2',
  passed_wall_ms: 1_700_000_000_000,
  build_id: 'build',
  evidence_sha256: 'ab'.repeat(32),
  operator_id: 'admin',
  key_version: 1,
}

let home: string
beforeAll(() => {
  home = mkdtempSync(join(tmpdir(), 'drill-record-'))
})
afterAll(() => rmSync(home, { recursive: true }))

function found(text: string): DrillRecord | null {
  const file = join(home, 'drill.json')
  writeFileSync(file, text)
  return lastDrill(file, operators)
}
const signed = (parts: Partial<DrillRecord> = {}, by = key) =>
  signDrillRecord({ ...record, ...parts }, by)

describe('the record of a passed drill', () => {
  test('counts when an operator signed it', () => {
    expect(found(JSON.stringify(signed()))).toEqual(record)
  })

  test.each<[string, () => string]>([
    ['is not there at all', () => ''],
    ['is no JSON', () => '{'],
    ['was signed by a key that nobody has', () => JSON.stringify(signed({}, other))],
    ['names an operator who is not known', () => JSON.stringify(signed({ operator_id: 'eve' }))],
    [
      'was signed by somebody who may only look',
      () => JSON.stringify(signed({ operator_id: 'viewer' })),
    ],
    ['is of a level that does not try everything', () => JSON.stringify(signed({ level: 'L1' }))],
    ['is too long', () => JSON.stringify({ ...signed(), key_id: 'a'.repeat(9_000) })],
    [
      'was made younger after it was signed',
      () => {
        const { key_id, signature } = signed()
        const { payload } = signed({ passed_wall_ms: 1_900_000_000_000 }, other)
        return JSON.stringify({ key_id, signature, payload })
      },
    ],
    [
      'bears the name of another operator than its key',
      () => JSON.stringify({ ...signed({ operator_id: 'viewer' }), key_id: 'admin#1' }),
    ],
  ])('does not count when it %s', (_what, text) => {
    expect(found(text())).toBeNull()
  })

  test('does not count when its file cannot be read', () => {
    expect(lastDrill(join(home, 'missing.json'), operators)).toBeNull()
  })
})

const dayMs = 86_400_000

test.each<[number | null, number | null, string | null]>([
  [null, null, null],
  [null, 30, 'DRILL_NEVER_PASSED'],
  [0, null, null],
  [0, 30, null],
  [30 * dayMs, 30, null],
  [30 * dayMs + 1, 30, 'DRILL_TOO_OLD'],
  [-60_000, 30, null],
  [-dayMs, 30, 'DRILL_NEVER_PASSED'],
])('a drill of %d ms ago with a limit of %d days gives %s', (ageMs, daysMax, fault) => {
  const nowMs = 1_700_000_000_000
  expect(drillFaultOf(ageMs === null ? null : nowMs - ageMs, nowMs, daysMax)).toBe(fault)
})
