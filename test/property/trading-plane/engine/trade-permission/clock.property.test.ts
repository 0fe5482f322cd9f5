import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { judgeClock } from '@bulkhead/trading-plane/engine/trade-permission/clock.ts'
import { clockSample } from '@bulkhead/trading-plane/venues/deribit/server-clock.core.ts'
import { denialOf, EngineBench, ofKind } from '../../../../unit/trading-plane/engine/harness.ts'

const limits = { clockDriftMsMax: 1_000, clockSampleAgeMsMax: 130_000 }
const beyond = fc.integer({ min: 1_001, max: 86_400_000 })
const within = fc.integer({ min: -1_000, max: 1_000 })
const sign = fc.constantFrom(-1, 1)

function permissionOf(bench: EngineBench) {
  return bench.engine.view(bench.at()).permission
}

describe('our clock against the exchange', () => {
  test('the drift is the distance of the two clocks, whatever the way takes', () => {
    fc.assert(
      fc.property(
        within,
        fc.integer({ min: 0, max: 500 }),
        fc.nat(100_000),
        (ahead, way, since) => {
          const sample = clockSample(5_000, 5_000 + 2 * way, 1_000_000 + way - ahead)
          const tickMs = 5_000 + 2 * way + since
          const at = { nowMs: 1_000_000 + 2 * way + since, tickMs, serverMs: null }
          const verdict = judgeClock(sample, at, limits)
          expect(verdict).toMatchObject({ driftMs: ahead, fault: null, localMs: at.nowMs })
        },
      ),
    )
  })

  test('TPP-P15: a drift over 1000 ms either way is NEUTRAL with EXCHANGE_TIME_DRIFT, and opens nothing', () => {
    fc.assert(
      fc.property(beyond, sign, (ms, direction) => {
        const bench = new EngineBench().becomeActive()
        expect(permissionOf(bench).decision.permission).toBe('ALLOW')
        bench.sampleClock(direction * ms)
        const { decision, context } = permissionOf(bench)
        expect(decision).toMatchObject({ permission: 'NEUTRAL', blockingGate: 'health' })
        expect(context.faults).toEqual(['EXCHANGE_TIME_DRIFT'])
        expect(bench.mode().mode).toBe('Active')
        const effects = bench.propose()
        expect(denialOf(effects)).toBe('TradePermissionHealth')
        expect(ofKind(effects, 'submit')).toEqual([])
        const [record] = ofKind(effects, 'audit').map((effect) => effect.record)
        expect(record?.fields).toMatchObject({
          error_codes: 'EXCHANGE_TIME_DRIFT',
          drift_ms: String(-direction * ms),
        })
        expect(ofKind(bench.propose({ reduce_only: true }), 'submit')).toHaveLength(1)
      }),
    )
  })

  test('a drift of 1000 ms or less is no drift', () => {
    fc.assert(
      fc.property(within, (ms) => {
        const bench = new EngineBench().becomeActive()
        bench.sampleClock(ms)
        expect(permissionOf(bench).decision.permission).toBe('ALLOW')
      }),
    )
  })

  test('TPP-P16: NEUTRAL ends as soon as the drift is back within its limit', () => {
    fc.assert(
      fc.property(beyond, sign, within, fc.nat(10_000), (ms, direction, back, since) => {
        const bench = new EngineBench().becomeActive()
        bench.sampleClock(direction * ms)
        expect(permissionOf(bench).decision.permission).toBe('NEUTRAL')
        bench.pass(since)
        bench.pass(1)
        expect(denialOf(bench.propose())).toBe('TradePermissionHealth')
        bench.sampleClock(back)
        expect(permissionOf(bench)).toMatchObject({
          decision: { permission: 'ALLOW', isLatched: false },
          context: { faults: [] },
        })
        expect(ofKind(bench.propose(), 'submit')).toHaveLength(1)
      }),
    )
  })

  test('a step of our own clock between two samples shows at once', () => {
    const sample = { offsetMs: 1_000_000, roundTripMs: 2, observedTickMs: 0 }
    const at = { nowMs: 1_000_500, tickMs: 500, serverMs: null }
    expect(judgeClock(sample, at, limits).fault).toBeNull()
    const stepped = { ...at, nowMs: at.nowMs + 1_001 }
    expect(judgeClock(sample, stepped, limits).fault).toBe('EXCHANGE_TIME_DRIFT')
  })

  test.each([
    ['no answer', null],
    ['an old answer', { offsetMs: 0, roundTripMs: 2, observedTickMs: -130_001 }],
    [
      'an answer that errs more than the limit',
      { offsetMs: 0, roundTripMs: 2_001, observedTickMs: 0 },
    ],
    ['an answer before its question', { offsetMs: 0, roundTripMs: -1, observedTickMs: 0 }],
    ['an answer that is no number', { offsetMs: Number.NaN, roundTripMs: 2, observedTickMs: 0 }],
    ['a round trip that is no number', { offsetMs: 0, roundTripMs: Number.NaN, observedTickMs: 0 }],
  ])('%s leaves the exchange time unavailable', (_, sample) => {
    const verdict = judgeClock(sample, { nowMs: 0, tickMs: 0, serverMs: null }, limits)
    expect(verdict).toMatchObject({ driftMs: null, fault: 'EXCHANGE_TIME_UNAVAILABLE' })
  })

  test('a question that is not answered is NEUTRAL until one is', () => {
    const bench = new EngineBench().becomeActive()
    bench.give({ kind: 'clock-sampled', sample: null })
    expect(permissionOf(bench)).toMatchObject({
      decision: { permission: 'NEUTRAL' },
      context: { faults: ['EXCHANGE_TIME_UNAVAILABLE'] },
    })
    bench.sampleClock()
    expect(permissionOf(bench).decision.permission).toBe('ALLOW')
  })
})
