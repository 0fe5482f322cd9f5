import { describe, expect, test } from 'vitest'
import {
  isFeedSilent,
  noteMarketData,
  stepZombieSocket,
  takeReconciled,
  zombieSocketAtStart,
} from '@bulkhead/trading-plane/engine/monitors/zombie-socket/core.ts'
import { Conflator } from '@bulkhead/trading-plane/market-data/conflator.core.ts'
import { type EngineBench, monitors, ofKind, only, perpetual, reference } from '../harness.ts'
import { defaults } from './monitor-bench.ts'
import { deskWith } from '../gates/gate-bench.ts'

const limits = defaults.zombieSocket
const reason = 'WS_DATA_STALE_RECONCILE_REQUIRED'
/** A desk that is judged by the defaults of Appendix A, and whose books may be a minute old. */
const deskOf = () =>
  deskWith({}, { marketDataAgeMsMax: 60_000, monitors: { ...monitors, zombieSocket: limits } })

const latchOf = (bench: EngineBench) => bench.engine.view(bench.at()).openPermissionReasons

/** Holds a position, so that silence matters. */
function exposed(): EngineBench {
  const bench = deskOf()
  const held = { instrument: perpetual.name, size: 10, averagePrice: 1, markPrice: 1 }
  bench.give({ kind: 'positions', positions: [held] })
  return bench
}

/** Everything but market data is told, second by second; the answers of calls go on coming. */
function silence(bench: EngineBench, seconds: number) {
  const effects = []
  for (let second = 0; second < seconds; second += 1) {
    bench.tickMs += 1_000
    bench.give({ kind: 'call-ended', durationMs: 5, isTimeout: false })
    bench.health()
    bench.disk()
    bench.readAccount()
    bench.readSafety()
    effects.push(...bench.give({ kind: 'tick' }))
  }
  return effects
}

const answer = {
  positions: [{ instrument: perpetual.name, size: 10, averagePrice: 1, markPrice: 1 }],
}

describe('a feed whose connection lives', () => {
  test('AT-946: is no zombie while one book stands still and anything else is told', () => {
    const bench = exposed()
    const feed = new Conflator([perpetual.name, reference.name])
    const level = { bids: [[59_999.5, 1e6] as const], asks: [[60_000.5, 1e6] as const] }
    const book = { isSnapshot: true, changeId: 1, previousChangeId: null, venueMs: 1, ...level }
    feed.takeBook({ instrument: perpetual.name, ...book }, bench.tickMs)
    const prices = { markPrice: 1, indexPrice: 1, lastPrice: 1, midPrice: 1 }
    const none = { markVol: null, underlyingPrice: null }
    for (let second = 0; second < 40; second += 1) {
      const told = { instrument: reference.name, heardTickMs: bench.tickMs, ...prices, ...none }
      feed.takeTicker(told)
      if (feed.takeBatch(0)?.isAlive === true) bench.give({ kind: 'feed-alive' })
      expect(ofKind(silence(bench, 1), 'reconnect-feed')).toEqual([])
    }
    expect(latchOf(bench)).toEqual([])
    expect(bench.mode().riskState).toBe('Healthy')
  })

  test('is no zombie while only public trades are told', () => {
    const bench = exposed()
    for (let second = 0; second < 40; second += 1) {
      silence(bench, 1)
      bench.hearTrades(10)
    }
    expect(latchOf(bench)).toEqual([])
    silence(bench, 16)
    expect(latchOf(bench)).toEqual([reason])
  })

  test('AT-947: is one when it tells nothing while something is held', () => {
    const bench = exposed()
    silence(bench, 15)
    expect(latchOf(bench)).toEqual([])
    expect(bench.mode().riskState).toBe('Healthy')
    const effects = silence(bench, 1)
    expect(latchOf(bench)).toEqual([reason])
    expect(bench.mode()).toMatchObject({ mode: 'ReduceOnly', riskState: 'Degraded' })
    expect(ofKind(bench.propose(), 'submit')).toEqual([])
    only(effects, 'reconnect-feed')
    only(effects, 'reconcile')
    bench.reconcile(answer)
    expect(latchOf(bench)).toEqual([reason])
    bench.pass(1_000)
    bench.reconcile(answer)
    expect(latchOf(bench)).toEqual([])
    expect(ofKind(bench.propose(), 'submit')).toHaveLength(1)
  })

  test('is connected anew once per silence, and not at every turn', () => {
    const bench = exposed()
    expect(ofKind(silence(bench, 60), 'reconnect-feed')).toHaveLength(3)
  })

  test('AT-948: is none in a market that was quiet before, while nothing is held', () => {
    const bench = deskOf()
    silence(bench, 16)
    expect(latchOf(bench)).toEqual([reason])
    bench.reconcile()
    expect(latchOf(bench)).toEqual([reason])
    silence(bench, 46)
    bench.reconcile()
    expect(latchOf(bench)).toEqual([])
    const quiet = silence(bench, 120)
    expect(latchOf(bench)).toEqual([])
    expect([...ofKind(quiet, 'reconnect-feed'), ...ofKind(quiet, 'reconcile')]).toEqual([])
    const held = { instrument: perpetual.name, size: 10, averagePrice: 1, markPrice: 1 }
    bench.give({ kind: 'positions', positions: [held] })
    silence(bench, 1)
    expect(latchOf(bench)).toEqual([reason])
  })

  test('begins its first silence with the first turn', () => {
    const first = stepZombieSocket(zombieSocketAtStart, true, 5_000, limits)
    expect(first).toMatchObject({ isSilent: false, reconnects: false })
    expect(stepZombieSocket(first.state, true, 20_000, limits).isSilent).toBe(false)
    expect(stepZombieSocket(first.state, true, 20_001, limits).isSilent).toBe(true)
    expect(stepZombieSocket(first.state, false, 90_000, limits).isSilent).toBe(false)
  })

  test.each([
    [60_000, true],
    [60_001, false],
  ])('was active when it last spoke %i ms before a reconciliation: %s', (ageMs, wasActive) => {
    const spoken = noteMarketData(zombieSocketAtStart, 1_000)
    const state = takeReconciled(spoken, 1_000 + ageMs, limits)
    expect(state.wasActive).toBe(wasActive)
    expect(isFeedSilent(state, false, 1_000 + ageMs, limits)).toBe(wasActive)
  })
})
