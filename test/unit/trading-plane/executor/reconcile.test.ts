import { expect, test } from 'vitest'
import { active, ofKind, openOrder, perpetual, trade } from '../engine/harness.ts'
import { eventually } from '../../../support/eventually.ts'
import { answered, loopAround } from './loop-bench.ts'

test('AT-306: a reconciliation reads the trades of 300 s and takes what is new', async () => {
  const bench = active()
  const label = bench.rest()
  bench.give({ kind: 'trades', trades: [trade(label, 30, 'known')] })
  const startedMs = bench.at().nowMs
  const asked: number[] = []
  const order = { ...openOrder(label, 100), state: 'filled' as const }
  const reads = {
    tradesSince: (sinceMs: number) => {
      asked.push(sinceMs)
      return answered([trade(label, 30, 'known'), trade(label, 70, 'missed')])
    },
    openOrders: () => answered([]),
    ordersByLabel: () => answered([order]),
    positions: () =>
      answered([{ instrument: perpetual.name, size: 100, averagePrice: 1, markPrice: 1 }]),
  }
  const loop = loopAround(bench, reads, startedMs)
  loop.handle({ kind: 'book-gap', instrument: 'OTHER' })
  bench.tickMs += 1_000
  loop.handle({ kind: 'tick' })
  await eventually('the reconciliation', () => bench.stateOf(label) === undefined)
  expect(asked).toEqual([startedMs - 300_000])
  const position = bench.engine.view(bench.at()).positions
  expect(position.map(({ size }) => size)).toEqual([100])
  const filled = ofKind(bench.effects, 'record').flatMap(({ record }) =>
    record.type === 'trade' ? [record.trade_id] : [],
  )
  expect(filled).toEqual(['known', 'missed'])
})
