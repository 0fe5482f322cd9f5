import { join } from 'node:path'
import { expect, test } from 'vitest'
import { checkCqrs } from './rules/cqrs.ts'
import { placesOf, plantedIn, readPlanted } from './rules/planted.ts'
import { describeViolations, readRepository } from './rules/repository.ts'

const repository = readRepository(join(import.meta.dirname, '../../..'))

test('ST-09: no handler of the control plane both commands and answers queries', () => {
  const { examined, violations } = checkCqrs(repository)
  expect(examined).toBeGreaterThan(1)
  expect(describeViolations(violations)).toEqual([])
})

test('reports every planted mixture of commands and queries and nothing else', () => {
  const planted = readPlanted('cqrs')
  expect(placesOf(checkCqrs(planted).violations)).toEqual(plantedIn(planted))
})
