import { type AcceptanceItem, idsIn, type TestOutcome, trace } from './trace.core.ts'

export type SuiteRun = {
  readonly index: readonly AcceptanceItem[]
  readonly tests: readonly TestOutcome[]
  /** Ids that must have a passing test; those of GOP are not asked for here. */
  readonly pinned: readonly string[]
}

export type SuiteVerdict = {
  /** Tests that ran and name an id of the profile. */
  readonly csp: number
  readonly gop: number
  /** Why the run fails; none when it is good. */
  readonly problems: readonly string[]
}

/** A pattern for the titles of tests that name an acceptance id of CSP. */
export function cspTitles(index: readonly AcceptanceItem[]): string {
  const ids = index.filter(({ profile }) => profile === 'CSP').map(({ id }) => id)
  const alternatives = ids.map((id) => id.replaceAll('.', String.raw`\.`)).join('|')
  return String.raw`(?<![\w-])(?:${alternatives})(?![.-]*\w)`
}

/**
 * Judges a run of the acceptance tests in a CSP_ONLY build (contract 0.Z.7.3): every test that ran
 * passed, every pinned id of CSP is among them, and none of them names an id of GOP. What the
 * selection left out counts as not there.
 */
export function judgeSuite({ index, tests, pinned }: SuiteRun): SuiteVerdict {
  const profiles = new Map(index.map(({ id, profile }) => [id, profile]))
  const ran = tests.filter(({ status }) => status !== 'skipped')
  const naming = (profile: string) =>
    ran.filter(({ title }) => idsIn(title).some((id) => profiles.get(id) === profile))
  const gop = naming('GOP')
  const { problems } = trace({
    index,
    tests: ran,
    pinned: pinned.filter((id) => profiles.get(id) !== 'GOP'),
    pinnedBefore: [],
  })
  return {
    csp: naming('CSP').length,
    gop: gop.length,
    problems: [
      ...gop.map(({ file, title }) => `GOP_RAN ${file}: ${title}`),
      ...problems.map(({ fault, detail }) => `${fault} ${detail}`),
    ],
  }
}
