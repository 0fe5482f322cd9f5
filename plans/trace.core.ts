/** One demand of the specifications; `profile` says which build has to meet it. */
export interface AcceptanceItem {
  readonly id: string
  readonly profile: string
  readonly source: string
  readonly line: number
  readonly about?: string
}

/** One test as the runner reported it; `title` holds the names of its enclosing blocks too. */
export interface TestOutcome {
  readonly file: string
  readonly title: string
  readonly status: string
}

/**
 * Why a trace fails, in the order it is reported.
 * NO_TESTS: the report holds no test at all.
 * ID_UNKNOWN: a title names an id that the index does not have.
 * ID_NOT_PASSED: a test that names an id failed, was skipped or never ran.
 * PIN_UNKNOWN, PIN_REPEATED: the list of pinned ids is itself wrong.
 * PIN_REMOVED: an id that was pinned earlier is not pinned any more.
 * PIN_NOT_PROVEN: a pinned id has no passing test.
 */
export type TraceFault =
  | 'NO_TESTS'
  | 'ID_UNKNOWN'
  | 'ID_NOT_PASSED'
  | 'PIN_UNKNOWN'
  | 'PIN_REPEATED'
  | 'PIN_REMOVED'
  | 'PIN_NOT_PROVEN'

export interface TraceProblem {
  readonly fault: TraceFault
  readonly detail: string
}

export interface TracedItem extends AcceptanceItem {
  /** Proven: at least one test names the id, and every test that names it passed. */
  readonly status: 'proven' | 'broken' | 'untested'
  readonly tests: readonly TestOutcome[]
}

export interface Trace {
  readonly total: number
  readonly proven: number
  /** Proven ids that are not pinned yet, in the order of the index. */
  readonly unpinned: readonly string[]
  readonly items: readonly TracedItem[]
  readonly problems: readonly TraceProblem[]
}

export interface TraceInput {
  readonly index: readonly AcceptanceItem[]
  readonly tests: readonly TestOutcome[]
  /** Ids that must have a passing test, because earlier work had one. */
  readonly pinned: readonly string[]
  /** Every id that any earlier version of the list pinned. */
  readonly pinnedBefore: readonly string[]
}

const ID_SHAPE = /(?<![\w-])(?:AT-\d|(?:BYP|CP|ST|TPP|RM)-)[\w.-]*\w/g

/** Ids named anywhere in a test's title, once each, in order. */
export function idsIn(title: string): string[] {
  return [...new Set(title.match(ID_SHAPE) ?? [])]
}

/** Joins the demands with the tests that name them. */
export function trace({ index, tests, pinned, pinnedBefore }: TraceInput): Trace {
  const byId = new Map<string, TestOutcome[]>()
  for (const test of tests) {
    for (const id of idsIn(test.title)) byId.set(id, [...(byId.get(id) ?? []), test])
  }
  const items = index.map((item) => tracedItem(item, byId.get(item.id) ?? []))
  const known = new Set(index.map(({ id }) => id))
  const proven = new Set(items.filter(({ status }) => status === 'proven').map(({ id }) => id))
  return {
    total: index.length,
    proven: proven.size,
    unpinned: [...proven].filter((id) => !pinned.includes(id)),
    items,
    problems: [
      ...(tests.length === 0
        ? [{ fault: 'NO_TESTS' as const, detail: 'the report is empty' }]
        : []),
      ...titleProblems(byId, known),
      ...pinProblems({ pinned, pinnedBefore, known, proven }),
    ],
  }
}

function tracedItem(item: AcceptanceItem, tests: readonly TestOutcome[]): TracedItem {
  const passed = tests.every(({ status }) => status === 'passed')
  const status = tests.length === 0 ? 'untested' : passed ? 'proven' : 'broken'
  return { ...item, status, tests }
}

function titleProblems(
  byId: ReadonlyMap<string, readonly TestOutcome[]>,
  known: ReadonlySet<string>,
): TraceProblem[] {
  return [...byId].flatMap(([id, tests]): TraceProblem[] => {
    const [first] = tests
    if (!known.has(id)) return [{ fault: 'ID_UNKNOWN', detail: `${id} in ${first?.file}` }]
    return tests
      .filter(({ status }) => status !== 'passed')
      .map(({ file, title, status }) => ({
        fault: 'ID_NOT_PASSED',
        detail: `${id} ${status} in ${file}: ${title}`,
      }))
  })
}

interface Pins {
  readonly pinned: readonly string[]
  readonly pinnedBefore: readonly string[]
  readonly known: ReadonlySet<string>
  readonly proven: ReadonlySet<string>
}

function pinProblems({ pinned, pinnedBefore, known, proven }: Pins): TraceProblem[] {
  const problem = (fault: TraceFault) => (detail: string) => ({ fault, detail })
  const removed = [...new Set(pinnedBefore)].filter((id) => !pinned.includes(id))
  return [
    ...pinned.filter((id) => !known.has(id)).map(problem('PIN_UNKNOWN')),
    ...pinned.filter((id, at) => pinned.indexOf(id) !== at).map(problem('PIN_REPEATED')),
    ...removed.map(problem('PIN_REMOVED')),
    ...pinned.filter((id) => known.has(id) && !proven.has(id)).map(problem('PIN_NOT_PROVEN')),
  ]
}
