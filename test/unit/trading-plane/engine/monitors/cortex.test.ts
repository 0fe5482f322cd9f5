import { describe, expect, test } from 'vitest'
import { depthUsd, spreadBps } from '@bulkhead/trading-plane/engine/monitors/cortex/core.ts'
import { closing } from '../gates/gate-bench.ts'
import { ofKind, reference } from '../harness.ts'
import { expectBlocked, expectOpen, type MonitorBench, monitored } from './monitor-bench.ts'

const forced = ['REDUCEONLY_CORTEX_FORCE_REDUCE_ONLY']
const killed = ['KILL_CORTEX_FORCE_KILL']
const reduceOnly = (cooldownS: number) => ({ kind: 'ForceReduceOnly', cooldownS })

/** Volatility that stands for `ms` and then is another. */
const jump = (from: number, to: number, ms: number): MonitorBench => {
  const bench = monitored()
  bench.during(60_100, () => bench.volatility(from))
  bench.market = () => bench.volatility(to)
  return bench.during(ms)
}

describe('the spread of the reference market', () => {
  test('AT-284: beyond 25 bps forces ReduceOnly with the cooldown of spread and depth', () => {
    const bench = monitored()
    expectOpen(bench.during(100, () => bench.spread(25)))
    bench.during(100, () => bench.spread(26))
    expect(bench.override()).toEqual(reduceOnly(120))
    expectBlocked(bench, 'ReduceOnly', forced)
  })

  test('AT-285: of 75 bps for the whole kill window kills', () => {
    const bench = monitored()
    bench.during(10_000, () => bench.spread(75))
    expect(bench.override()).toEqual(reduceOnly(120))
    bench.during(100)
    expect(bench.override()).toEqual({ kind: 'ForceKill' })
    expectBlocked(bench, 'Kill', killed)
    const short = monitored()
    short.during(60_000, () => short.spread(74.9))
    expect(short.mode().mode).toBe('ReduceOnly')
  })

  test('AT-289: kills when it has lasted ten seconds, not nine, and not with a break', () => {
    const bench = monitored()
    bench.during(100, () => bench.spread(80))
    bench.during(9_000)
    expect(bench.mode().mode).toBe('ReduceOnly')
    bench.during(1_000)
    expect(bench.mode()).toMatchObject({ mode: 'Kill', reasons: killed })
    const broken = monitored()
    broken.during(9_900, () => broken.spread(80))
    broken.during(100, () => broken.spread(1))
    broken.during(9_900, () => broken.spread(80))
    expect(broken.mode().mode).toBe('ReduceOnly')
  })

  test('AT-293: blocks opening for its 120 seconds, and closing never', () => {
    const bench = monitored()
    bench.during(100, () => bench.spread(26))
    const trippedTickMs = bench.tickMs
    bench.market = () => bench.spread(1)
    for (const atMs of [1_000, 60_000, 119_900]) {
      bench.during(trippedTickMs + atMs - bench.tickMs)
      expectBlocked(bench, 'ReduceOnly', forced)
    }
    bench.during(trippedTickMs + 120_000 - bench.tickMs)
    expectOpen(bench)
  })
})

describe('the depth of the reference market', () => {
  test('AT-286: below 300,000 USD forces ReduceOnly', () => {
    const bench = monitored()
    expectOpen(bench.during(100, () => bench.depthUsd(300_000)))
    bench.during(100, () => bench.depthUsd(299_999))
    expect(bench.override()).toEqual(reduceOnly(120))
    expectBlocked(bench, 'ReduceOnly', forced)
  })

  test('AT-288: of 100,000 USD for the whole kill window kills', () => {
    const bench = monitored()
    bench.during(10_000, () => bench.depthUsd(100_000))
    expect(bench.mode().mode).toBe('ReduceOnly')
    bench.during(100)
    expect(bench.override()).toEqual({ kind: 'ForceKill' })
    const more = monitored()
    more.during(60_000, () => more.depthUsd(100_001))
    expect(more.override()).toEqual(reduceOnly(120))
  })

  test('AT-420: is the thinner side of five levels, each at its own price', () => {
    const level = (price: number, usd: number) => [price, usd / price] as const
    const bids = [100, 99, 98, 97, 96].map((price) => level(price, 64_000))
    const asks = [101, 102, 103, 104, 105].map((price) => level(price, 56_000))
    const beyond = level(1, 1e9)
    const depth = depthUsd('linear_future', [...bids, beyond], [...asks, beyond])
    expect(depth).toBeCloseTo(280_000, 6)
    expect(depthUsd('linear_future', asks, bids)).toBeCloseTo(280_000, 6)
    const usd = (levels: typeof bids) =>
      levels.map(([price, coins]) => [price, price * coins] as const)
    expect(depthUsd('perpetual', usd(bids), usd(asks))).toBeCloseTo(280_000, 6)
  })

  test('is not known when a level is no number', () => {
    expect(depthUsd('perpetual', [[1, Number.NaN]], [[2, 1]])).toBeNull()
    expect(depthUsd('linear_future', [[1e308, 1e308]], [[1e308, 1e308]])).toBeNull()
  })
})

