import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { LENGTH_EXCEPTIONS, LENGTH_EXCEPTIONS_MAX } from './rules/length-exceptions.ts'
import { placesOf, plantedIn, readPlanted } from './rules/planted.ts'
import { describeViolations, readRepository } from './rules/repository.ts'
import { checkShape, lineCount } from './rules/shape.ts'

const repository = readRepository(join(import.meta.dirname, '../../..'))

test('modules resolve, form no circle, export by name, stay short and check their runtime', () => {
  const { examined, violations } = checkShape(repository)
  expect(examined).toBeGreaterThan(0)
  expect(describeViolations(violations)).toEqual([])
})

test('reports every planted fault of shape and nothing else', () => {
  const planted = readPlanted('shape')
  expect(placesOf(checkShape(planted).violations)).toEqual(plantedIn(planted))
})

describe('the list of long files only shrinks', () => {
  test('it holds no more than its ceiling', () => {
    expect(LENGTH_EXCEPTIONS.length).toBeLessThanOrEqual(LENGTH_EXCEPTIONS_MAX)
  })

  test('every entry names a file that still needs it and says why', () => {
    const stale = LENGTH_EXCEPTIONS.filter(({ file, linesMax, reason }) => {
      const module = repository.modules.get(file)
      return !module || lineCount(module) !== linesMax || reason.length < 20
    })
    expect(stale).toEqual([])
  })
})
