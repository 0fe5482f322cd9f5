import { randomUUID } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { worstMarginUse } from '@bulkhead/trading-plane/engine/gates/margin-headroom.ts'
import { calmAccount, type EngineBench, intent, ofKind, only } from '../harness.ts'
import { closing, deskWith, expectDenied, expectSent } from './gate-bench.ts'

/** A desk whose account uses this much of its margin. */
function using(maintenanceMargin: number, equity = 100_000): EngineBench {
  const bench = deskWith()
  bench.account = [calmAccount, { ...calmAccount, currency: 'ETH', maintenanceMargin, equity }]
  bench.readAccount()
  return bench
}

describe('the use of margin', () => {
  test('AT-227: of 72k by 100k opens nothing', () => {
    expectDenied(using(72_000).propose(), 'MarginHeadroomRejectOpens')
    expectSent(using(69_999).propose())
  })

  test('AT-912: between both bounds has its own code', () => {
    for (const margin of [70_000, 84_999]) {
      const bench = using(margin)
      expect(bench.mode()).toMatchObject({ mode: 'Active', reasons: [] })
      expectDenied(bench.propose(), 'MarginHeadroomRejectOpens')
    }
  })

  test('AT-206: between both bounds lets close and cancel pass', () => {
    const bench = deskWith()
    const place = intent({ limit_price: '58000' })
    bench.rest(place)
    bench.readAccount([{ ...calmAccount, maintenanceMargin: 7, equity: 10 }])
    expect(bench.mode().mode).toBe('Active')
    expectDenied(bench.propose(), 'MarginHeadroomRejectOpens')
    expectSent(bench.propose(closing))
    const ids = { intent_id: randomUUID(), strategy_id: 'quoter' }
    const cancel = { type: 'cancel' as const, ...ids, target_intent_id: place.intent_id }
    only(bench.give({ kind: 'intent', intent: cancel }), 'cancel')
  })

  test('AT-228: of 90k by 100k is ReduceOnly', () => {
    expect(using(90_000).mode()).toMatchObject({
      mode: 'ReduceOnly',
      reasons: ['REDUCEONLY_MARGIN_MM_UTIL_HIGH'],
    })
    expect(using(84_999).mode().mode).toBe('Active')
  })

  test('AT-207: between the second and the third bound blocks opening only', () => {
    for (const margin of [85_000, 94_999]) {
      const bench = using(margin)
      expect(bench.mode().mode).toBe('ReduceOnly')
      expectDenied(bench.propose(), 'MarginHeadroomRejectOpens')
      expectSent(bench.propose(closing))
    }
  })

  test('of 95 percent kills', () => {
    expect(using(95_000).mode()).toMatchObject({
      mode: 'Kill',
      reasons: ['KILL_MARGIN_MM_UTIL_CRITICAL'],
    })
  })

  test('is that of the worst currency, and without equity without bound', () => {
    const own = (maintenanceMargin: number, equity: number) => {
      return { ...calmAccount, maintenanceMargin, equity }
    }
    expect(worstMarginUse([own(1, 10), own(3, 10), own(2, 10)])).toBe(0.3)
    expect(worstMarginUse([own(0, 0)])).toBe(0)
    expect(worstMarginUse([own(1, 0)])).toBeGreaterThan(1e6)
    expect(worstMarginUse([own(1, -5)])).toBeGreaterThan(1e6)
    expect(worstMarginUse([])).toBeNull()
  })

  test('that is not known or old opens nothing', () => {
    const bench = deskWith()
    bench.tickMs += 30_000
    bench.hear()
    bench.give({ kind: 'feed-alive' })
    bench.readSafety()
    expectSent(bench.propose())
    bench.tickMs += 1
    expect(bench.mode().reasons).toEqual(['REDUCEONLY_INPUT_MISSING_OR_STALE'])
    expectDenied(bench.propose(), 'TradingModeForbidsOpen')
    bench.readAccount()
    expectSent(bench.propose())
    bench.readAccount([])
    expectDenied(bench.propose(), 'TradingModeForbidsOpen')
  })

  test('is asked for every five seconds, and a second after a failure', () => {
    const bench = deskWith()
    bench.readAccount()
    const asked = (ms: number) => {
      bench.tickMs += ms
      return ofKind(bench.give({ kind: 'tick' }), 'read-account').length
    }
    expect([asked(4_999), asked(1), asked(60_000)]).toEqual([0, 1, 0])
    bench.give({ kind: 'account-failed' })
    expect([asked(999), asked(1)]).toEqual([0, 1])
  })
})
