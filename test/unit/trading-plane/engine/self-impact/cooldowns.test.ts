import { randomUUID } from 'node:crypto'
import { expect, test } from 'vitest'
import { type EngineBench, trade } from '../harness.ts'
import { deskWith, expectDenied, expectSent, figuresOf } from '../gates/gate-bench.ts'

const roomy = { orderNotionalUsdMax: 1e9, positionNotionalUsdMax: 1e9 }
const desk = () => deskWith({ globalExposure: { deltaUsdMax: 1e12 } }, roomy)

/** We bought for 6,000 USD, and nobody else traded. */
function trip(bench: EngineBench): void {
  const label = bench.rest({ amount: '6000', strategy_id: 'maker' })
  const fill = { ...trade(label, 6_000, randomUUID()), venueMs: bench.at().nowMs }
  bench.give({ kind: 'trades', trades: [fill] })
  bench.hearTrades(6_000)
}

const expectCooling = (bench: EngineBench, strategy_id: string) =>
  expectDenied(bench.propose({ strategy_id }), 'FeedbackLoopGuardActive')

test('a cooldown tells what is left of it in whole seconds, rounded up', () => {
  const bench = desk()
  trip(bench)
  expectCooling(bench, 'one')
  const left = () => figuresOf(bench.propose({ strategy_id: 'one' }))['cooldown_s']
  bench.pass(900)
  expect(left()).toBe('300')
  bench.pass(298_600)
  bench.readInstruments()
  expect(left()).toBe('1')
})

test('public trades are known to the last millisecond of their age', () => {
  const bench = desk()
  bench.hearTrades = () => undefined
  bench.pass(5_000)
  expectSent(bench.propose())
  bench.pass(1)
  expectDenied(bench.propose(), 'OpenPermissionLatched')
})

test('of a thousand cooldowns the one that began longest ago is forgotten first', () => {
  const bench = desk()
  trip(bench)
  for (let n = 0; n < 1_000; n += 1) expectCooling(bench, `s${n}`)
  bench.pass(11_000)
  expectCooling(bench, 's0')
  bench.pass(290_000)
  bench.readInstruments()
  trip(bench)
  expectCooling(bench, 's0')
  expectCooling(bench, 's1000')
  bench.pass(11_000)
  expectCooling(bench, 's0')
  expectCooling(bench, 's1000')
})

test('of a thousand and one cooldowns only the first is forgotten', () => {
  const bench = desk()
  trip(bench)
  for (let n = 0; n <= 1_000; n += 1) expectCooling(bench, `s${n}`)
  bench.pass(11_000)
  expectSent(bench.propose({ strategy_id: 's0' }))
  expectCooling(bench, 's1')
})
