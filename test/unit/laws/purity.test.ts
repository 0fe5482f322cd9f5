import { join } from 'node:path'
import { expect, test } from 'vitest'
import { placesOf, plantedIn, readPlanted } from './rules/planted.ts'
import { checkPurity, isPureFile } from './rules/purity.ts'
import { describeViolations, readRepository } from './rules/repository.ts'

const repository = readRepository(join(import.meta.dirname, '../../..'))

test('cores have no clock, chance, input, output, packages, async code or state', () => {
  const { examined, violations } = checkPurity(repository)
  expect(examined).toBeGreaterThan(0)
  expect(describeViolations(violations)).toEqual([])
})

test('reports every planted impurity and nothing else', () => {
  const planted = readPlanted('purity')
  expect(placesOf(checkPurity(planted).violations)).toEqual(plantedIn(planted))
})

test.each([
  ['safety-plane/sever/core.ts', true],
  ['safety-plane/sever/ladder.core.ts', true],
  ['control-plane/commands/checks.ts', true],
  ['trading-plane/engine/quantize.ts', true],
  ['shared/kernel/result.ts', true],
  ['plans/trace.core.ts', true],
  ['safety-plane/sever/score.ts', false],
  ['safety-plane/sever/loop.ts', false],
  ['shared/runtime/config.ts', false],
  ['test/unit/sever/core.ts', false],
])('%s counts as a core: %s', (path, expected) => {
  expect(isPureFile(path)).toBe(expected)
})
