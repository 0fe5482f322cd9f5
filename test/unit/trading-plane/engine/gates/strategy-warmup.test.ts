import { expect, test } from 'vitest'
import { type EngineBench, intent } from '../harness.ts'
import { deskWith, expectDenied, expectSent } from './gate-bench.ts'

const here = (bench: EngineBench, strategyIds: readonly string[], warming: readonly string[]) =>
  bench.give({ kind: 'strategies-here', strategyIds, warming })

test('nobody opens while a strategy of the desk warms up, and everybody may close', () => {
  const bench = deskWith()
  here(bench, ['quoter', 'learner'], ['learner'])
  expectDenied(bench.propose(), 'StrategiesNotWarmedUp')
  const { counters } = bench.engine.view(bench.at())
  expect(counters['strategies_warming']).toBe(1)
  const closing = intent({ reduce_only: true, side: 'sell', limit_price: '61000' })
  expectSent(bench.give({ kind: 'intent', intent: closing }))
  here(bench, ['quoter', 'learner'], [])
  expectSent(bench.propose())
})

test('a strategy that left holds nobody up, and one that comes cold holds up again', () => {
  const bench = deskWith()
  here(bench, ['learner'], ['learner'])
  bench.give({ kind: 'strategies-gone', strategyIds: ['learner'] })
  expectSent(bench.propose())
  here(bench, ['learner'], ['learner'])
  expectDenied(bench.propose(), 'StrategiesNotWarmedUp')
})
