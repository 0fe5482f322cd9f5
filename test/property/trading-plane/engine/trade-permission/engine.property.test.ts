import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { PlaceIntent } from '@bulkhead/shared/contracts/intents.ts'
import { judgePermission } from '@bulkhead/trading-plane/engine/trade-permission/judge.ts'
import { tradePermissionGate } from '@bulkhead/trading-plane/engine/trade-permission/gate.ts'
import { tradePermissionSchema } from '@bulkhead/trading-plane/executor/trade-permission-config.ts'
import {
  denialOf,
  engineConfig,
  EngineBench,
  intent,
  ofKind,
} from '../../../../unit/trading-plane/engine/harness.ts'
import { recordedIntent } from '../../../../unit/trading-plane/engine/trade-permission/records.ts'

/** A condition in which no order may open: how it begins, what blocks, and how it ends. */
type Unsafe = {
  readonly name: string
  readonly gate: string
  readonly begin: (bench: EngineBench) => void
  /** Time goes on while the condition lasts. */
  readonly last: (bench: EngineBench, ms: number) => void
}

const pass = (bench: EngineBench, ms: number) => void bench.pass(ms)
const stopped = (mode: 'SOFT_STOP' | 'HARD_STOP' | 'EMERGENCY'): Unsafe => ({
  name: mode,
  gate: 'kill_switch',
  begin: (bench) => bench.readSafety({ killSwitch: { mode, generation: 2 } }),
  last: (bench, ms) => void bench.pass(ms, { killSwitch: { mode, generation: 2 } }),
})

const unsafe: readonly Unsafe[] = [
  stopped('SOFT_STOP'),
  stopped('HARD_STOP'),
  stopped('EMERGENCY'),
  {
    name: 'kill switch unreadable',
    gate: 'kill_switch',
    begin: (bench) => void bench.pass(1_001, { killSwitch: null }),
    last: (bench, ms) => void bench.pass(ms, { killSwitch: null }),
  },
  {
    name: 'budget used',
    gate: 'budget',
    begin: (bench) => recordOpenings(bench, bench.at().nowMs, budgetMax + 1),
    last: pass,
  },
  {
    name: 'venue lost',
    gate: 'health',
    begin: (bench) => void bench.give({ kind: 'venue-lost', detail: '' }),
    last: pass,
  },
  {
    name: 'venue silent',
    gate: 'health',
    begin: (bench) => silence(bench, 3_001),
    last: silence,
  },
  {
    name: 'safety plane silent',
    gate: 'health',
    begin: (bench) => unheard(bench, 5_001),
    last: unheard,
  },
  {
    name: 'clock drift',
    gate: 'health',
    begin: (bench) => void bench.sampleClock(1_001),
    last: pass,
  },
  {
    name: 'clock unavailable',
    gate: 'health',
    begin: (bench) => void bench.give({ kind: 'clock-sampled', sample: null }),
    last: pass,
  },
  {
    name: 'session killed',
    gate: 'risk',
    begin: (bench) => {
      for (let i = 0; i < 3; i += 1) bench.give({ kind: 'too-many-requests' })
    },
    last: pass,
  },
]
const budgetMax = 3

function benchOf(): EngineBench {
  const tradePermission = { ...engineConfig.tradePermission, openingsPerDayMax: budgetMax }
  return new EngineBench({ tradePermission }).becomeActive()
}

/** The venue says nothing more; everybody else goes on. */
function silence(bench: EngineBench, ms: number): void {
  bench.tickMs += ms
  bench.readSafety()
  bench.give({ kind: 'tick' })
}

/** The safety plane beats no more; what it wrote is still there to be read. */
function unheard(bench: EngineBench, ms: number): void {
  bench.tickMs += ms
  bench.give({ kind: 'feed-alive' })
  bench.readSafety({ safetyHeartbeat: null })
  bench.give({ kind: 'tick' })
}

