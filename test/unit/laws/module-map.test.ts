import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'

const ROOT = join(import.meta.dirname, '../../..')
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8')
const rows = [
  ...read('docs/reference/module-map.md').matchAll(/^\| `([\w/.]+)` \| (.+) \|$/gm),
].map(([, theirs = '', ours = '']) => ({
  theirs,
  ours: ours === '-' ? [] : ours.split(', ').map((target) => target.replaceAll('`', '')),
}))
const { workspaces } = JSON.parse(read('package.json')) as { workspaces: string[] }

/** How many modules the contract names. */
const namedByContract = 34

/** The modules of the profile GOP that nothing of ours stands for. */
const notBuilt = [
  'commander/analytics/slippage_calibration.py',
  'python/analytics/pnl_attribution.py',
  'python/governor/replay_gatekeeper.py',
  'python/optimizer/closed_loop.py',
  'python/reviewer/daily_ops_review.py',
  'python/reviewer/incident_review.py',
  'python/tools/f1_certify.py',
  'soldier/core/analytics/slippage_calibration.rs',
  'soldier/core/sim/exchange.rs',
]

describe('AT-905: the layout of the repository', () => {
  test('has one row for every module that the contract names', () => {
    expect(rows).toHaveLength(namedByContract)
    expect(new Set(rows.map(({ theirs }) => theirs)).size).toBe(namedByContract)
  })

  test('has a file in a member of the workspace for every module of CSP', () => {
    const missing = rows.flatMap(({ ours }) => ours).filter((target) => !isMember(target))
    expect(missing).toEqual([])
    const dashes = rows.filter(({ ours }) => ours.length === 0).map(({ theirs }) => theirs)
    expect(dashes.toSorted()).toEqual(notBuilt)
  })
})

function isMember(target: string): boolean {
  const workspace = workspaces.find((each) => target.startsWith(`${each}/`))
  if (workspace === undefined) return false
  const file = statSync(join(ROOT, target), { throwIfNoEntry: false })
  const own = statSync(join(ROOT, workspace, 'package.json'), { throwIfNoEntry: false })
  return file?.isFile() === true && own?.isFile() === true
}
