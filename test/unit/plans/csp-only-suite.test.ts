import { describe, expect, test } from 'vitest'
import { cspTitles, judgeSuite } from '../../../plans/csp-only-suite.core.ts'

const index = [
  ['AT-104', 'CSP'],
  ['CP-A1.2', 'CSP'],
  ['AT-331', 'GOP'],
].map(([id = '', profile = ''], line) => ({ id, profile, source: 'contract.md', line }))
const pinned = ['AT-104', 'AT-331']
const outcome = (title: string, status = 'passed') => ({ file: 'a.test.ts', title, status })
const good = [outcome('AT-104: refuses'), outcome('AT-331: replays', 'skipped')]

test.each([
  ['AT-104: refuses', true],
  ['a desk > CP-A1.2/CP-L3: audits', true],
  ['AT-104.', true],
  ['AT-1045: is another', false],
  ['AT-104a: is another', false],
  ['CP-A1.23 is another', false],
  ['CP-A1x2 is another', false],
  ['AT-331: is of GOP', false],
  ['has no id', false],
  // Not by their text: a title with an id in it would be a claim.
])('the suite selects by id and profile (case %#)', (title, isSelected) => {
  expect(new RegExp(cspTitles(index)).test(title)).toBe(isSelected)
})

describe('a run of the suite', () => {
  test('is good when every pinned id of CSP passed and nothing of GOP ran', () => {
    const tests = [...good, outcome('has no id', 'skipped')]
    expect(judgeSuite({ index, tests, pinned })).toEqual({ csp: 1, gop: 0, problems: [] })
  })

  test.each([
    ['nothing ran', [], ['NO_TESTS the report is empty', 'PIN_NOT_PROVEN AT-104']],
    [
      'a test failed',
      [outcome('AT-104: refuses', 'failed')],
      ['ID_NOT_PASSED AT-104 failed in a.test.ts: AT-104: refuses', 'PIN_NOT_PROVEN AT-104'],
    ],
    [
      'a test of GOP ran',
      [...good, outcome('AT-331: replays')],
      ['GOP_RAN a.test.ts: AT-331: replays'],
    ],
    [
      'a test of CSP is one of GOP too',
      [...good, outcome('AT-104, AT-331: both')],
      ['GOP_RAN a.test.ts: AT-104, AT-331: both'],
    ],
  ])('fails when %s', (_, tests, problems) => {
    expect(judgeSuite({ index, tests, pinned }).problems).toEqual(problems)
  })
})
