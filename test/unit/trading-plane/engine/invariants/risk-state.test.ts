import { describe, expect, test } from 'vitest'
import { type EngineBench, intent, ofKind, only, perpetual } from '../harness.ts'
import { closing, deskWith, expectDenied, expectSent } from '../gates/gate-bench.ts'

/** Ways to be Degraded and nothing worse, and whether a gate before the mode names it first. */
const ways: readonly (readonly [string, (bench: EngineBench) => void])[] = [
  ['contracts and amount that do not match', (bench) => void bench.propose({ contracts: 1 })],
  [
    'a kill path that is not ready',
    (bench) => {
      bench.readSafety({ isSafetyReady: false })
      bench.give({ kind: 'tick' })
    },
  ],
  ['instruments that are too old', (bench) => void bench.pass(gatesTtlMs + 1)],
]
const gatesTtlMs = 3_600_000

/** A desk that holds something to close, with a resting order on each side of its business. */
function holding(): EngineBench {
  const bench = deskWith()
  const position = { instrument: perpetual.name, size: 500, averagePrice: 1, markPrice: 1 }
  bench.give({ kind: 'positions', positions: [position] })
  return bench
}

describe('a desk that is not Healthy', () => {
  test.each(ways)(
    'RM-test_riskstate_not_healthy_blocks_open: opens nothing with %s',
    (_way, degrade) => {
      const bench = holding()
      expectSent(bench.propose())
      degrade(bench)
      expect(bench.mode()).toMatchObject({ riskState: 'Degraded', mode: 'ReduceOnly' })
      const wish = intent()
      const effects = bench.give({ kind: 'intent', intent: wish })
      expect(ofKind(effects, 'submit')).toEqual([])
      expect(only(effects, 'decision').decision).toMatchObject({ verdict: 'denied' })
    },
  )

  test('RM-test_riskstate_not_healthy_blocks_open: and Degraded alone is the cause', () => {
    const bench = holding()
    bench.readSafety({ isSafetyReady: false })
    bench.give({ kind: 'tick' })
    expectDenied(bench.propose(), 'TradingModeForbidsOpen')
    bench.readSafety({ isSafetyReady: true })
    bench.give({ kind: 'tick' })
    expect(bench.mode()).toMatchObject({ riskState: 'Healthy', mode: 'Active' })
    expectSent(bench.propose())
  })

  test('AT-229: rejects what opens, lets what closes and cancels pass, and adds no exposure', () => {
    const bench = holding()
    const resting = intent({ limit_price: '58000' })
    bench.rest(resting)
    bench.readSafety({ isSafetyReady: false })
    const cancels = ofKind(bench.give({ kind: 'tick' }), 'cancel')
    expect(cancels).toHaveLength(1)
    expect(bench.mode().riskState).toBe('Degraded')
    expectDenied(bench.propose(), 'TradingModeForbidsOpen')
    const close = bench.propose({ ...closing, amount: '500' })
    expectSent(close)
    expect(only(close, 'submit').order.reduceOnly).toBe(true)
    const waiting = deskWith()
    const { label } = only(waiting.propose(), 'submit').order
    waiting.dispatch(label)
    waiting.readSafety({ isSafetyReady: false })
    expect(waiting.engine.judgeDispatch(label, waiting.at())).toBe('TradingModeForbidsOpen')
  })

  test('AT-201: what cannot be classified is an OPEN, and the gates of an OPEN hold it back', () => {
    const { reduce_only: _missing, ...bare } = intent({ side: 'sell', limit_price: '61000' })
    const unclear = [
      { ...bare, action: 'Rebalance' },
      { ...bare, reduce_only: undefined },
      { ...bare, reduce_only: null },
      { ...bare, reduce_only: 'true' },
      { ...bare, reduce_only: 1 },
    ]
    for (const wish of unclear) {
      const shut = holding()
      shut.readSafety({ isSafetyReady: false })
      const effects = shut.give({ kind: 'intent', intent: wish as never })
      expectDenied(effects, 'TradingModeForbidsOpen')
      expect(only(effects, 'decision').decision.intent_class).toBe('OPEN')
    }
  })
})
