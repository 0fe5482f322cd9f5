import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

const ROOT = join(import.meta.dirname, '../../..')
const page = readFileSync(join(ROOT, 'docs/reference/module-map.md'), 'utf8')
const rows = [...page.matchAll(/^\| `([\w/]+\.(?:rs|py))` \| (.+) \|$/gm)].map(
  ([, theirs = '', ours = '']) => ({ theirs, ours: ours.replaceAll('`', '') }),
)
/** Modules of the contract that nothing of ours stands for; only ever fewer. */
const notBuiltMax = 15

test('every module that the contract names has one row, and its target exists', () => {
  expect(rows.length).toBeGreaterThanOrEqual(30)
  expect(new Set(rows.map(({ theirs }) => theirs)).size).toBe(rows.length)
  const targets = rows.map(({ ours }) => ours).filter((ours) => ours !== '-')
  expect(targets.filter((target) => !existsSync(join(ROOT, target)))).toEqual([])
  expect(rows.length - targets.length).toBeLessThanOrEqual(notBuiltMax)
})
