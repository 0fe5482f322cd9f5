import { describe, expect, test } from 'vitest'
import {
  type NetworkJitterState,
  networkJitterAtStart,
  stepNetworkJitter,
} from '@bulkhead/trading-plane/engine/monitors/network-jitter/core.ts'
import { expectBlocked, expectOpen, MonitorBench, defaults } from './monitor-bench.ts'

const limits = defaults.networkJitter

const bunker = ['REDUCEONLY_BUNKER_MODE_ACTIVE']

/** A desk with the exit of two minutes, past its start. */
function settled(): MonitorBench {
  const bench = new MonitorBench({ networkJitter: defaults.networkJitter })
  bench.becomeActive()
  bench.during(120_100)
  expectOpen(bench)
  return bench
}

const lag = (bench: MonitorBench, ms: number) => {
  // Market data stays young enough for the desk itself: only the lag is beyond its threshold.
  bench.tickMs += ms
  bench.hear()
  bench.readAccount()
  bench.calm()
  bench.readSafety()
  bench.give({ kind: 'tick' })
}

const call = (bench: MonitorBench, durationMs: number, isTimeout = false) =>
  void bench.give({ kind: 'call-ended', durationMs, isTimeout })

describe('the lag of market data', () => {
  test('AT-267: beyond its threshold blocks opening and nothing else', () => {
    const bench = settled()
    lag(bench, 2_001)
    expectBlocked(bench, 'ReduceOnly', bunker)
    const fine = settled()
    lag(fine, 2_000)
    expectOpen(fine)
  })

  test('AT-209: is bunker mode, which alone makes the desk ReduceOnly', () => {
    const bench = settled()
    lag(bench, 2_001)
    expect(bench.engine.view(bench.at()).networkJitter).toMatchObject({
      isActive: true,
      eventLagMs: 2_001,
    })
    expectBlocked(bench, 'ReduceOnly', bunker)
  })

  test('AT-115: ends bunker mode exactly 120 seconds after everything is below again', () => {
    const bench = settled()
    lag(bench, 2_001)
    bench.during(100)
    const calmTickMs = bench.tickMs
    bench.during(119_900)
    expectBlocked(bench, 'ReduceOnly', bunker)
    bench.during(100)
    expect(bench.tickMs - calmTickMs).toBe(120_000)
    expectOpen(bench)
  })

  test('AT-268: keeps the desk ReduceOnly all through the wait, and lets it go after it', () => {
    const bench = settled()
    lag(bench, 2_500)
    bench.during(100)
    for (let second = 0; second < 119; second += 1) {
      bench.during(1_000)
      expect(bench.mode()).toMatchObject({ mode: 'ReduceOnly', reasons: bunker })
    }
    bench.during(1_000)
    expectOpen(bench)
  })

  test('AT-298: begins the wait anew with every breach in between', () => {
    const bench = settled()
    lag(bench, 2_001)
    bench.during(119_000)
    lag(bench, 2_001)
    bench.during(100)
    bench.during(119_900)
    expectBlocked(bench, 'ReduceOnly', bunker)
    bench.during(100)
    expectOpen(bench)
  })

  test('AT-205: of which nothing is known yet is bunker mode', () => {
    const bench = new MonitorBench()
    bench.readInstruments()
    call(bench, 5)
    bench.give({ kind: 'tick' })
    expect(bench.engine.view(bench.at()).networkJitter).toMatchObject({
      isActive: true,
      callP95Ms: 5,
      eventLagMs: null,
    })
    expect(bench.mode().reasons).toContain(bunker[0])
    expect(bench.mode().mode).toBe('ReduceOnly')
  })
})

describe('the time that the venue takes to answer', () => {
  /** Against the calls of half a minute that were quick, the slowest twentieth is slow at once. */
  const slow = (bench: MonitorBench) => () => {
    for (let each = 0; each < 20; each += 1) call(bench, 751)
  }

  test('AT-345: beyond 750 ms is bunker mode at the third evaluation in a row', () => {
    const bench = settled()
    bench.during(1_000, slow(bench))
    expectOpen(bench)
    bench.during(1_000)
    expectOpen(bench)
    bench.during(1_000)
    expectBlocked(bench, 'ReduceOnly', bunker)
  })

  test('counts from the start again after one good evaluation', () => {
    const verdicts = [900, 900, 5, 900, 900, 900].map(
      ((state: NetworkJitterState) => (durationMs: number, second: number) => {
        const tickMs = second * 1_000
        const calls = [{ tickMs, durationMs, isTimeout: false }]
        state = stepNetworkJitter({ ...state, calls }, 1, tickMs, limits)
        return state.isActive
      })({ ...networkJitterAtStart, isActive: false }),
    )
    expect(verdicts).toEqual([false, false, false, false, false, true])
  })

  test('of which nothing was heard for 30 seconds is bunker mode', () => {
    const bench = settled()
    bench.calm = () => {
      bench.depth({ bids: [[2_999.5, 1e6]], asks: [[3_000.5, 1e6]] }, 'XRP-PERPETUAL')
      bench.ticker()
      bench.volatility(60)
      bench.health()
    }
    bench.during(29_900)
    expectOpen(bench)
    bench.during(100)
    expectBlocked(bench, 'ReduceOnly', bunker)
  })
})

describe('requests that get no answer', () => {
  const answered = (bench: MonitorBench, of: number, unanswered: number) => {
    for (let each = 0; each < of; each += 1) call(bench, 5, each < unanswered)
    bench.pass(100)
  }

  test('are bunker mode beyond two percent of a minute', () => {
    const fine = settled()
    answered(fine, 1_000, 10)
    expectOpen(fine)
    const bench = settled()
    answered(bench, 1_000, 60)
    expectBlocked(bench, 'ReduceOnly', bunker)
  })
})
