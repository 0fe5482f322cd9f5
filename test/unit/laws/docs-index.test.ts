import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { listFiles } from '../../support/source-files.ts'

const ROOT = join(import.meta.dirname, '../../..')
const DOCS = join(ROOT, 'docs')

test('every page for operators, integrators and contributors is in the index by reader', () => {
  const index = readFileSync(join(DOCS, 'README.md'), 'utf8')
  const pages = listFiles(DOCS).filter(
    (file) => file.endsWith('.md') && file !== 'README.md' && !file.startsWith('decisions/D-'),
  )
  expect(pages.length).toBeGreaterThan(0)
  expect(pages.filter((page) => !index.includes(`](${page})`))).toEqual([])
})

test('every invariant has a number of its own and names tests that exist', () => {
  const page = readFileSync(join(ROOT, 'ARCHITECTURE.md'), 'utf8')
  const rows = [...page.matchAll(/^\| (INV-\d{3}) \| .+ \| (.+) \|$/gm)]
  const ids = rows.map(([, id = '']) => id)
  expect(ids.length).toBeGreaterThan(0)
  expect(ids).toEqual([...new Set(ids)].sort())
  const tests = rows.flatMap(([, , proof = '']) => proof.split(', '))
  expect(tests.filter((path) => !existsSync(join(ROOT, path.replaceAll('`', ''))))).toEqual([])
})
