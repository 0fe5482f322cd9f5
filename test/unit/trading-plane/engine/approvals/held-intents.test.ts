import { randomUUID } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import type { Policy, PolicyRule } from '@bulkhead/shared/contracts/policy.ts'
import { approvalsPendingMax } from '@bulkhead/shared/contracts/governed-actions.ts'
import type { ApprovalDecision } from '@bulkhead/trading-plane/engine/approvals/core.ts'
import type { Effect } from '@bulkhead/trading-plane/engine/effects.ts'
import { evaluatePolicy } from '@bulkhead/trading-plane/engine/policy/core.ts'
import { policyConfigSchema } from '@bulkhead/trading-plane/executor/policy-config.ts'
import { EngineBench, intent, ofKind, only } from '../harness.ts'

const approvalMsMax = 300_000
const largest: PolicyRule = {
  id: 'largest',
  description: 'Two people agree to more than 250,000 USD.',
  scope: {},
  applies_if: [{ field: 'order_notional_usd', operator: 'GT', value: 250_000 }],
  kind: 'tier',
  tier: 'T3',
}

const policyOf = (rule: PolicyRule): Policy => ({
  version: 'v1',
  sets: [{ id: 'main', mode: 'enforce', rules: [rule] }],
  strategy_owners: {},
})

const limits = {
  orderNotionalUsdMax: 1_000_000,
  positionNotionalUsdMax: 5_000_000,
  openOrdersMax: 50,
  approvalMsMax,
}

/** The default policy: people agree to more than 50,000 USD, two of them to more than 250,000. */
const defaults = policyConfigSchema.parse(undefined)

const desk = (policy: Policy = defaults) => new EngineBench({ ...limits, policy }).becomeActive()

const large = (wish = {}) => intent({ amount: '60000', expected_edge_usd: '1000', ...wish })
const huge = (wish = {}) => large({ amount: '300000', ...wish })

const propose = (bench: EngineBench, wish = large()) => bench.give({ kind: 'intent', intent: wish })

const word = (
  bench: EngineBench,
  requestId: string,
  decision: Partial<ApprovalDecision> = {},
): Effect[] =>
  bench.give({
    kind: 'approval',
    decision: {
      type: 'GRANT',
      requestId,
      operatorId: 'alice',
      tier: 'T2',
      isBound: true,
      lapsed: [],
      ...decision,
    },
  })

const actions = (effects: readonly Effect[]) =>
  ofKind(effects, 'audit').map(({ record }) => record.action)

const toldStates = (effects: readonly Effect[]) =>
  ofKind(effects, 'tell').flatMap(({ message }) =>
    message.type === 'outcome' ? [[message.state, message.reject_reason_code]] : [],
  )

const pending = (bench: EngineBench) => bench.engine.view(bench.at()).approvalsPending
const ended = (bench: EngineBench) => bench.engine.view(bench.at()).approvalsEnded

describe('an order by its size', () => {
  test.each([
    ['25000', 1, []],
    ['25010', 1, ['ACTION_NOTIFIED']],
    ['50000', 1, ['ACTION_NOTIFIED']],
    ['50010', 0, ['APPROVAL_REQUESTED']],
    ['250010', 0, ['APPROVAL_REQUESTED']],
  ])('of %s USD is sent %d times', (amount, submits, expected) => {
    const effects = propose(desk(), large({ amount }))
    expect(ofKind(effects, 'submit')).toHaveLength(submits)
    expect(actions(effects)).toEqual(expect.arrayContaining(['POLICY_EVALUATED', ...expected]))
    expect(actions(effects).filter((action) => /APPROVAL|NOTIFIED/.test(action))).toEqual(expected)
  })

  test('is judged on the record before anything else is written of it', () => {
    const effects = propose(desk(), large({ amount: '100' }))
    const judged = effects.findIndex((one) => one.kind === 'audit')
    expect(actions(effects)[0]).toBe('POLICY_EVALUATED')
    expect(judged).toBeLessThan(effects.findIndex(({ kind }) => kind === 'submit'))
    const { correlationId } = ofKind(effects, 'audit')[0]!.record
    expect(only(effects, 'submit').audit.correlationId).toBe(correlationId)
  })

  test('CP-L9: is not held when it only protects, however large, and is on the record', () => {
    const bench = desk()
    bench.give({
      kind: 'positions',
      positions: [
        { instrument: 'BTC-PERPETUAL', size: 900_000, averagePrice: 60_000, markPrice: 60_000 },
      ],
    } as never)
    const close = huge({ side: 'sell', reduce_only: true, limit_price: '59000' })
    const effects = propose(bench, close)
    expect(ofKind(effects, 'submit')).toHaveLength(1)
    const judged = ofKind(effects, 'audit').find(
      ({ record }) => record.action === 'POLICY_EVALUATED',
    )
    expect(judged?.record.fields).toMatchObject({ allowed: 'true', tier: 'T0' })
    const stop = { tool: 'set_trading_stop', order_notional_usd: 900_000 } as const
    const policy = policyOf(largest)
    expect(evaluatePolicy(policy, { ...stop, reduce_only: true }).tier).toBe('T0')
    expect(evaluatePolicy(policy, { ...stop, reduce_only: false }).tier).toBe('T3')
  })
})

