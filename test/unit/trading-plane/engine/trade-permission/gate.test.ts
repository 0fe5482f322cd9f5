import { describe, expect, test } from 'vitest'
import type { TradePermissionConfig } from '@bulkhead/trading-plane/engine/trade-permission/config.ts'
import { denialOf, EngineBench, engineConfig, intent, ofKind, only } from '../harness.ts'
import { recordedIntent } from './records.ts'

const DAY_MS = 86_400_000

function active(limits: Partial<TradePermissionConfig> = {}): EngineBench {
  const tradePermission = { ...engineConfig.tradePermission, ...limits }
  return new EngineBench({ tradePermission }).becomeActive()
}

function permissionOf(bench: EngineBench) {
  return bench.engine.view(bench.at()).permission
}

function auditOf(bench: EngineBench, action: string) {
  return ofKind(bench.effects, 'audit')
    .map(({ record }) => record)
    .filter((record) => record.action === action)
}

const stop = { killSwitch: { mode: 'SOFT_STOP' as const, generation: 2 } }
const rearmed = { killSwitch: { mode: 'NORMAL' as const, generation: 3, resetBy: 'alice' } }
const unnamed = { killSwitch: { mode: 'NORMAL' as const, generation: 3 } }

describe('a HALT by the kill switch', () => {
  test('ends with the signed reset of an operator, who is named in the audit', () => {
    const bench = active()
    bench.pass(100, stop)
    expect(permissionOf(bench).decision).toMatchObject({ permission: 'HALT', isLatched: true })
    bench.pass(1_000, rearmed)
    bench.reconcile()
    expect(permissionOf(bench).decision.permission).toBe('ALLOW')
    expect(auditOf(bench, 'TRADE_PERMISSION_LATCH_RESET')).toEqual([
      {
        action: 'TRADE_PERMISSION_LATCH_RESET',
        subject: 'alice',
        correlationId: '',
        fields: { gates: 'kill_switch', reasons: 'HALT_KILL_SWITCH' },
      },
    ])
    expect(only(bench.propose(), 'submit').order.amount).toBe('100')
  })

  test('outlasts a return to NORMAL in nobody’s name until its window has passed', () => {
    const bench = active()
    bench.pass(100, stop)
    bench.pass(1_000, unnamed)
    bench.reconcile()
    expect(bench.mode().mode).toBe('Active')
    expect(denialOf(bench.propose())).toBe('TradePermissionKillSwitch')
    for (let ms = 100; ms < 60_000; ms += 1_000) bench.pass(1_000, unnamed)
    expect(permissionOf(bench).decision.permission).toBe('ALLOW')
  })

  test('is not released by a reset of an earlier generation', () => {
    const bench = active()
    bench.pass(100, stop)
    bench.pass(100, { killSwitch: { mode: 'NORMAL', generation: 1, resetBy: 'alice' } })
    expect(permissionOf(bench).decision.permission).toBe('HALT')
    expect(auditOf(bench, 'TRADE_PERMISSION_LATCH_RESET')).toEqual([])
  })

  test('is not released while the switch is thrown, whoever is named', () => {
    const bench = active()
    bench.pass(100, stop)
    bench.pass(100, { killSwitch: { mode: 'HARD_STOP', generation: 3, resetBy: 'alice' } })
    expect(auditOf(bench, 'TRADE_PERMISSION_LATCH_RESET')).toEqual([])
  })

  test('does not take the budget’s HALT with it, though its cause is gone by then', () => {
    const bench = active({ openingsPerDayMax: 1 })
    bench.tickMs += DAY_MS - (bench.at().nowMs % DAY_MS) - 1_000
    bench.pass(10)
    bench.pass(10)
    bench.sampleClock()
    bench.readInstruments()
    bench.propose()
    bench.propose()
    bench.pass(100, stop)
    bench.pass(1_000, rearmed)
    expect(auditOf(bench, 'TRADE_PERMISSION_LATCH_RESET')).toHaveLength(1)
    expect(permissionOf(bench)).toMatchObject({
      decision: { permission: 'HALT', blockingGate: 'budget', isLatched: true },
      context: { budgetSignal: 'WITHIN' },
    })
  })

  test('does not hide that the budget is used', () => {
    const bench = active({ openingsPerDayMax: 1 })
    bench.propose()
    bench.propose()
    bench.pass(100, stop)
    bench.pass(100, rearmed)
    expect(permissionOf(bench).decision).toMatchObject({
      permission: 'HALT',
      blockingGate: 'budget',
    })
  })

  test('for want of a reading holds for the shorter window', () => {
    const bench = active()
    for (let i = 0; i < 3; i += 1) bench.pass(400, { killSwitch: null })
    expect(permissionOf(bench).context.faults).toContain('POLICY_CONTEXT_INCOMPLETE')
    bench.pass(100)
    expect(bench.mode().mode).toBe('Active')
    expect(denialOf(bench.propose())).toBe('TradePermissionKillSwitch')
    for (let i = 0; i < 4; i += 1) bench.pass(1_000)
    expect(permissionOf(bench).decision.permission).toBe('HALT')
    bench.pass(1_000)
    expect(permissionOf(bench).decision.permission).toBe('ALLOW')
  })

  test('before anything was ever read is the start, and is not held', () => {
    const bench = new EngineBench()
    bench.give({ kind: 'tick' })
    expect(permissionOf(bench).decision).toMatchObject({ permission: 'HALT', isLatched: false })
    bench.becomeActive()
    expect(permissionOf(bench).decision.permission).toBe('ALLOW')
  })
})

