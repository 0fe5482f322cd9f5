import { describe, expect, test } from 'vitest'
import { policySchema } from '@bulkhead/shared/contracts/policy.ts'
import type { ApprovalDecision } from '@bulkhead/trading-plane/engine/approvals/core.ts'
import type { EngineConfig } from '@bulkhead/trading-plane/engine/config.ts'
import type { Effect } from '@bulkhead/trading-plane/engine/effects.ts'
import { driftPct, repairTier } from '@bulkhead/trading-plane/engine/recon/core.ts'
import { policyConfigSchema } from '@bulkhead/trading-plane/executor/policy-config.ts'
import type { LedgerRecord } from '@bulkhead/trading-plane/ledger/records.ts'
import {
  denialOf,
  EngineBench,
  engineConfig,
  intent,
  ofKind,
  only,
  openOrder,
  perpetual,
  trade,
} from '../harness.ts'

const recon: EngineConfig['recon'] = {
  repairLowPct: 2,
  repairHighPct: 10,
  riskOffPct: 5,
  mustAsk: true,
  readEveryMs: 60_000,
  proposeEveryMs: 60_000,
}
const config = {
  orderNotionalUsdMax: 100_000,
  positionNotionalUsdMax: 1_000_000,
  policy: policyConfigSchema.parse(undefined),
  recon,
}

/** A desk whose own trades explain a position of 10,000. */
function desk(change: Partial<EngineConfig> = {}): EngineBench {
  const bench = new EngineBench({ ...config, ...change }).becomeActive()
  const label = bench.rest(intent({ amount: '10000' }))
  bench.give({ kind: 'trades', trades: [trade(label, 10_000)] })
  bench.give({ kind: 'orders', orders: [openOrder(label, 10_000)] })
  read(bench, 10_000)
  return bench
}

const position = (size: number) => ({
  instrument: perpetual.name,
  size,
  averagePrice: 60_000,
  markPrice: 60_000,
})
/** A whole reading of the account that finds this position. */
function read(bench: EngineBench, size: number): Effect[] {
  const positions = size === 0 ? [] : [position(size)]
  return bench.reconcile({ positions })
}
/** Two readings: one difference may be a fill between two answers. */
function drift(bench: EngineBench, size: number): Effect[] {
  return [...read(bench, size), ...read(bench, size)]
}
/** The reading that the latch waits for; what it found is known by then. */
function settle(bench: EngineBench, size: number): void {
  bench.pass(1_000)
  read(bench, size)
  bench.pass(100)
}
const actions = (effects: readonly Effect[]) =>
  ofKind(effects, 'audit').map(({ record }) => record.action)
const incidents = (effects: readonly Effect[]) =>
  ofKind(effects, 'audit').flatMap(({ record }) =>
    record.action === 'INCIDENT_CREATED' ? [[record.subject, record.fields]] : [],
  )
const adjusts = (effects: readonly Effect[]) =>
  ofKind(effects, 'record').flatMap(({ record }) => (record.type === 'adjust' ? [record] : []))
const pending = (bench: EngineBench) => bench.engine.view(bench.at()).approvalsPending
const agree = (bench: EngineBench, decision: Partial<ApprovalDecision>) => {
  const [request] = pending(bench)
  if (request === undefined) throw new Error('nothing waits')
  const { request_id: requestId, tier } = request.payload
  const own = { type: 'GRANT' as const, requestId, operatorId: 'alice', isBound: true, lapsed: [] }
  return bench.give({
    kind: 'approval',
    decision: { ...own, tier: tier as 'T2' | 'T3', ...decision },
  })
}
const opening = (bench: EngineBench) => denialOf(bench.propose({ amount: '100' }))

describe('the difference of two positions', () => {
  test.each([
    [100, 107, 7],
    [107, 100, 7],
    [-200, -190, 5.263],
    [0, 10, Infinity],
    [10, 0, Infinity],
    [10, -10, Infinity],
  ])('of %d and %d is %d percent of the smaller', (ours, theirs, pct) => {
    expect(driftPct(ours, theirs)).toBeCloseTo(pct, 2)
  })

  test.each([
    [0.1, 'T1'],
    [1.999, 'T1'],
    [2, 'T2'],
    [10, 'T2'],
    [10.001, 'T3'],
    [Infinity, 'T3'],
  ])('of %d percent is repaired at %s', (pct, tier) => {
    expect(repairTier(pct, recon)).toBe(tier)
  })
})

