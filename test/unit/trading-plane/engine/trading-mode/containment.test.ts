import { randomUUID } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { closing, expectDenied, expectSent } from '../gates/gate-bench.ts'
import { denialOf, intent, ofKind, only, perpetual, venueOrder } from '../harness.ts'
import { MonitorBench, monitored } from '../monitors/monitor-bench.ts'

const position = { instrument: perpetual.name, size: 500, averagePrice: 60_000, markPrice: 60_000 }

/** A desk that holds something, with an order that could open and one that closes. */
function exposed() {
  const bench = monitored()
  bench.give({ kind: 'positions', positions: [position] })
  const opening = intent()
  const close = intent({ ...closing, amount: '100' })
  return { bench, opening, close, labels: [bench.rest(opening, 'o1'), bench.rest(close, 'c1')] }
}

const cancelOf = (targetIntentId: string) => ({
  type: 'cancel' as const,
  intent_id: randomUUID(),
  strategy_id: 'quoter',
  target_intent_id: targetIntentId,
})
const forbidden = 'RiskIncreasingCancelReplaceForbidden'

/** Cancelling what closes is refused, cancelling what opens is not, and opening is blocked. */
function expectNoRiskByCancel(desk: ReturnType<typeof exposed>): void {
  const { bench, close, opening } = desk
  const refused = bench.give({ kind: 'intent', intent: cancelOf(close.intent_id) })
  expect(denialOf(refused)).toBe(forbidden)
  expect(ofKind(refused, 'cancel')).toEqual([])
  bench.tickMs += 1_000
  bench.hear()
  const passed = bench.give({ kind: 'intent', intent: cancelOf(opening.intent_id) })
  expect(denialOf(passed)).toBeUndefined()
  expect(ofKind(bench.propose(), 'submit')).toEqual([])
}

describe('an order that closes', () => {
  test('AT-401: is not cancelled in bunker mode', () => {
    const desk = exposed()
    const { bench } = desk
    bench.during(200, () => bench.give({ kind: 'call-ended', durationMs: 1, isTimeout: true }))
    expect(bench.mode()).toMatchObject({
      mode: 'ReduceOnly',
      reasons: ['REDUCEONLY_BUNKER_MODE_ACTIVE'],
    })
    expectNoRiskByCancel(desk)
  })

  test('AT-119: is not cancelled while a gap in a book is not reconciled', () => {
    const desk = exposed()
    const { bench } = desk
    bench.give({ kind: 'book-gap', instrument: 'SOME-OTHER' })
    bench.give({ kind: 'tick' })
    expect(bench.engine.view(bench.at()).openPermissionReasons).toEqual([
      'WS_BOOK_GAP_RECONCILE_REQUIRED',
    ])
    expect(bench.mode().reasons).toEqual([
      'REDUCEONLY_OPEN_PERMISSION_LATCHED',
      'REDUCEONLY_RISKSTATE_DEGRADED',
    ])
    expectNoRiskByCancel(desk)
  })

  test('AT-402: is not cancelled after a restart, and may be when that is reconciled', () => {
    const bench = new MonitorBench()
    bench.readInstruments()
    bench.give({ kind: 'venue-ready', cancelOnDisconnect: 'armed' })
    bench.sampleClock()
    bench.book()
    bench.during(300)
    const close = intent({ ...closing, amount: '100' })
    const label = bench.rest(close, 'c1')
    expect(bench.engine.view(bench.at()).openPermissionReasons).toEqual([
      'RESTART_RECONCILE_REQUIRED',
    ])
    const refused = bench.give({ kind: 'intent', intent: cancelOf(close.intent_id) })
    expect(denialOf(refused)).toBe(forbidden)
    expect(ofKind(refused, 'cancel')).toEqual([])
    const order = venueOrder({ label, venueOrderId: 'c1', side: 'sell', reduceOnly: true })
    bench.reconcile({ openOrders: [order], byLabel: new Map([[label, [order]]]) })
    bench.during(100)
    expect(bench.mode()).toMatchObject({ mode: 'Active', reasons: [] })
    only(bench.give({ kind: 'intent', intent: cancelOf(close.intent_id) }), 'cancel')
  })
})

describe('a desk that holds something', () => {
  const troubles: [string, string, (bench: MonitorBench) => void][] = [
    ['ReduceOnly', 'a full disk by one source', (bench) => bench.disk(0.95, 0.5)],
    ['ReduceOnly', 'a latch', (bench) => bench.give({ kind: 'book-gap', instrument: 'OTHER' })],
    ['ReduceOnly', 'maintenance', (bench) => bench.health({ isLocked: true })],
    ['ReduceOnly', 'a wide market', (bench) => bench.spread(30)],
    ['Kill', 'a full disk', (bench) => bench.disk(0.95)],
    [
      'Kill',
      'a hard stop',
      (bench) => bench.readSafety({ killSwitch: { mode: 'HARD_STOP', generation: 2 } }),
    ],
    [
      'Kill',
      'critical margin',
      (bench) => {
        bench.readAccount([
          { currency: 'BTC', equity: 1, maintenanceMargin: 0.99, initialMargin: 0 },
        ])
      },
    ],
  ]

  test.each(troubles)('AT-1049: may always close: %s by %s', (mode, _why, trouble) => {
    const bench = monitored()
    bench.give({ kind: 'positions', positions: [position] })
    trouble(bench)
    bench.give({ kind: 'tick' })
    expect(bench.mode().mode).toBe(mode)
    const { order } = only(bench.propose(closing), 'submit')
    bench.dispatch(order.label)
    expect(bench.engine.judgeDispatch(order.label, bench.at())).toBeNull()
    expect(ofKind(bench.propose(), 'submit')).toEqual([])
  })

  test('AT-1055: is not judged by the manner in which an order would be executed', () => {
    const resting = { time_in_force: 'good_til_cancelled' } as const
    const sniper = { time_in_force: 'immediate_or_cancel', fair_price: '62000' } as const
    for (const style of [resting, sniper]) {
      const bench = monitored()
      const before = bench.mode()
      expect(before).toMatchObject({ mode: 'Active', reasons: [] })
      expectSent(bench.propose({ ...style, limit_price: '61000' }))
      expect(bench.mode()).toEqual(before)
    }
    const stopped = monitored()
    stopped.during(100, () => stopped.spread(30))
    expectDenied(stopped.propose({ ...sniper, limit_price: '61000' }), 'TradingModeForbidsOpen')
  })
})
