import { describe, expect, test } from 'vitest'
import type { TickerReading } from '@bulkhead/trading-plane/market-data/messages.ts'
import { expectBlocked, expectOpen, type MonitorBench, monitored } from './monitor-bench.ts'

const forced = ['REDUCEONLY_CORTEX_FORCE_REDUCE_ONLY']
const basisCooldown = { kind: 'ForceReduceOnly', cooldownS: 300 }

/** A mark that stands so many basis points above its index. */
const apart = (bps: number) => ({ indexPrice: 3_000 * (1 - bps / 10_000) })
/** A ticker that is heard of at every turn. */
const tells = (bench: MonitorBench, prices: Partial<TickerReading>) => () => bench.ticker(prices)

describe('mark, index and market of the reference', () => {
  test('AT-951: 50 bps apart for five seconds force ReduceOnly with the basis cooldown', () => {
    const bench = monitored()
    bench.during(100, tells(bench, apart(51)))
    expectOpen(bench.during(4_900))
    bench.during(100)
    expect(bench.override()).toEqual(basisCooldown)
    expectBlocked(bench, 'ReduceOnly', forced)
  })

  test('AT-952: 150 bps apart for five seconds kill', () => {
    const bench = monitored()
    bench.during(100, tells(bench, apart(151)))
    bench.during(4_900)
    expect(bench.mode().mode).toBe('Active')
    bench.during(100)
    expect(bench.override()).toEqual({ kind: 'ForceKill' })
    expectBlocked(bench, 'Kill', ['KILL_CORTEX_FORCE_KILL'])
  })

  test('AT-963: less than 50 bps apart let an opening order leave', () => {
    const bench = monitored()
    bench.during(10_000, tells(bench, { ...apart(49), midPrice: 3_014 }))
    expect(bench.override()).toEqual({ kind: 'None' })
    expectOpen(bench)
  })

  test('AT-959: 50 bps apart for five seconds block opening for 300 seconds', () => {
    const bench = monitored()
    bench.during(5_100, tells(bench, apart(50.1)))
    const trippedTickMs = bench.tickMs
    bench.during(299_900, tells(bench, apart(0)))
    expect(bench.override()).toEqual(basisCooldown)
    expectBlocked(bench, 'ReduceOnly', forced)
    bench.during(trippedTickMs + 300_000 - bench.tickMs)
    expectOpen(bench)
  })

  test('are judged by the market price, too', () => {
    const bench = monitored()
    bench.during(5_100, tells(bench, { midPrice: 3_000 * 1.016 }))
    expect(bench.override()).toEqual({ kind: 'ForceKill' })
  })

  test('take the last trade only while a side of the book is empty', () => {
    const bench = monitored()
    bench.during(6_000, tells(bench, { lastPrice: 1 }))
    expectOpen(bench)
    bench.during(6_000, tells(bench, { lastPrice: 2_900, midPrice: null }))
    expect(bench.override()).toEqual({ kind: 'ForceKill' })
  })

  test('begin their windows anew after a break', () => {
    const bench = monitored()
    for (let round = 0; round < 5; round += 1) {
      bench.during(4_500, tells(bench, apart(200)))
      bench.during(100, tells(bench, apart(0)))
    }
    expectOpen(bench)
  })
})

describe('a price that is not known', () => {
  const silent = { markPrice: null, indexPrice: null, lastPrice: null, midPrice: null }
  const missing: [string, Partial<TickerReading>][] = [
    ['no mark', { markPrice: null }],
    ['no index', { indexPrice: null }],
    ['no market price', { lastPrice: null, midPrice: null }],
  ]

  test.each(missing)(
    'AT-954: %s forces ReduceOnly, and opening goes on when it is back',
    (_what, prices) => {
      const bench = monitored()
      bench.ticker = () => undefined
      const say = (change: Partial<TickerReading>) =>
        bench.give({
          kind: 'ticker',
          ticker: {
            instrument: 'XRP-PERPETUAL',
            heardTickMs: bench.tickMs,
            markPrice: 3_000,
            indexPrice: 3_000,
            lastPrice: 3_000,
            midPrice: 3_000,
            markVol: null,
            underlyingPrice: null,
            ...change,
          },
        })
      bench.during(5_200, () => say(prices))
      expect(bench.override()).toEqual(basisCooldown)
      expectBlocked(bench, 'ReduceOnly', forced)
      expectOpen(bench.during(100, () => say({})))
    },
  )

  test.each([0, -1, Number.NaN, Number.POSITIVE_INFINITY])('%s is no price', (value) => {
    const bench = monitored()
    bench.during(100, tells(bench, { markPrice: value }))
    expectBlocked(bench, 'ReduceOnly', forced)
  })

  test('AT-958: any price older than 5,000 ms forces ReduceOnly', () => {
    const bench = monitored()
    bench.ticker = () => undefined
    expectOpen(bench.during(5_000))
    bench.during(100, () =>
      bench.give({
        kind: 'ticker',
        ticker: {
          instrument: 'XRP-PERPETUAL',
          heardTickMs: bench.tickMs,
          ...silent,
          markPrice: 3_000,
          markVol: null,
          underlyingPrice: null,
        },
      }),
    )
    expectBlocked(bench, 'ReduceOnly', forced)
  })
})
