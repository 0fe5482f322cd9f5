import { join } from 'node:path'
import { expect, test } from 'vitest'
import { checkOneDoor } from './rules/one-door.ts'
import { placesOf, plantedIn, readPlanted } from './rules/planted.ts'
import { describeViolations, readRepository } from './rules/repository.ts'

const repository = readRepository(join(import.meta.dirname, '../../..'))

test('only the gateway reaches a venue client, and only venues reach the network', () => {
  const { examined, violations } = checkOneDoor(repository)
  expect(examined).toBeGreaterThan(0)
  expect(describeViolations(violations)).toEqual([])
})

test('reports every planted way around the gateway and nothing else', () => {
  const planted = readPlanted('one-door')
  expect(placesOf(checkOneDoor(planted).violations)).toEqual(plantedIn(planted))
})