describe('the budget of openings', () => {
  test('lets the last order of the day go, and halts at the next that is asked for', () => {
    const bench = active({ openingsPerDayMax: 1 })
    const { label } = only(bench.propose(), 'submit').order
    bench.dispatch(label)
    bench.pass(100)
    expect(bench.engine.judgeDispatch(label, bench.at())).toBeNull()
    expect(denialOf(bench.propose())).toBe('TradePermissionBudget')
    expect(bench.engine.judgeDispatch(label, bench.at())).toBe('TradingModeForbidsOpen')
  })

  test('halts beyond its limit, degrades the risk state, cancels what could open, and lets closing pass', () => {
    const bench = active({ openingsPerDayMax: 1 })
    const resting = bench.rest({}, 'v1')
    bench.pass(100)
    expect(bench.mode()).toMatchObject({ mode: 'Active', riskState: 'Healthy' })
    expect(denialOf(bench.propose())).toBe('TradePermissionBudget')
    expect(bench.mode()).toMatchObject({
      mode: 'ReduceOnly',
      reasons: ['REDUCEONLY_RISKSTATE_DEGRADED'],
      riskState: 'Degraded',
    })
    expect(only(bench.pass(100), 'cancel').cancel.label).toBe(resting)
    only(bench.propose({ reduce_only: true, side: 'sell' }), 'submit')
    expect(permissionOf(bench).openings).toMatchObject({ openings: 1, openingsMax: 1 })
  })

  test('counts no order that closes and none that was denied', () => {
    const bench = active({ openingsPerDayMax: 2 })
    bench.propose({ reduce_only: true })
    expect(denialOf(bench.propose({ amount: '1000000' }))).toBe('OrderNotionalAboveLimit')
    expect(permissionOf(bench).openings.openings).toBe(0)
  })

  test('begins anew with the UTC day, and the HALT ends after its window', () => {
    const bench = active({ openingsPerDayMax: 1 })
    bench.propose()
    bench.propose()
    expect(bench.mode().riskState).toBe('Degraded')
    bench.tickMs += DAY_MS - (bench.at().nowMs % DAY_MS)
    bench.pass(100)
    bench.pass(100)
    bench.sampleClock()
    expect(permissionOf(bench).openings.openings).toBe(0)
    expect(permissionOf(bench).decision.permission).toBe('ALLOW')
  })

  test('that was used a moment before midnight still holds its HALT after it', () => {
    const bench = active({ openingsPerDayMax: 1 })
    bench.tickMs += DAY_MS - (bench.at().nowMs % DAY_MS) - 1_000
    bench.pass(10)
    bench.pass(10)
    bench.sampleClock()
    bench.readInstruments()
    only(bench.propose(), 'submit')
    bench.propose()
    bench.pass(100)
    bench.pass(900)
    expect(permissionOf(bench).openings.openings).toBe(0)
    expect(permissionOf(bench).decision).toMatchObject({ permission: 'HALT', isLatched: true })
    expect(bench.mode().riskState).toBe('Degraded')
  })

  test('degrades the risk state before anybody asks for the permission', () => {
    const bench = active({ openingsPerDayMax: 1 })
    const { nowMs } = bench.at()
    bench.recover([recordedIntent(nowMs), recordedIntent(nowMs)])
    expect(bench.mode().riskState).toBe('Degraded')
  })

  test('is rebuilt from the ledger: openings of today count, others do not', () => {
    const bench = active({ openingsPerDayMax: 3 })
    const { nowMs } = bench.at()
    const records = [
      recordedIntent(nowMs - DAY_MS),
      recordedIntent(nowMs - 5),
      recordedIntent(nowMs - 4, { reduce_only: true }),
      recordedIntent(nowMs - 3),
    ]
    bench.recover(records)
    expect(permissionOf(bench).openings.openings).toBe(2)
  })
})

describe('the decision in the audit', () => {
  test('stands beside every opening intent, with the confidence that had no part in it', () => {
    const bench = active()
    const wish = intent({ ai_confidence: 0.25 })
    const effects = bench.propose(wish)
    only(effects, 'submit')
    const [record] = auditOf(bench, 'TRADE_PERMISSION_DECIDED')
    expect(record).toEqual({
      action: 'TRADE_PERMISSION_DECIDED',
      subject: 'quoter',
      correlationId: wish.intent_id,
      fields: {
        timestamp_ms: String(bench.at().nowMs),
        policy_decision: 'ALLOW',
        reason_code: 'ALLOW_ALL_GATES_PASSED',
        blocking_gate: '',
        precedence_rank: '',
        is_latched: 'false',
        kill_switch_active: 'false',
        budget_signal: 'WITHIN',
        openings_today: '0',
        openings_max: '1000',
        health_status: 'GREEN',
        risk_assessment: 'NORMAL',
        error_codes: '',
        exchange_time_ms: String(bench.at().nowMs),
        drift_ms: '0',
        ai_confidence: '0.25',
      },
    })
  })

  test('is not written for what closes, and is bounded per second', () => {
    const bench = active({ decisionAuditsPerSecondMax: 3 })
    bench.propose({ reduce_only: true })
    expect(auditOf(bench, 'TRADE_PERMISSION_DECIDED')).toEqual([])
    for (let i = 0; i < 8; i += 1) bench.propose({ amount: '10' })
    expect(auditOf(bench, 'TRADE_PERMISSION_DECIDED')).toHaveLength(3)
    expect(bench.engine.view(bench.at()).counters['permission_audits_left_out']).toBe(5)
  })

  test('is written when the permission changes, once per change', () => {
    const bench = active()
    const before = auditOf(bench, 'TRADE_PERMISSION_CHANGED').length
    for (let i = 0; i < 3; i += 1) bench.pass(100, stop)
    const changes = auditOf(bench, 'TRADE_PERMISSION_CHANGED').slice(before)
    expect(changes.map(({ fields }) => fields?.['reason_code'])).toEqual(['HALT_KILL_SWITCH'])
  })
})
