import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { listFiles } from '../../support/source-files.ts'

const DOCS = join(import.meta.dirname, '../../../docs')

test('every page for operators, integrators and contributors is in the index by reader', () => {
  const index = readFileSync(join(DOCS, 'README.md'), 'utf8')
  const pages = listFiles(DOCS).filter(
    (file) => file.endsWith('.md') && file !== 'README.md' && !file.startsWith('decisions/D-'),
  )
  expect(pages.length).toBeGreaterThan(0)
  expect(pages.filter((page) => !index.includes(`](${page})`))).toEqual([])
})
