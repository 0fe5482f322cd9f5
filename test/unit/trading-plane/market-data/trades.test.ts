import { describe, expect, test } from 'vitest'
import { type PublicTrade, TradeKeeper } from '@bulkhead/trading-plane/market-data/trades.core.ts'

const instrument = 'BTC-PERPETUAL'
const serverMs = 1_700_000_000_000

const tradeAt = (seq: number, change: Partial<PublicTrade> = {}): PublicTrade => ({
  instrument,
  seq,
  price: 100,
  amount: 10,
  indexPrice: 50,
  venueMs: serverMs,
  ...change,
})
const tradesAt = (...seqs: number[]) => seqs.map((seq) => tradeAt(seq))

/** A keeper with a clock of its own; its first pull brought trade 7. */
class Bench {
  readonly keeper = new TradeKeeper([instrument])
  tickMs = 100_000

  take(...seqs: number[]): void {
    this.keeper.take(tradesAt(...seqs), this.tickMs)
  }

  ticker(lastPrice: number | null): void {
    this.keeper.takeTicker(instrument, lastPrice, this.tickMs)
  }

  pull(trades: readonly PublicTrade[], clockMs: number | null = serverMs): void {
    this.keeper.takePull(instrument, trades, { tickMs: this.tickMs, serverMs: clockMs })
  }

  asked() {
    return this.keeper.nextPull(this.tickMs)
  }

  news() {
    const { flows, gaps } = this.keeper.takeNews()
    const sums = flows.flatMap((flow) => flow.sums)
    const total = sums.reduce((sum, { amount }) => sum + amount, 0)
    return { known: flows.at(-1)?.knownTickMs, amount: total, gaps, sums }
  }

  started(): this {
    this.asked()
    this.pull([tradeAt(7, { venueMs: serverMs - 60_000 })])
    this.keeper.takeNews()
    return this
  }
}

describe('public trades', () => {
  test('are known only when the newest of them were pulled', () => {
    const bench = new Bench()
    bench.take(8)
    expect(bench.keeper.hasNews).toBe(false)
    expect(bench.asked()).toEqual({ instrument, fromSeq: null })
    expect(bench.asked()).toBeUndefined()
    bench.pull([tradeAt(7), tradeAt(8)])
    expect(bench.news()).toMatchObject({ known: bench.tickMs, amount: 20, gaps: [] })
  })

  test('are each counted once, as one sum of amount and worth, while they follow on', () => {
    const bench = new Bench().started()
    bench.tickMs += 1_000
    for (let seq = 8; seq < 1_008; seq += 1) bench.take(seq)
    const news = bench.news()
    expect(news).toMatchObject({ known: bench.tickMs, gaps: [] })
    expect(news.sums).toEqual([{ tickMs: 101_000, amount: 10_000, valueUsd: 500_000 }])
    expect(bench.keeper.hasNews).toBe(false)
  })

  test.each([
    ['a number is missing', [9]],
    ['one comes again', [8, 8]],
    ['one comes out of order', [9, 8]],
    ['one comes again much later', [8, 3]],
  ])('have a gap when %s, and are pulled from the first that was not counted', (_what, seqs) => {
    const bench = new Bench().started()
    bench.take(...seqs)
    const counted = seqs[0] === 8 ? 1 : 0
    expect(bench.news()).toMatchObject({
      known: null,
      amount: counted * 10,
      gaps: [instrument],
    })
    expect(bench.asked()).toEqual({ instrument, fromSeq: 8 + counted })
  })

  test('are counted once, whether the feed or the pull brings them first', () => {
    const bench = new Bench().started()
    bench.take(10)
    bench.asked()
    bench.take(11)
    bench.pull(tradesAt(8, 9, 10, 11, 12))
    bench.take(12)
    bench.take(13)
    expect(bench.news()).toMatchObject({ known: bench.tickMs, amount: 60, gaps: [instrument] })
    bench.pull(tradesAt(13))
    expect(bench.keeper.hasNews).toBe(false)
  })

  test('stay unknown until a pull reaches what the feed told of', () => {
    const bench = new Bench().started()
    bench.take(20)
    bench.asked()
    bench.pull(tradesAt(8, 9))
    expect(bench.news().known).toBeNull()
    expect(bench.asked()).toBeUndefined()
    bench.tickMs += 1_000
    expect(bench.asked()).toEqual({ instrument, fromSeq: 10 })
    bench.pull(tradesAt(10, 20))
    expect(bench.news()).toMatchObject({ known: bench.tickMs, amount: 20 })
  })

  test('are in doubt once the connection is lost, until a pull says what was missed', () => {
    const bench = new Bench().started()
    bench.keeper.loseAll()
    expect(bench.news()).toMatchObject({ known: null, gaps: [instrument] })
    bench.ticker(100)
    expect(bench.keeper.hasNews).toBe(false)
    expect(bench.asked()).toEqual({ instrument, fromSeq: 8 })
    bench.pull([])
    expect(bench.news()).toMatchObject({ known: bench.tickMs, amount: 0, gaps: [] })
  })
})

describe('the ticker beside public trades', () => {
  test('shows that none is missing as long as it names the last one', () => {
    const bench = new Bench().started()
    bench.tickMs += 5_000
    bench.ticker(100)
    expect(bench.news().known).toBe(105_000)
    bench.tickMs += 5_000
    bench.ticker(101)
    expect(bench.keeper.hasNews).toBe(false)
  })

  test('makes a feed that swallows trades known, and what it swallowed is counted', () => {
    const bench = new Bench().started()
    for (let passedMs = 0; passedMs <= 1_100; passedMs += 100) {
      expect(bench.asked()).toBeUndefined()
      bench.ticker(101)
      bench.tickMs += 100
    }
    expect(bench.asked()).toEqual({ instrument, fromSeq: 8 })
    bench.pull([tradeAt(8, { price: 101 })])
    expect(bench.news()).toMatchObject({ known: bench.tickMs, amount: 10, gaps: [instrument] })
  })

  test('may name a price that no trade has, when a pull shows that none is missing', () => {
    const bench = new Bench().started()
    bench.ticker(101)
    bench.tickMs += 1_100
    bench.ticker(101)
    bench.asked()
    bench.pull([])
    expect(bench.news()).toMatchObject({ known: bench.tickMs, gaps: [] })
    bench.tickMs += 100
    bench.ticker(101)
    expect(bench.news().known).toBe(bench.tickMs)
    bench.take(8)
    bench.news()
    bench.tickMs += 100
    bench.ticker(101)
    expect(bench.keeper.hasNews).toBe(false)
  })
})

describe('trades that a pull brought', () => {
  test('are dated by the venue, and long past while its clock is unknown', () => {
    const bench = new Bench().started()
    const old = (seq: number, ageMs: number) => tradeAt(seq, { venueMs: serverMs - ageMs })
    bench.take(20)
    bench.asked()
    bench.pull([old(8, 3_600_000), old(9, 2_000), old(20, -500)])
    expect(bench.news().sums.map(({ tickMs }) => tickMs)).toEqual([70_000, 98_000, 100_000])
    bench.take(30)
    bench.asked()
    bench.pull([tradeAt(30)], null)
    expect(bench.news().sums.map(({ tickMs }) => tickMs)).toEqual([70_000])
  })

  test('are at most 300 sums, however long nobody takes them', () => {
    const bench = new Bench().started()
    for (let seq = 8; seq < 1_008; seq += 1) {
      bench.tickMs += 100
      bench.take(seq)
    }
    const { sums } = bench.news()
    expect(sums).toHaveLength(300)
    expect(sums.at(-1)?.tickMs).toBe(bench.tickMs)
  })
})