describe('a held order', () => {
  test('leaves nothing but the request, and its strategy is told', () => {
    const bench = desk()
    const effects = propose(bench)
    expect(ofKind(effects, 'record')).toEqual([])
    expect(toldStates(effects)).toEqual([['held', undefined]])
    expect(only(effects, 'decision').decision).toMatchObject({
      verdict: 'held',
      refused_by: 'Approval',
      reject_reason_code: null,
    })
    expect(pending(bench)).toHaveLength(1)
    expect(bench.engine.view(bench.at()).liveLegs).toEqual([])
  })

  test('goes on once enough people agreed, and only once', () => {
    const bench = desk()
    const wish = large()
    propose(bench, wish)
    const effects = word(bench, wish.intent_id)
    expect(actions(effects)).toEqual([
      'APPROVAL_GRANTED',
      'POLICY_EVALUATED',
      'TRADE_PERMISSION_DECIDED',
      'APPROVAL_CONSUMED',
    ])
    expect(only(effects, 'submit').audit.correlationId).toBe(wish.intent_id)
    expect(ended(bench)).toMatchObject([{ state: 'CONSUMED', endedBy: 'went on' }])
    expect(word(bench, wish.intent_id, { operatorId: 'bob' })).toEqual([])
    expect(toldStates(propose(bench, wish))).toEqual([['accepted', undefined]])
    const other = { ...wish, post_only: true }
    expect(toldStates(propose(bench, other))).toEqual([['denied', 'DuplicateIntent']])
  })

  test('counts nobody whose right fell before the last word', () => {
    const bench = desk()
    const wish = large()
    propose(bench, wish)
    word(bench, wish.intent_id, { type: 'ESCALATE', tier: 'T3' })
    word(bench, wish.intent_id, { tier: 'T3' })
    const second = word(bench, wish.intent_id, { tier: 'T3', operatorId: 'bob', lapsed: ['alice'] })
    expect(ofKind(second, 'submit')).toEqual([])
    expect(only(second, 'audit').record.fields).toMatchObject({
      granted_by: 'bob',
      lapsed: 'alice',
    })
    const third = word(bench, wish.intent_id, { tier: 'T3', operatorId: 'carol' })
    expect(ofKind(third, 'submit')).toHaveLength(1)
  })

  test('waits for two different people where the policy wants two', () => {
    const bench = desk()
    const wish = huge()
    propose(bench, wish)
    const once = word(bench, wish.intent_id, { tier: 'T3' })
    expect(ofKind(once, 'submit')).toEqual([])
    expect(word(bench, wish.intent_id, { tier: 'T3' })).toEqual([])
    const twice = word(bench, wish.intent_id, { tier: 'T3', operatorId: 'bob' })
    expect(ofKind(twice, 'submit')).toHaveLength(1)
  })

  test('goes through every gate again: an approval is no way around one', () => {
    const bench = desk()
    const wish = large()
    propose(bench, wish)
    bench.pass(100, { killSwitch: { mode: 'SOFT_STOP', generation: 2 } })
    const effects = word(bench, wish.intent_id)
    expect(ofKind(effects, 'submit')).toEqual([])
    expect(toldStates(effects)).toContainEqual(['denied', expect.any(String)])
    expect(ended(bench)[0]?.endedBy).toMatch(/^denied TradePermission/)
    expect(pending(bench)).toEqual([])
  })

  test('is denied for good when one person says no', () => {
    const bench = desk()
    const wish = huge()
    propose(bench, wish)
    const effects = word(bench, wish.intent_id, { type: 'DENY', tier: 'T3' })
    expect(toldStates(effects)).toEqual([['denied', 'ApprovalDenied']])
    expect(only(effects, 'decision-withheld')).toMatchObject({ refusedBy: 'Approval' })
    expect(word(bench, wish.intent_id, { tier: 'T3', operatorId: 'bob' })).toEqual([])
  })

  test('needs two people from the moment it is escalated, whoever agreed before', () => {
    const bench = desk()
    const wish = large()
    propose(bench, wish)
    word(bench, wish.intent_id, { type: 'ESCALATE', tier: 'T3' })
    expect(pending(bench)[0]).toMatchObject({ payload: { tier: 'T3' }, grantedBy: [] })
    expect(word(bench, wish.intent_id)).toEqual([])
    word(bench, wish.intent_id, { tier: 'T3' })
    const effects = word(bench, wish.intent_id, { tier: 'T3', operatorId: 'bob' })
    expect(ofKind(effects, 'submit')).toHaveLength(1)
  })

  test('is not taken for another when it is proposed again', () => {
    const bench = desk()
    const wish = large()
    propose(bench, wish)
    expect(toldStates(propose(bench, wish))).toEqual([['held', undefined]])
    const other = { ...wish, post_only: true }
    expect(toldStates(propose(bench, other))).toEqual([['denied', 'DuplicateIntent']])
    expect(pending(bench)).toHaveLength(1)
  })

  test('can be cancelled by its strategy and by no other', () => {
    const bench = desk()
    const wish = large()
    propose(bench, wish)
    const cancel = { type: 'cancel', intent_id: randomUUID(), target_intent_id: wish.intent_id }
    const by = (strategy_id: string) =>
      bench.give({ kind: 'intent', intent: { ...cancel, strategy_id } as never })
    expect(toldStates(by('other'))).toEqual([['denied', 'OrderUnknown']])
    expect(pending(bench)).toHaveLength(1)
    expect(toldStates(by('quoter'))).toEqual([
      ['cancelled', undefined],
      ['accepted', undefined],
    ])
    expect(pending(bench)).toEqual([])
  })

  test('is withdrawn when nobody minds it any more', () => {
    const bench = desk()
    propose(bench)
    const effects = bench.give({ kind: 'strategies-gone', strategyIds: ['quoter'] })
    expect(actions(effects)).toEqual(['APPROVAL_WITHDRAWN'])
    expect(pending(bench)).toEqual([])
  })

  test('the owner of a strategy cannot agree to what it proposes', () => {
    const bench = desk({ ...defaults, strategy_owners: { quoter: ['alice'] } })
    const wish = large()
    propose(bench, wish)
    expect(word(bench, wish.intent_id)).toEqual([])
    expect(ofKind(word(bench, wish.intent_id, { operatorId: 'bob' }), 'submit')).toHaveLength(1)
  })

  test('is refused at once when too many wait', () => {
    const bench = desk()
    for (let n = 0; n < approvalsPendingMax; n += 1) propose(bench)
    expect(toldStates(propose(bench))).toEqual([['denied', 'ApprovalsFull']])
    expect(pending(bench)).toHaveLength(approvalsPendingMax)
  })
})

