import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { listFiles } from '../../support/source-files.ts'

const ROOT = join(import.meta.dirname, '../../..')
const FOLDER = join(ROOT, 'docs/decisions')
const LINES_MAX = 40

const read = (name: string): string => readFileSync(join(FOLDER, name), 'utf8')
const pages = readdirSync(FOLDER).filter((name) => /^D-\d\d-[a-z0-9-]+\.md$/.test(name))
const numberOf = (page: string): number => Number(page.slice(2, 4))

test('every decision has a number that no other has, and one page', () => {
  expect(pages.length).toBeGreaterThanOrEqual(31)
  expect(new Set(pages.map(numberOf)).size).toBe(pages.length)
  expect(readdirSync(FOLDER).filter((name) => !pages.includes(name))).toEqual(['README.md'])
})

test('the index lists every page in order, under the title that the page has', () => {
  const rows = [...read('README.md').matchAll(/^\| \[(D-\d\d)\]\((.+?)\) \| (.+) \|$/gm)]
  const listed = rows.map(([, id, page, title]) => `${page}: # ${id}: ${title}`)
  expect(listed).toEqual(pages.map((page) => `${page}: ${read(page).split('\n', 1)[0]}`))
})

test.each(pages)('%s gives context, decision and consequence on one page', (page) => {
  const text = read(page)
  const headings = [...text.matchAll(/^## (.+)$/gm)].map(([, heading]) => heading)
  expect(headings).toEqual(['Context', 'Decision', 'Consequence'])
  expect(text).toMatch(/^Status: (?:accepted|superseded by D-\d\d)$/m)
  expect(text.split('\n').length).toBeLessThanOrEqual(LINES_MAX)
})

test('every decision that code, tests or documents cite exists', () => {
  const known = new Set(pages.map((page) => page.slice(0, 4)))
  const texts = listFiles(ROOT).filter((file) => /\.(ts|mjs|md|sh|conf)$/.test(file))
  const unknown = texts.flatMap((file) =>
    [...readFileSync(join(ROOT, file), 'utf8').matchAll(/(?<![\w-])D-\d\d(?![\w-])/g)]
      .filter(([id]) => !known.has(id))
      .map(([id]) => `${id} in ${file}`),
  )
  expect(texts.length).toBeGreaterThan(0)
  expect(unknown).toEqual([])
})