describe('a position that drifts from what the ledger explains', () => {
  test('CP-A6.1: by 7 percent raises an incident and stops opening in its instrument', () => {
    const bench = desk()
    expect(opening(bench)).toBeUndefined()
    const effects = drift(bench, 10_700)
    expect(incidents(effects)).toEqual([
      [
        perpetual.name,
        {
          code: 'POSITION_DRIFT',
          severity: 'critical',
          ours: '10000',
          theirs: '10700',
          drift_pct: '7.00',
          tier: 'T2',
          risk_off: 'true',
        },
      ],
    ])
    settle(bench, 10_700)
    expect(bench.mode().mode).toBe('Active')
    expect(opening(bench)).toBe('PositionDriftRiskOff')
    const out = intent({ side: 'sell', reduce_only: true, amount: '100', limit_price: '61000' })
    expect(denialOf(bench.give({ kind: 'intent', intent: out }))).toBeUndefined()
  })

  test('stops an order that was on its way, and takes back what rests and could open', () => {
    const bench = desk()
    const onItsWay = only(bench.propose({ amount: '100' }), 'submit').order.label
    bench.dispatch(onItsWay, 2_000)
    const resting = bench.rest(intent({ amount: '200' }))
    expect(bench.engine.judgeDispatch(onItsWay, bench.at())).toBeNull()
    drift(bench, 10_700)
    expect(bench.engine.judgeDispatch(onItsWay, bench.at())).toBe('PositionDriftRiskOff')
    expect(ofKind(bench.pass(100), 'cancel').map(({ cancel }) => cancel.label)).toContain(resting)
  })

  test('by 4 percent is told and waits for a person, and opening goes on', () => {
    const bench = desk()
    const effects = drift(bench, 10_400)
    expect(incidents(effects)).toHaveLength(1)
    expect(pending(bench)[0]?.payload).toMatchObject({ tool: 'repair_position', tier: 'T2' })
    settle(bench, 10_400)
    expect(opening(bench)).toBeUndefined()
  })

  test('CP-U3: that exists at the venue only is a critical incident and risk off there', () => {
    const bench = new EngineBench(config).becomeActive()
    const effects = drift(bench, 500)
    expect(incidents(effects)[0]).toMatchObject([
      perpetual.name,
      { code: 'POSITION_NOT_OURS', severity: 'critical', ours: '0', theirs: '500', tier: 'T3' },
    ])
    settle(bench, 500)
    expect(bench.mode().mode).toBe('Active')
    expect(opening(bench)).toBe('PositionDriftRiskOff')
    const close = intent({ side: 'sell', reduce_only: true, amount: '100', limit_price: '61000' })
    expect(denialOf(bench.give({ kind: 'intent', intent: close }))).toBeUndefined()
    expect(bench.engine.view(bench.at()).positions).toMatchObject([{ size: 500 }])
  })

  test('for one reading only, as while a fill is told, is no incident and asks again soon', () => {
    const bench = desk()
    const before = bench.effects.length
    read(bench, 10_700)
    expect(opening(bench)).toBe('PositionDriftRiskOff')
    only(bench.pass(1_000), 'reconcile')
    read(bench, 10_000)
    bench.pass(1_000)
    read(bench, 10_000)
    bench.pass(100)
    expect(incidents(bench.effects.slice(before))).toEqual([])
    expect(opening(bench)).toBeUndefined()
  })

  test('is looked for every minute, and only asked once a minute to be repaired', () => {
    const bench = desk()
    expect(ofKind(bench.pass(1_000), 'reconcile')).toHaveLength(0)
    only(bench.pass(60_000), 'reconcile')
    drift(bench, 10_700)
    const [first] = pending(bench)
    agree(bench, { type: 'DENY' })
    read(bench, 10_700)
    expect(pending(bench)).toEqual([])
    bench.tickMs += 60_000
    read(bench, 10_700)
    const [second] = pending(bench)
    expect(second?.payload.request_id).not.toBe(first?.payload.request_id)
  })
})

