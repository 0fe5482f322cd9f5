import { describe, expect, test } from 'vitest'
import { evaluateMode } from '@bulkhead/trading-plane/engine/trading-mode/evaluate.ts'
import type { SafetyReading } from '@bulkhead/trading-plane/engine/events.ts'
import { closing, expectDenied, expectSent } from '../gates/gate-bench.ts'
import { only } from '../harness.ts'
import {
  expectBlocked,
  expectOpen,
  type MonitorBench,
  monitored,
} from '../monitors/monitor-bench.ts'

const stale = ['REDUCEONLY_POLICY_STALE']

/** A desk to which this policy is handed from now on, whatever the time. */
function handed(policy: SafetyReading['policy'], bench = monitored()): MonitorBench {
  const readSafety = bench.readSafety.bind(bench)
  bench.readSafety = (reading) => readSafety({ policy, ...reading })
  return bench
}

/** A desk whose policy was made so long ago. */
function aged(ageMs: number, openHaircutMult = 1): MonitorBench {
  const bench = monitored()
  const generatedMs = bench.at().nowMs + 100 - ageMs
  return handed({ generatedMs, openHaircutMult }, bench).during(100)
}

describe('the policy that is handed out', () => {
  test('AT-336: forces ReduceOnly exactly when it is older than is allowed', () => {
    for (const ageMs of [0, 1, 299_999, 300_000]) expectOpen(aged(ageMs))
    for (const ageMs of [300_001, 301_000, 86_400_000]) {
      expectBlocked(aged(ageMs), 'ReduceOnly', stale)
    }
  })

  test('AT-315: that is older than 300 seconds blocks opening until a fresh one comes', () => {
    const bench = aged(300_001)
    for (let second = 0; second < 3; second += 1) {
      bench.during(1_000)
      expectDenied(bench.propose(), 'TradingModeForbidsOpen')
    }
    expectSent(bench.propose(closing))
    const fresh = { generatedMs: bench.at().nowMs, openHaircutMult: 1 }
    expectOpen(handed(fresh, bench).during(100))
  })

  test('is a missing input until one was read, and what was read grows old when no more come', () => {
    const bench = handed(null)
    const { snapshot } = bench.engine.view(bench.at())
    expect(evaluateMode({ ...snapshot, policyAgeMs: null })).toMatchObject({
      mode: 'ReduceOnly',
      reasons: ['REDUCEONLY_INPUT_MISSING_OR_STALE'],
    })
    expectOpen(bench.during(299_000))
    expect(bench.during(2_000).mode().reasons).toEqual(stale)
    expect(bench.engine.view(bench.at()).counters['policy_unreadable']).toBeGreaterThan(1)
  })

  test('may be dated a second ahead of us, and no more', () => {
    expectOpen(aged(-1_000))
    const bench = aged(-1_001)
    expect(bench.mode().mode).toBe('ReduceOnly')
    expect(bench.mode().reasons).toContain('REDUCEONLY_POLICY_STALE')
  })

  test('can make opening orders smaller than our own haircut does, and never larger', () => {
    const amountOf = (bench: MonitorBench, wish = {}) =>
      only(bench.propose({ amount: '100', ...wish }), 'submit').order.amount
    expect(amountOf(aged(0, 0.5))).toBe('50')
    expect(amountOf(aged(0, 1))).toBe('100')
    expect(amountOf(aged(0, 0.5), closing)).toBe('100')
  })
})
