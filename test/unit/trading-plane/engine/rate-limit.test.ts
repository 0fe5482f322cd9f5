import { describe, expect, test } from 'vitest'
import { active, type EngineBench, only, openOrder } from './harness.ts'
import { closing, expectDenied, expectSent, figuresOf } from './gates/gate-bench.ts'

const read = (bench: EngineBench, isOk: boolean, afterMs = 0) => {
  bench.pass(afterMs)
  bench.sampleClock()
  bench.give({ kind: 'rate-limit-read', isOk })
  return bench.mode()
}

describe('readings of what the account may send', () => {
  test('AT-106: the third failure within the window degrades the desk and opens nothing', () => {
    const bench = active()
    expect(read(bench, false).mode).toBe('Active')
    expect(read(bench, false, 100_000).mode).toBe('Active')
    expectSent(bench.propose())
    const third = read(bench, false, 100_000)
    expect(third).toMatchObject({
      mode: 'ReduceOnly',
      riskState: 'Degraded',
      reasons: ['REDUCEONLY_RISKSTATE_DEGRADED'],
    })
    expectDenied(bench.propose(), 'TradingModeForbidsOpen')
    expectSent(bench.propose(closing))
  })

  test('AT-133: three failures that are not within one window degrade nothing', () => {
    const bench = active()
    for (const afterMs of [0, 200_000, 200_000]) {
      expect(read(bench, false, afterMs)).toMatchObject({ mode: 'Active', riskState: 'Healthy' })
    }
    expectSent(bench.propose())
  })

  test('that succeed are no failures', () => {
    const bench = active()
    for (let n = 0; n < 5; n += 1) expect(read(bench, true, 1_000).mode).toBe('Active')
  })
})

describe('a brownout', () => {
  test('AT-919: denies opening as RateLimitBrownout while it lasts, and not what closes', () => {
    const bench = active()
    const untilTickMs = bench.tickMs + 499.5
    bench.give({ kind: 'rate-limit-pressure', untilTickMs })
    const denied = bench.propose()
    expectDenied(denied, 'RateLimitBrownout')
    expect(figuresOf(denied)).toMatchObject({ pressed_ms: '500' })
    expectSent(bench.propose(closing))
    bench.pass(499)
    expectDenied(bench.propose(), 'RateLimitBrownout')
    bench.pass(1)
    expectSent(bench.propose())
  })

  test('tells an order that opens from one that closes, and both from an emergency', () => {
    const bench = active()
    const opening = only(bench.propose(), 'submit').order.label
    const hedge = only(bench.propose(closing), 'submit').order.label
    expect(bench.engine.requestClass(opening)).toBe('OPEN')
    expect(bench.engine.requestClass(hedge)).toBe('HEDGE')
    expect(bench.engine.requestClass('s4:unknown')).toBe('OPEN')
  })
})

describe('a session that the venue ends for too many requests', () => {
  test('AT-240: is Kill and Degraded at once, and opens only after a whole reconciliation', () => {
    const bench = active()
    const label = bench.rest()
    for (let n = 0; n < 3; n += 1) bench.give({ kind: 'too-many-requests' })
    expect(bench.mode()).toMatchObject({
      mode: 'Kill',
      riskState: 'Degraded',
      reasons: ['KILL_RATE_LIMIT_SESSION_TERMINATION'],
    })
    expectDenied(bench.propose(), 'TradePermissionRisk')
    bench.give({ kind: 'venue-lost', detail: 'too many requests' })
    bench.pass(1_000)
    expect(bench.mode().mode).toBe('Kill')
    bench.give({ kind: 'venue-ready', cancelOnDisconnect: 'armed' })
    expect(bench.mode().mode).toBe('Kill')
    const asked = only(bench.pass(100), 'reconcile')
    expect(asked.targets).toEqual([{ label, currency: 'BTC' }])
    bench.give({ kind: 'reconcile-failed', detail: 'no answer' })
    expectDenied(bench.propose(), 'TradePermissionRisk')
    only(bench.pass(1_000), 'reconcile')
    bench.reconcile({ byLabel: new Map([[label, [{ ...openOrder(label), state: 'cancelled' }]]]) })
    expect(bench.mode()).toMatchObject({ mode: 'Active', riskState: 'Healthy' })
    // The permission holds what was critical for its window.
    bench.pass(60_000)
    bench.sampleClock()
    bench.pass(100)
    expectSent(bench.propose())
  })
})