test('CP-L2: what nobody agreed to in five minutes is over, and no word revives it', () => {
  const bench = desk()
  const wish = large()
  propose(bench, wish)
  expect(policyWaits(bench)).toBe(approvalMsMax)
  bench.tickMs += approvalMsMax - 100
  expect(actions(bench.give({ kind: 'tick' }))).not.toContain('APPROVAL_EXPIRED')
  bench.tickMs += 100
  expect(word(bench, wish.intent_id)).toEqual([])
  const effects = bench.give({ kind: 'tick' })
  expect(actions(effects)).toContain('APPROVAL_EXPIRED')
  expect(toldStates(effects)).toContainEqual(['denied', 'ApprovalExpired'])
  expect(ended(bench)).toMatchObject([{ state: 'EXPIRED' }])
  expect(word(bench, wish.intent_id)).toEqual([])
})

function policyWaits(bench: EngineBench): number {
  const [request] = pending(bench)
  return (request?.expiresTickMs ?? 0) - bench.tickMs
}

describe('a policy that changes its mind while people think', () => {
  test('is not satisfied by fewer people than it wants now', () => {
    const rule = (id: string, tier: 'T2' | 'T3', above: number) => ({
      id,
      description: id,
      kind: 'tier' as const,
      scope: {},
      applies_if: [{ field: 'mm_util' as const, operator: 'GT' as const, value: above }],
      tier,
    })
    const sets = [
      {
        id: 'margin',
        mode: 'enforce' as const,
        rules: [rule('any', 'T2', 0), rule('high', 'T3', 0.2)],
      },
    ]
    const bench = desk({ version: 'v1', sets, strategy_owners: {} })
    const wish = large({ amount: '100' })
    propose(bench, wish)
    bench.account = [{ currency: 'BTC', equity: 10, maintenanceMargin: 3, initialMargin: 3 }]
    bench.readAccount()
    const effects = word(bench, wish.intent_id)
    expect(toldStates(effects)).toEqual([['denied', 'ApprovalInsufficient']])
    expect(ofKind(effects, 'submit')).toEqual([])
  })
})