function recordOpenings(bench: EngineBench, createdMs: number, openings: number): void {
  const records = Array.from({ length: openings }, () => recordedIntent(createdMs))
  bench.recover(records)
}

const condition = fc.constantFrom(...unsafe)
const confidence = fc.oneof(fc.constant(undefined), fc.double({ min: 0, max: 1, noNaN: true }))
const wish: fc.Arbitrary<Partial<PlaceIntent>> = fc.record({
  side: fc.constantFrom('buy', 'sell'),
  amount: fc.constantFrom('10', '100', '1000'),
  limit_price: fc.constantFrom('59000', '61000'),
  time_in_force: fc.constantFrom('good_til_cancelled', 'immediate_or_cancel'),
  expected_edge_usd: fc.constant('4'),
  fair_price: fc.constant('60000'),
  ai_confidence: confidence,
})

function permissionOf(bench: EngineBench) {
  return bench.engine.view(bench.at()).permission
}

describe('while it is not safe to trade', () => {
  test('TPP-P09: no order opens and none that waits leaves, at any moment of any condition', () => {
    fc.assert(
      fc.property(
        condition,
        fc.array(fc.record({ ms: fc.integer({ min: 1, max: 900 }), wish }), { maxLength: 8 }),
        (each, moments) => {
          const bench = benchOf()
          const waiting = ofKind(bench.propose(), 'submit')[0]?.order.label ?? ''
          bench.dispatch(waiting)
          expect(bench.engine.judgeDispatch(waiting, bench.at())).toBeNull()
          each.begin(bench)
          for (const moment of [{ ms: 0, wish: {} }, ...moments]) {
            if (moment.ms > 0) each.last(bench, moment.ms)
            expect(bench.engine.judgeDispatch(waiting, bench.at())).not.toBeNull()
            expect(ofKind(bench.propose(moment.wish), 'submit')).toEqual([])
            expect(permissionOf(bench).decision.permission).not.toBe('ALLOW')
            // Without a book nothing closes either (D-14); that is another gate's matter.
            bench.hear()
            const close = bench.propose({ reduce_only: true, side: 'sell', amount: '10' })
            expect(denialOf(close) ?? 'OpenOrdersAboveLimit').toBe('OpenOrdersAboveLimit')
          }
        },
      ),
      { numRuns: 300 },
    )
  })

  test.each(unsafe)('$name alone is what blocks', ({ begin, gate }) => {
    const bench = benchOf()
    expect(ofKind(bench.propose(), 'submit')).toHaveLength(1)
    begin(bench)
    expect(permissionOf(bench).decision.blockingGate).toBe(gate)
    expect(denialOf(bench.propose())?.startsWith('TradePermission')).toBe(true)
  })

  test('TPP-P13: no wish and no confidence lets an order through that a gate blocks', () => {
    fc.assert(
      fc.property(fc.option(condition), wish, (blocking, wished) => {
        const bench = benchOf()
        blocking?.begin(bench)
        const isAllowed = permissionOf(bench).decision.permission === 'ALLOW'
        expect(isAllowed).toBe(blocking === null)
        const effects = bench.propose({ ...wished, amount: '10' })
        expect(ofKind(effects, 'submit')).toHaveLength(isAllowed ? 1 : 0)
        if (!isAllowed) expect(denialOf(effects)).toMatch(/^TradePermission/)
      }),
      { numRuns: 300 },
    )
  })
})

describe('the confidence of a model', () => {
  test('TPP-P06: changes nothing but its own field of the record, in any condition', () => {
    fc.assert(
      fc.property(fc.option(condition), confidence, confidence, (each, first, second) => {
        const ids = { intent_id: 'i', group_id: '6f9619ff-8b86-4011-b42d-00c04fc964ff' }
        const run = (aiConfidence: number | undefined) => {
          const bench = benchOf()
          each?.begin(bench)
          const before = bench.effects.length
          bench.give({ kind: 'intent', intent: intent({ ...ids, ai_confidence: aiConfidence }) })
          bench.pass(100)
          return JSON.stringify(bench.effects.slice(before), (key, value: unknown) =>
            key === 'ai_confidence' ? '' : value,
          )
        }
        expect(run(first)).toBe(run(second))
      }),
      { numRuns: 200 },
    )
    expect(judgePermission).toHaveLength(3)
    expect(tradePermissionGate).toHaveLength(2)
  })
})

