import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative, resolve } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { idsIn, trace, type TestOutcome } from '../../../plans/trace.core.ts'

const ROOT = resolve(import.meta.dirname, '../../..')

const index = ['AT-104', 'AT-935a', 'RM-health-command', 'CP-A1.2'].map((id, at) => ({
  id,
  profile: 'CSP',
  source: 'contract.md',
  line: at + 1,
}))

const passed = (title: string): TestOutcome => ({ file: 'a.test.ts', title, status: 'passed' })
const withStatus = (status: string, title: string): TestOutcome => ({ ...passed(title), status })

const problemsOf = (
  tests: readonly TestOutcome[],
  pins: { pinned?: string[]; pinnedBefore?: string[] } = {},
): string[] =>
  trace({ index, tests, pinned: [], pinnedBefore: [], ...pins }).problems.map(
    ({ fault, detail }) => `${fault} ${detail}`,
  )

test.each([
  ['AT-104: refuses stale books', ['AT-104']],
  ['ladder > AT-935a, AT-935b: persists first', ['AT-935a', 'AT-935b']],
  ['CP-A1.2/CP-L3: audits', ['CP-A1.2', 'CP-L3']],
  ['RM-test_gate_ordering_constraints: order', ['RM-test_gate_ordering_constraints']],
  ['ST-OD-KS_2 and TPP-INJECT-PARTIAL-FILL.', ['ST-OD-KS_2', 'TPP-INJECT-PARTIAL-FILL']],
  ['AT-104 twice: AT-104', ['AT-104']],
  ['BOAT-104 and AT-ONCE and L1', []],
])('finds every id named in a title, case %#', (title, ids) => {
  expect(idsIn(title)).toEqual(ids)
})

test('an id is proven when every test that names it passed', () => {
  const result = trace({
    index,
    tests: [passed('AT-104: a'), passed('AT-104: b'), passed('plain')],
    pinned: ['AT-104'],
    pinnedBefore: ['AT-104'],
  })
  expect(result).toMatchObject({ total: 4, proven: 1, unpinned: [], problems: [] })
  expect(result.items.map(({ status }) => status)).toEqual([
    'proven',
    'untested',
    'untested',
    'untested',
  ])
})

test('a proven id that is not pinned yet is named, in the order of the index', () => {
  const tests = [passed('CP-A1.2: x'), passed('AT-935a: y')]
  expect(trace({ index, tests, pinned: [], pinnedBefore: [] }).unpinned).toEqual([
    'AT-935a',
    'CP-A1.2',
  ])
})

describe('fails', () => {
  test('on a report without tests', () => {
    expect(problemsOf([])).toEqual(['NO_TESTS the report is empty'])
  })

  test('on an id that no specification has', () => {
    expect(problemsOf([passed('AT-9999: x')])).toEqual(['ID_UNKNOWN AT-9999 in a.test.ts'])
  })

  test.each(['failed', 'skipped', 'pending', 'todo'])('on a %s test that names an id', (status) => {
    const tests = [passed('AT-104: a'), withStatus(status, 'AT-104: b')]
    expect(problemsOf(tests)).toEqual([`ID_NOT_PASSED AT-104 ${status} in a.test.ts: AT-104: b`])
    const { items, proven } = trace({ index, tests, pinned: [], pinnedBefore: [] })
    expect([items[0]?.status, proven]).toEqual(['broken', 0])
  })

  test('on a pinned id without a passing test', () => {
    const pins = { pinned: ['AT-104', 'CP-A1.2'] }
    expect(problemsOf([passed('AT-104: a')], pins)).toEqual(['PIN_NOT_PROVEN CP-A1.2'])
  })

  test('on a pin that is unknown, repeated or taken away', () => {
    const pins = { pinned: ['AT-104', 'AT-104', 'AT-1'], pinnedBefore: ['AT-935a', 'AT-935a'] }
    expect(problemsOf([passed('AT-104: a')], pins)).toEqual([
      'PIN_UNKNOWN AT-1',
      'PIN_REPEATED AT-104',
      'PIN_REMOVED AT-935a',
    ])
  })
})

describe('the command', () => {
  let folder: string

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'bulkhead-trace-'))
    writeFileSync(join(folder, 'index.json'), JSON.stringify(index))
    writeFileSync(join(folder, 'pins.json'), '["AT-104"]')
  })

  afterEach(() => rmSync(folder, { recursive: true }))

  const path = (name: string): string => relative(ROOT, join(folder, name))
  const read = (name: string): unknown => JSON.parse(readFileSync(join(folder, name), 'utf8'))

  const run = (report: unknown, ...flags: string[]) => {
    writeFileSync(join(folder, 'report.json'), JSON.stringify(report))
    const files = ['report', 'index', 'pins', 'out'].flatMap((name) => [
      `--${name}`,
      path(`${name}.json`),
    ])
    return spawnSync(process.execPath, ['plans/trace.ts', ...files, ...flags], {
      cwd: ROOT,
      encoding: 'utf8',
    })
  }

  const report = (status: string) => ({
    testResults: [
      {
        name: join(ROOT, 'test/unit/a.test.ts'),
        assertionResults: [
          { fullName: 'AT-104: a', status: 'passed' },
          { fullName: 'AT-935a: b', status },
        ],
      },
    ],
  })

  test('writes the join, pins what is newly proven and ends with the count', () => {
    const { status, stdout } = run(report('passed'), '--pin')
    expect([status, stdout.trimEnd().split('\n').at(-1)]).toEqual([0, '2 of 4 proven'])
    expect(read('pins.json')).toEqual(['AT-104', 'AT-935a'])
    expect(read('out.json')).toMatchObject({
      total: 4,
      proven: 2,
      items: [
        { id: 'AT-104', tests: [{ file: 'test/unit/a.test.ts', title: 'AT-104: a' }] },
        {},
        {},
        {},
      ],
    })
  })

  test('exits 1 on a problem and pins nothing', () => {
    const { status, stderr } = run(report('skipped'), '--pin')
    expect([status, stderr]).toEqual([
      1,
      'trace: ID_NOT_PASSED AT-935a skipped in test/unit/a.test.ts: AT-935a: b\n',
    ])
    expect(read('pins.json')).toEqual(['AT-104'])
  })

  test('a file that is no test report is an error, not an empty one', () => {
    expect(run({ numTotalTests: 3 }).status).toBe(1)
  })

  test('a missing report exits 2 and says what writes it', () => {
    const outcome = spawnSync(process.execPath, ['plans/trace.ts', '--report', path('none.json')], {
      cwd: ROOT,
      encoding: 'utf8',
    })
    expect([outcome.status, outcome.stderr]).toEqual([2, expect.stringContaining('npm test')])
  })
})
