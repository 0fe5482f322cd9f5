import { expect, test } from 'vitest'
import { metadataAgeMs } from '@bulkhead/trading-plane/engine/gates/instrument-metadata.ts'
import { createEngineState } from '@bulkhead/trading-plane/engine/state.ts'
import { engineConfig, perpetual } from '../harness.ts'
import { closing, deskWith, expectDenied, expectSent } from './gate-bench.ts'

test('orders that open and orders that close have a rate each', () => {
  const bench = deskWith({}, { intentsPerSecondMax: 2 })
  bench.pass(1_000)
  for (const wish of [{}, closing]) {
    for (const _ of [1, 2]) expectSent(bench.propose({ ...wish, amount: '10' }))
    expectDenied(bench.propose({ ...wish, amount: '10' }), 'IntentRateAboveLimit')
  }
  bench.pass(1_000)
  expectSent(bench.propose(closing))
})

test('metadata that the venue never told is as old as can be', () => {
  const state = createEngineState(engineConfig)
  const at = { nowMs: 0, tickMs: 0, serverMs: null }
  expect(metadataAgeMs(state, perpetual.name, at)).toBe(Number.POSITIVE_INFINITY)
})