describe('an exchange that is down', () => {
  test('TPP-P10: is NEUTRAL within five seconds, for every configuration that is accepted', () => {
    const limitMs = fc.integer({ min: 200, max: 5_000 })
    fc.assert(
      fc.property(limitMs, fc.boolean(), (venueSilenceMsMax, isCut) => {
        expect(tradePermissionSchema.safeParse({ venueSilenceMsMax }).success).toBe(true)
        const tradePermission = { ...engineConfig.tradePermission, venueSilenceMsMax }
        const bench = new EngineBench({ tradePermission }).becomeActive()
        bench.give({ kind: 'feed-alive' })
        const downTickMs = bench.tickMs
        if (isCut) bench.give({ kind: 'venue-lost', detail: '' })
        while (permissionOf(bench).decision.permission === 'ALLOW') silence(bench, 100)
        expect(permissionOf(bench).decision.permission).toBe('NEUTRAL')
        expect(bench.tickMs - downTickMs).toBeLessThanOrEqual(isCut ? 0 : 5_100)
        bench.tickMs = downTickMs + 5_001
        expect(denialOf(bench.propose())).toMatch(/^TradePermission/)
      }),
      { numRuns: 100 },
    )
    expect(tradePermissionSchema.safeParse({ venueSilenceMsMax: 5_001 }).success).toBe(false)
  })
})

describe('market data that is stale', () => {
  test('TPP-P11: rejects every new trade until fresh data arrives', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 2_000 }), { minLength: 1, maxLength: 10 }),
        (waits) => {
          const bench = benchOf()
          silence(bench, 3_001)
          for (const ms of waits) {
            silence(bench, ms)
            const denied = bench.propose()
            expect(denialOf(denied)).toBe('TradePermissionHealth')
            expect(ofKind(denied, 'submit')).toEqual([])
          }
          bench.give({ kind: 'feed-alive' })
          bench.hear()
          expect(ofKind(bench.propose(), 'submit')).toHaveLength(1)
        },
      ),
      { numRuns: 100 },
    )
  })
})

describe('a budget whose data is corrupt', () => {
  const DAY_MS = 86_400_000
  const corrupt = fc.oneof(
    fc.constantFrom(-1, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 1e308),
    fc.integer({ min: 2, max: 10_000 }).map((days) => 1_700_000_000_000 + days * DAY_MS),
  )

  test('TPP-P12: halts, names BUDGET_DATA_CORRUPT, and degrades the risk state', () => {
    fc.assert(
      fc.property(corrupt, fc.nat(1), (createdMs, soundBefore) => {
        const bench = benchOf()
        recordOpenings(bench, bench.at().nowMs, soundBefore)
        expect(permissionOf(bench).decision.permission).toBe('ALLOW')
        recordOpenings(bench, createdMs, 1)
        expect(permissionOf(bench)).toMatchObject({
          decision: { permission: 'HALT', reasonCode: 'HALT_BUDGET_DATA_CORRUPT' },
          context: { faults: ['BUDGET_DATA_CORRUPT'] },
        })
        const effects = bench.propose()
        expect(denialOf(effects)).toBe('TradePermissionBudget')
        const [record] = ofKind(effects, 'audit').map((effect) => effect.record)
        expect(record?.fields?.['error_codes']).toBe('BUDGET_DATA_CORRUPT')
        expect(bench.mode()).toMatchObject({ mode: 'ReduceOnly', riskState: 'Degraded' })
        expect(ofKind(bench.propose({ reduce_only: true }), 'submit')).toHaveLength(1)
      }),
      { numRuns: 100 },
    )
  })
})