describe('CP-L8: a repair of what the ledger explains', () => {
  test('below 2 percent is done at once and told', () => {
    const bench = desk()
    const effects = drift(bench, 10_100)
    expect(adjusts(effects)).toMatchObject([{ side: 'buy', steps: 10, tier: 'T1' }])
    expect(actions(effects)).toEqual(
      expect.arrayContaining(['POLICY_EVALUATED', 'ACTION_NOTIFIED', 'POSITION_REPAIRED']),
    )
    expect(pending(bench)).toEqual([])
    expect(incidents(drift(bench, 10_100))).toEqual([])
  })

  test('up to 10 percent waits for one person', () => {
    const bench = desk()
    expect(adjusts(drift(bench, 10_900))).toEqual([])
    const [request] = pending(bench)
    expect(request?.payload).toMatchObject({
      tool: 'repair_position',
      strategy_id: 'recon',
      instrument: perpetual.name,
      tier: 'T2',
      params: { side: 'buy', steps: 90, ours: 10_000, theirs: 10_900, drift_pct: 9 },
    })
    const effects = agree(bench, {})
    expect(adjusts(effects)).toMatchObject([{ side: 'buy', steps: 90, tier: 'T2' }])
    expect(actions(effects)).toEqual(['APPROVAL_GRANTED', 'POSITION_REPAIRED', 'APPROVAL_CONSUMED'])
  })

  test('beyond 10 percent waits for two different people', () => {
    const bench = desk()
    drift(bench, -500)
    expect(pending(bench)[0]?.payload).toMatchObject({ tier: 'T3', params: { side: 'sell' } })
    expect(adjusts(agree(bench, {}))).toEqual([])
    expect(adjusts(agree(bench, {}))).toEqual([])
    expect(opening(bench)).toBe('PositionDriftRiskOff')
    const effects = agree(bench, { operatorId: 'bob' })
    expect(adjusts(effects)).toMatchObject([{ side: 'sell', steps: 1_050, tier: 'T3' }])
    settle(bench, -500)
    expect(opening(bench)).toBeUndefined()
  })

  test('is done and told at any size where no money is real', () => {
    const bench = desk({ recon: { ...recon, mustAsk: false } })
    expect(adjusts(drift(bench, 0))).toMatchObject([{ side: 'sell', steps: 1_000, tier: 'T1' }])
  })

  test('that was denied, ran out, or is of another difference by now, is not done', () => {
    const denied = desk()
    drift(denied, 10_900)
    const changed = desk()
    drift(changed, 10_900)
    read(changed, 10_800)
    const late = desk()
    drift(late, 10_900)
    late.pass(engineConfig.approvalMsMax)
    agree(denied, { type: 'DENY' })
    const effects = agree(changed, {})
    expect(ofKind(effects, 'audit').at(-1)?.record.fields).toMatchObject({ outcome: 'outdated' })
    expect(pending(late)).toEqual([])
    for (const bench of [denied, changed, late]) expect(adjusts(bench.effects)).toEqual([])
  })

  test('waits for nobody any more once the difference is gone', () => {
    const bench = desk()
    drift(bench, 10_900)
    const effects = read(bench, 10_000)
    expect(actions(effects)).toEqual(
      expect.arrayContaining(['APPROVAL_WITHDRAWN', 'POSITION_DRIFT_ENDED']),
    )
    expect(pending(bench)).toEqual([])
  })
})

describe('BYP-18: nothing repairs what the ledger explains but an action that the policy let pass', () => {
  const forbidding = policySchema.parse({
    version: 'v1',
    sets: [
      {
        id: 'bounds',
        mode: 'enforce',
        rules: [
          {
            id: 'small_repairs',
            description: 'No repair of more than half a percent.',
            scope: { tools: ['repair_position'] },
            kind: 'limit',
            must: { field: 'drift_pct', operator: 'LE', value: 0.5 },
          },
        ],
      },
    ],
  })

  test('whatever the venue says, the ledger gets no entry that the policy denies', () => {
    const bench = desk({ policy: forbidding })
    for (const size of [10_100, 10_900, 20_000, 0, -5_000]) {
      drift(bench, size)
      bench.tickMs += 60_000
    }
    bench.give({ kind: 'positions', positions: [position(3_000)] })
    expect(adjusts(bench.effects)).toEqual([])
    expect(pending(bench)).toEqual([])
    const judged = ofKind(bench.effects, 'audit').filter(
      ({ record }) =>
        record.action === 'POLICY_EVALUATED' && record.fields?.['allowed'] === 'false',
    )
    expect(judged.length).toBeGreaterThan(3)
    // Exposure follows the venue all the same: reading is free.
    expect(bench.engine.view(bench.at()).positions).toMatchObject([{ size: 3_000 }])
  })

  test('a policy that asks for more people than the drift does is obeyed', () => {
    const rule = { id: 'all', description: 'Two people for all.', kind: 'tier', tier: 'T3' }
    const policy = policySchema.parse({
      version: 'v1',
      sets: [
        {
          id: 'people',
          mode: 'enforce',
          rules: [{ ...rule, scope: { tools: ['repair_position'] } }],
        },
      ],
    })
    const bench = desk({ policy })
    expect(adjusts(drift(bench, 10_100))).toEqual([])
    expect(pending(bench)[0]?.payload.tier).toBe('T3')
  })
})

test('a start knows what its ledger explains, repairs among it', () => {
  const first = desk()
  drift(first, 10_100)
  const records: LedgerRecord[] = first.effects.flatMap((effect) =>
    effect.kind === 'record' || effect.kind === 'submit' ? [effect.record] : [],
  )
  const next = new EngineBench(config)
  next.tickMs += 60_000
  next.recover(records)
  next.becomeActive()
  next.reconcile({ positions: [position(10_100)] })
  next.reconcile({ positions: [position(10_100)] })
  expect(next.engine.view(next.at()).counters['position_drifts']).toBe(0)
  const lost = drift(next, 9_900)
  expect(incidents(lost)[0]).toMatchObject([perpetual.name, { ours: '10100', theirs: '9900' }])
})
