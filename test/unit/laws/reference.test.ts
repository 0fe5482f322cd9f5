import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { reasonLists, renderReasons } from '../../../plans/reference.ts'

const ROOT = join(import.meta.dirname, '../../..')
const REASONS = join(ROOT, 'shared/contracts/reasons')

test('the page of reason codes is what the lists generate', () => {
  const page = readFileSync(join(ROOT, 'docs/reference/reasons.md'), 'utf8')
  expect(page, 'run `npm run reference`').toBe(renderReasons())
})

test('every list of codes in the contracts is on the page', () => {
  const lists = readdirSync(REASONS).flatMap((file) => {
    const text = readFileSync(join(REASONS, file), 'utf8')
    return [...text.matchAll(/^export const (\w+) = \[$[^\]]*\] as const/gm)].map(
      ([, name]) => name,
    )
  })
  const shown = new Set(reasonLists.map(({ name }) => name))
  expect(lists.length).toBeGreaterThan(0)
  expect(lists.filter((name) => name && !shown.has(name))).toEqual([])
})

test.each(reasonLists)('$name holds each code once and explains all of them or none', (list) => {
  expect(new Set(list.codes).size).toBe(list.codes.length)
  expect(list.codes.length).toBeGreaterThan(0)
  const unexplained = list.words ? list.codes.filter((code) => !list.words?.[code]) : []
  expect(unexplained).toEqual([])
})
