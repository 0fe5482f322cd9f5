import { describe, expect, test } from 'vitest'
import type { Effect } from '@bulkhead/trading-plane/engine/effects.ts'
import { denialOf, type EngineBench, ofKind, only, perpetual } from '../harness.ts'
import { deskWith } from '../gates/gate-bench.ts'
import { type MonitorBench, monitored } from '../monitors/monitor-bench.ts'
import { called, entry, fill, future, roomy, size } from './close-bench.ts'

/** A desk that is Active and holds 500 USD of the perpetual. */
function holding(): MonitorBench {
  const bench = monitored()
  bench.give({ kind: 'positions', positions: [size(perpetual.name, 500)] })
  return bench
}

/** In Kill for these reasons one order takes exposure away, and opening stays shut. */
function expectContained(
  bench: EngineBench,
  effects: readonly Effect[],
  reasons: readonly string[],
): void {
  expect(only(effects, 'submit').order).toMatchObject({
    instrument: perpetual.name,
    side: 'sell',
    amount: '500',
    timeInForce: 'immediate_or_cancel',
    reduceOnly: true,
  })
  const { label } = only(effects, 'submit').order
  bench.dispatch(label)
  expect(bench.engine.judgeDispatch(label, bench.at())).toBeNull()
  const opening = bench.propose({ amount: '10' })
  expect(denialOf(opening)).toMatch(/^TradePermission|TradingModeForbidsOpen/)
  expect(ofKind(opening, 'submit')).toEqual([])
  const changes = ofKind(bench.effects, 'audit').flatMap(({ record: { action, fields } }) =>
    action === 'MODE_CHANGED' && fields?.['to'] === 'Kill' ? [fields['reasons']] : [],
  )
  expect(changes.at(-1)).toBe(reasons.join(' '))
}

describe('in Kill what is held is on its way out', () => {
  test('AT-302: from 95 percent of the margin on, and not below', () => {
    const using = (maintenanceMargin: number) => {
      const bench = holding()
      bench.account = [{ currency: 'BTC', equity: 1, maintenanceMargin, initialMargin: 1 }]
      return { bench, effects: bench.pass(10) }
    }
    const { bench, effects } = using(0.95)
    expectContained(bench, effects, ['KILL_MARGIN_MM_UTIL_CRITICAL'])
    const below = using(0.949)
    expect(below.bench.mode().mode).toBe('ReduceOnly')
    expect(ofKind(below.effects, 'submit')).toEqual([])
  })

  test('AT-338: cancelled, closed and hedged, and nothing is opened', () => {
    const bench = deskWith({}, roomy)
    bench.give({ kind: 'instruments', instruments: [perpetual, future] })
    bench.book(59_000, 59_010, future.name)
    bench.give({
      kind: 'positions',
      positions: [size(future.name, 600), size(perpetual.name, 900)],
    })
    const resting = bench.rest()
    const before = bench.effects.length
    bench.account = called
    let effects = bench.pass(10)
    expect(bench.mode().mode).toBe('Kill')
    expect(only(effects, 'cancel').cancel.label).toBe(resting)
    for (const _ of [1, 2, 3]) {
      expect(only(effects, 'submit').order.instrument).toBe(future.name)
      effects = fill(bench, effects, 0)
    }
    expect(only(effects, 'submit').order).toMatchObject({
      instrument: perpetual.name,
      side: 'sell',
    })
    expect(entry(fill(bench, effects, 600), 'ATOMIC_NAKED_EVENT')?.fields).toMatchObject({
      hedge_used: 'true',
      trading_mode_at_event: 'Kill',
    })
    expect(denialOf(bench.propose({ amount: '10' }))).toMatch(/^TradePermission|TradingMode/)
    const sent = ofKind(bench.effects.slice(before), 'submit')
    expect(sent.length).toBeGreaterThan(3)
    expect(sent.every(({ order }) => order.reduceOnly)).toBe(true)
  })

  test.each(['AT-339', 'AT-313'])('%s: although the disk is full by both sources', () => {
    const bench = holding()
    bench.disk(0.92, 0.92)
    expectContained(bench, bench.give({ kind: 'tick' }), ['KILL_DISK_WATERMARK_KILL'])
  })

  test('AT-346: although the venue ended our sessions for our rate', () => {
    const bench = holding()
    for (const _ of [1, 2]) bench.give({ kind: 'too-many-requests' })
    expect(ofKind(bench.give({ kind: 'tick' }), 'submit')).toEqual([])
    expect(bench.mode().mode).toBe('ReduceOnly')
    bench.give({ kind: 'too-many-requests' })
    expectContained(bench, bench.give({ kind: 'tick' }), ['KILL_RATE_LIMIT_SESSION_TERMINATION'])
  })

  test('AT-347: although safety plane and loop were both silent for too long', () => {
    const bench = holding()
    bench.tickMs += 10_001
    bench.give({ kind: 'feed-alive' })
    bench.hear()
    expectContained(bench, bench.give({ kind: 'tick' }), ['KILL_WATCHDOG_HEARTBEAT_STALE'])
    const alive = holding()
    alive.tickMs += 10_000
    alive.hear()
    expect(ofKind(alive.give({ kind: 'tick' }), 'submit')).toEqual([])
  })

  test('AT-013: although the network is bad', () => {
    const bench = holding()
    bench.during(200, () => bench.give({ kind: 'call-ended', durationMs: 1, isTimeout: true }))
    expect(bench.mode().reasons).toEqual(['REDUCEONLY_BUNKER_MODE_ACTIVE'])
    bench.account = called
    const effects = bench.pass(10)
    expect(bench.engine.view(bench.at()).snapshot.isBunkerModeActive).toBe(true)
    expectContained(bench, effects, ['KILL_MARGIN_MM_UTIL_CRITICAL'])
  })
})
