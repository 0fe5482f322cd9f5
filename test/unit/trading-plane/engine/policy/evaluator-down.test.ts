import { describe, expect, test } from 'vitest'
import { type Policy, policySchema } from '@bulkhead/shared/contracts/policy.ts'
import { evaluatePolicy } from '@bulkhead/trading-plane/engine/policy/core.ts'
import { policyConfigSchema } from '@bulkhead/trading-plane/executor/policy-config.ts'
import { EngineBench, intent, ofKind, only } from '../harness.ts'

/** A policy whose every use fails, as a broken evaluator would. */
const broken = {
  get sets(): never {
    throw new Error('the policy is gone')
  },
  version: 'v1',
  strategy_owners: {},
} as unknown as Policy

const desk = () => new EngineBench({ policy: broken }).becomeActive()

const incidents = (bench: EngineBench) =>
  ofKind(bench.effects, 'audit').filter(({ record }) => record.action === 'INCIDENT_CREATED')

describe('while the policy cannot be evaluated', () => {
  test('CP-A3.1, BYP-05: nothing is sent to the exchange, and an incident says so', () => {
    const bench = desk()
    const effects = bench.propose()
    expect(only(effects, 'decision').decision).toMatchObject({
      verdict: 'denied',
      reject_reason_code: 'PolicyUnavailable',
      refused_by: 'Policy',
    })
    expect(ofKind(effects, 'submit')).toEqual([])
    expect(ofKind(effects, 'record')).toEqual([])
    expect(incidents(bench)).toMatchObject([{ record: { fields: { code: 'POLICY_UNAVAILABLE' } } }])
    const held = new EngineBench().becomeActive()
    expect(ofKind(held.propose(), 'submit')).toHaveLength(1)
  })

  test('one incident is said a minute, not one an order', () => {
    const bench = desk()
    bench.propose()
    bench.propose()
    expect(incidents(bench)).toHaveLength(1)
    bench.pass(60_000)
    bench.propose()
    expect(incidents(bench)).toHaveLength(2)
  })

  test('CP-A3.2: the account is read and reconciled as ever', () => {
    const bench = desk()
    bench.propose()
    expect(bench.mode().mode).toBe('Active')
    const asked = ofKind(bench.effects, 'reconcile').length
    bench.give({ kind: 'book-gap', instrument: 'BTC-PERPETUAL' })
    bench.pass(1_100)
    expect(ofKind(bench.effects, 'reconcile').length).toBe(asked + 1)
    const position = { instrument: 'BTC-PERPETUAL', size: 50, averagePrice: 6e4, markPrice: 6e4 }
    bench.give({ kind: 'positions', positions: [position] } as never)
    expect(bench.engine.view(bench.at()).positions).toHaveLength(1)
  })

  const close = () => intent({ side: 'sell', reduce_only: true, limit_price: '61000' })

  test('a close goes on where there is, or may be, something to close', () => {
    const bench = desk()
    const position = { instrument: 'BTC-PERPETUAL', size: 500, averagePrice: 6e4, markPrice: 6e4 }
    bench.give({ kind: 'positions', positions: [position] } as never)
    expect(ofKind(bench.give({ kind: 'intent', intent: close() }), 'submit')).toHaveLength(1)
  })

  test('a close is stopped where it is known that nothing is held and nothing rests', () => {
    const bench = desk()
    const effects = bench.give({ kind: 'intent', intent: close() })
    expect(ofKind(effects, 'submit')).toEqual([])
  })
})

test('BYP-06: while people cannot be asked, what needs them is not sent, and an incident says so', () => {
  const rules = policyConfigSchema.parse(undefined)
  const unaskable = {
    ...rules,
    get strategy_owners(): never {
      throw new Error('nobody can be asked')
    },
  }
  const limits = { orderNotionalUsdMax: 1_000_000, positionNotionalUsdMax: 5_000_000 }
  const bench = new EngineBench({
    ...limits,
    policy: unaskable as unknown as Policy,
  }).becomeActive()
  for (const amount of ['30000', '60000', '300000']) {
    const effects = bench.propose({ amount, expected_edge_usd: '10000' })
    expect(ofKind(effects, 'submit')).toEqual([])
    expect(only(effects, 'decision').decision).toMatchObject({
      verdict: 'denied',
      reject_reason_code: 'ApprovalsUnavailable',
    })
  }
  expect(incidents(bench)).toMatchObject([
    { record: { fields: { code: 'APPROVALS_UNAVAILABLE' } } },
  ])
  expect(bench.engine.view(bench.at()).approvalsPending).toEqual([])
  expect(ofKind(bench.propose({ amount: '100' }), 'submit')).toHaveLength(1)
})

test('the recorded snapshot gives the recorded decision again', () => {
  const policy = policySchema.parse({
    version: 'v1',
    sets: [
      {
        id: 'main',
        mode: 'enforce',
        rules: [
          {
            id: 'small_only',
            description: 'Nothing above 50 USD.',
            kind: 'limit',
            must: { field: 'order_notional_usd', operator: 'LE', value: 50 },
          },
        ],
      },
    ],
  })
  const bench = new EngineBench({ policy }).becomeActive()
  const denied = ofKind(bench.propose(), 'audit').find(
    ({ record }) => record.action === 'INTENT_DENIED',
  )
  expect(denied?.record.fields).toMatchObject({
    reason: 'PolicyDenied',
    failed_rules: 'small_only:RULE_VIOLATED:order_notional_usd',
  })
  const snapshot = JSON.parse(denied?.record.fields?.['snapshot'] ?? '') as never
  expect(evaluatePolicy(policy, snapshot)).toMatchObject({
    isAllowed: false,
    failed: [{ rule: 'small_only' }],
  })
  const allowed = ofKind(bench.propose({ amount: '50' }), 'audit').find(
    ({ record }) => record.action === 'POLICY_EVALUATED',
  )
  const again = JSON.parse(allowed?.record.fields?.['snapshot'] ?? '') as never
  expect(evaluatePolicy(policy, again)).toMatchObject({ isAllowed: true, tier: 'T0' })
})
