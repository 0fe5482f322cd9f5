import { join } from 'node:path'
import { expect, test } from 'vitest'
import { checkOneDoor } from './rules/one-door.ts'
import { placesOf, plantedIn, readPlanted } from './rules/planted.ts'
import { describeViolations, readRepository } from './rules/repository.ts'

const repository = readRepository(join(import.meta.dirname, '../../..'))

const hasModuleIn = (folder: string): boolean =>
  [...repository.modules.keys()].some((path) => path.startsWith(folder))

test('RM-test_dispatch_chokepoint_no_direct_exchange_client_usage: only the gateway holds a client', () => {
  const { examined, violations } = checkOneDoor(repository)
  expect(examined).toBeGreaterThan(0)
  expect(['trading-plane/venues/', 'trading-plane/gateway/'].filter(hasModuleIn)).toHaveLength(2)
  expect(describeViolations(violations)).toEqual([])
})

test('RM-test_dispatch_visibility_is_restricted: only the executor may hold the gateway', () => {
  const { violations } = checkOneDoor(repository)
  expect(hasModuleIn('trading-plane/gateway/')).toBe(true)
  const rules = ['GATEWAY_OUTSIDE_EXECUTOR', 'TYPE_FORGED']
  expect(describeViolations(violations.filter(({ rule }) => rules.includes(rule)))).toEqual([])
})

test('reports every planted way around the gateway and nothing else', () => {
  const planted = readPlanted('one-door')
  expect(placesOf(checkOneDoor(planted).violations)).toEqual(plantedIn(planted))
})
