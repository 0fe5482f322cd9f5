import { describe, expect, test } from 'vitest'
import { ofKind } from '../harness.ts'
import { expectBlocked, expectOpen, MonitorBench, monitored } from './monitor-bench.ts'

const forced = ['REDUCEONLY_CORTEX_FORCE_REDUCE_ONLY']
const maintenance = ['REDUCEONLY_RISKSTATE_MAINTENANCE']
const minuteMs = 60_000

/** The venue announces a window that starts so many minutes from now and lasts an hour. */
function announced(minutes: number): MonitorBench {
  const bench = monitored()
  const startMs = bench.at().nowMs + minutes * minuteMs
  const window = { startMs, endMs: startMs + 60 * minuteMs }
  const calm = bench.health.bind(bench)
  bench.health = () => calm({ maintenance: [window] })
  bench.pass(1)
  return bench
}

/** The venue stops answering now. */
function unreachable(): MonitorBench {
  const bench = monitored()
  bench.health = () => void bench.give({ kind: 'exchange-health-failed' })
  return bench
}

describe('maintenance of the exchange', () => {
  test('AT-232: in half an hour blocks opening and lets closing leave', () => {
    const bench = announced(30)
    expect(bench.mode().riskState).toBe('Maintenance')
    expectBlocked(bench, 'ReduceOnly', maintenance)
  })

  test('counts from an hour before until it is over', () => {
    const bench = announced(61)
    expectOpen(bench)
    bench.pass(minuteMs - 2)
    expectOpen(bench)
    bench.pass(1)
    expectBlocked(bench, 'ReduceOnly', maintenance)
    bench.pass(119 * minuteMs)
    bench.readInstruments()
    expectBlocked(bench, 'ReduceOnly', maintenance)
    bench.pass(minuteMs)
    expectOpen(bench)
  })

  test('is now while the venue says that it is locked', () => {
    const bench = monitored()
    const calm = bench.health.bind(bench)
    bench.health = () => calm({ isLocked: true })
    bench.pass(100)
    expectBlocked(bench, 'ReduceOnly', maintenance)
    bench.health = calm
    bench.pass(100)
    expectOpen(bench)
  })
})

describe('an exchange that does not tell of itself', () => {
  test('AT-204: for three minutes opens nothing', () => {
    const bench = unreachable()
    bench.pass(181_000)
    expect(bench.override()).toEqual({ kind: 'ForceReduceOnly', cooldownS: 0 })
    expectBlocked(bench, 'ReduceOnly', forced)
  })

  test('AT-299: is trusted for less than 180 seconds, and again with its next answer', () => {
    const bench = unreachable()
    bench.pass(179_999)
    expectOpen(bench)
    bench.pass(1)
    expectBlocked(bench, 'ReduceOnly', forced)
    bench.health = () => {
      const health = { isLocked: false, maintenance: [] }
      bench.give({ kind: 'exchange-health', askedTickMs: bench.tickMs, health })
    }
    bench.pass(100)
    expectOpen(bench)
  })

  test('is asked every minute, one question at a time, and after a second when that failed', () => {
    const bench = monitored()
    bench.health = () => undefined
    const asked = () => ofKind(bench.effects, 'read-exchange-health').length
    const before = asked()
    bench.during(59_000)
    expect(asked()).toBe(before)
    bench.during(10_000)
    expect(asked()).toBe(before + 1)
    bench.give({ kind: 'exchange-health-failed' })
    bench.during(900)
    expect(asked()).toBe(before + 1)
    bench.during(200)
    expect(asked()).toBe(before + 2)
    expect(bench.engine.view(bench.at()).counters['exchange_health_read_errors_total']).toBe(1)
  })

  test('is unknown before its first answer', () => {
    const bench = new MonitorBench()
    bench.health = () => undefined
    bench.becomeActive()
    expectBlocked(bench, 'ReduceOnly', forced)
  })
})