describe('a jump of volatility', () => {
  test('AT-231: of a tenth within a minute flips the mode within one turn', () => {
    const bench = monitored()
    bench.during(1_000, () => bench.volatility(60))
    expectOpen(bench)
    bench.during(100, () => bench.volatility(66))
    expectBlocked(bench, 'ReduceOnly', forced)
  })

  test('AT-290: carries its own cooldown; a smaller one does nothing', () => {
    const bench = jump(50, 55, 100)
    expect(bench.override()).toEqual(reduceOnly(300))
    expectOpen(jump(50, 54.99, 100))
    expectOpen(jump(55, 30, 100))
  })

  test('AT-291: counts within 60 seconds and not over more', () => {
    const over = (ms: number) => {
      const bench = monitored()
      bench.during(65_000, () => bench.volatility(0.5))
      const lastTickMs = bench.tickMs
      bench.during(ms - 100, () => bench.volatility(0.52))
      bench.during(100, () => bench.volatility(0.55))
      expect(bench.tickMs - lastTickMs).toBe(ms)
      return bench
    }
    expectOpen(over(61_000))
    expectBlocked(over(59_000), 'ReduceOnly', forced)
  })

  test('AT-292: blocks opening for its 300 seconds, and closing never', () => {
    const bench = monitored()
    bench.during(100, () => bench.volatility(60))
    bench.during(100, () => bench.volatility(66))
    // The jump stays within the window for a minute; the cooldown begins with its last sight.
    const trippedTickMs = bench.tickMs
    bench.during(299_900)
    expectBlocked(bench, 'ReduceOnly', forced)
    bench.during(60_200)
    expect(bench.tickMs - trippedTickMs).toBeGreaterThan(300_000)
    expectOpen(bench)
  })
})

describe('the cortex as a whole', () => {
  test('AT-045: kills one turn after the window, for a wide and for an empty market', () => {
    for (const market of ['spread', 'depth'] as const) {
      const bench = monitored()
      const collapse = () => (market === 'spread' ? bench.spread(400) : bench.depthUsd(0))
      bench.during(100, collapse)
      bench.during(9_900)
      expect(bench.mode().mode).toBe('ReduceOnly')
      bench.during(100)
      expect(bench.override()).toEqual({ kind: 'ForceKill' })
      expect(bench.mode()).toMatchObject({ mode: 'Kill', reasons: killed })
    }
  })

  test('AT-418: kills although the exchange health monitor only wants ReduceOnly', () => {
    const bench = monitored()
    const silent = bench.tickMs
    bench.health = () => undefined
    bench.during(190_000, () => bench.spread(80))
    expect(bench.tickMs - silent).toBeGreaterThan(180_000)
    expect(bench.engine.view(bench.at()).overrideProducers.map(({ producer }) => producer)).toEqual(
      ['exchange_health', `cortex:${reference.name}`],
    )
    expect(bench.override()).toEqual({ kind: 'ForceKill' })
    expect(bench.mode().mode).toBe('Kill')
  })

  test('cancels what could open and keeps what closes', () => {
    const bench = monitored()
    const opening = bench.rest({}, 'opening')
    bench.rest(closing, 'closing')
    const before = bench.effects.length
    bench.during(1_500, () => bench.spread(26))
    const cancels = ofKind(bench.effects.slice(before), 'cancel')
    expect(new Set(cancels.map(({ cancel }) => cancel.label))).toEqual(new Set([opening]))
  })

  test.each<[string, (bench: MonitorBench) => void]>([
    ['a gap in the book', (bench) => bench.give({ kind: 'book-gap', instrument: reference.name })],
    ['an empty side', (bench) => bench.depth({ bids: [], asks: [[1, 1]] }, reference.name)],
    [
      'a crossed book',
      (bench) => bench.depth({ bids: [[2, 1e6]], asks: [[1, 1e6]] }, reference.name),
    ],
    ['a price that is no number', (bench) => bench.spread(Number.NaN)],
  ])('takes no new risk on %s, and never kills at once', (_what, market) => {
    const bench = monitored()
    bench.during(100, () => market(bench))
    expect(bench.mode().mode).toBe('ReduceOnly')
    expect(bench.mode().reasons).toContain(forced[0])
  })

  test('forces ReduceOnly while no volatility is told, and only so long', () => {
    const bench = monitored()
    bench.volatility = () => undefined
    bench.during(5_000)
    expectOpen(bench)
    bench.during(100)
    expect(bench.override()).toEqual(reduceOnly(0))
    expectBlocked(bench, 'ReduceOnly', forced)
    bench.during(60_000)
    expect(bench.mode().mode).toBe('ReduceOnly')
    bench.volatility = (value) =>
      void bench.give({
        kind: 'volatility',
        reading: { index: 'btc_usd', value, heardTickMs: bench.tickMs },
      })
    expectOpen(bench.during(100))
  })

  test.each([0, -1, Number.NaN, Number.POSITIVE_INFINITY])(
    'does not believe a volatility of %s',
    (value) => {
      const bench = monitored()
      bench.volatility(value)
      expectOpen(bench.during(100))
      expect(bench.engine.view(bench.at()).counters['volatility_unreadable']).toBe(1)
    },
  )

  test('knows no spread without two sides that make sense', () => {
    expect(spreadBps(100, 101)).toBeCloseTo(99.5, 1)
    for (const [bid, ask] of [
      [null, 1],
      [1, null],
      [0, 1],
      [2, 1],
      [Number.NaN, 1],
    ] as const) {
      expect(spreadBps(bid, ask)).toBeNull()
    }
  })
})
