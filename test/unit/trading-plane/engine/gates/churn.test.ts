import { describe, expect, test } from 'vitest'
import type { PlaceIntent } from '@bulkhead/shared/contracts/intents.ts'
import { type EngineBench, ofKind, only, perpetual, trade, venueOrder } from '../harness.ts'
import { closing, deskWith, expectDenied, expectSent, figuresOf } from './gate-bench.ts'

const wayOut: Partial<PlaceIntent> = {
  ...closing,
  amount: '10',
  limit_price: '50000',
  time_in_force: 'immediate_or_cancel',
}

/** One flatten of a strategy: a close without a book that the venue fills at once. */
function flatten(bench: EngineBench, strategy_id = 'quoter'): void {
  const position = { instrument: perpetual.name, size: 10, averagePrice: 1, markPrice: 1 }
  bench.give({ kind: 'positions', positions: [position] })
  bench.depth({ bids: [], asks: [] })
  bench.propose({ ...wayOut, strategy_id })
  const before = bench.effects.length
  bench.book()
  const { order } = only(bench.effects.slice(before), 'submit')
  bench.dispatch(order.label)
  const { label, side } = order
  const filled = venueOrder({ label, side, amount: 10, filledAmount: 10, state: 'filled' })
  const outcome = {
    kind: 'accepted',
    order: { ...filled, venueOrderId: label },
    trades: [{ ...trade(label, 10, label), venueOrderId: label, side }],
  } as const
  bench.give({ kind: 'place-reply', label, outcome })
  bench.give({ kind: 'positions', positions: [{ ...position, size: 0 }] })
  bench.pass(1_100)
}

describe('the churn breaker', () => {
  test('AT-221: after three flattens within five minutes refuses the next for fifteen minutes, with its log', () => {
    const bench = deskWith()
    for (const _ of [1, 2]) flatten(bench)
    expectSent(bench.propose())
    flatten(bench)
    const effects = bench.propose()
    expectDenied(effects, 'ChurnBreakerActive')
    expect(only(effects, 'log').message).toBe('ChurnBreakerTrip')
    expect(figuresOf(effects)).toMatchObject({
      gate: 'ChurnBreaker',
      flattens: '3',
      blacklisted_s: '899',
    })
    bench.pass(200)
    expect(figuresOf(bench.propose())).toMatchObject({ blacklisted_s: '899' })
    expectSent(bench.propose(closing))
    bench.pass(898_000)
    bench.readInstruments()
    expectDenied(bench.propose(), 'ChurnBreakerActive')
    bench.pass(1_500)
    expectSent(bench.propose())
  })

  test('counts within five minutes, for one strategy', () => {
    const bench = deskWith()
    for (const _ of [1, 2]) flatten(bench)
    bench.pass(300_000)
    flatten(bench)
    expectSent(bench.propose())
    flatten(bench, 'other')
    expectSent(bench.propose())
    expectSent(bench.propose({ strategy_id: 'other' }))
    for (const _ of [1, 2]) flatten(bench, 'other')
    expectDenied(bench.propose({ strategy_id: 'other' }), 'ChurnBreakerActive')
    expectSent(bench.propose())
    expect(ofKind(bench.effects, 'read-ticker').length).toBeLessThanOrEqual(6)
  })
})
