import { describe, expect, test } from 'vitest'
import {
  type Policy,
  type PolicyRule,
  policySchema,
  type PolicySnapshot,
} from '@bulkhead/shared/contracts/policy.ts'
import { evaluatePolicy } from '@bulkhead/trading-plane/engine/policy/core.ts'

const opening: PolicySnapshot = {
  tool: 'submit_order',
  strategy_id: 'quoter',
  instrument: 'BTC-PERPETUAL',
  side: 'buy',
  reduce_only: false,
  order_notional_usd: 60_000,
  trading_mode: 'Active',
}

const large: PolicyRule = {
  id: 'large_order',
  description: 'One person agrees to what is larger than 50,000 USD.',
  scope: { tools: ['submit_order'] },
  applies_if: [{ field: 'order_notional_usd', operator: 'GT', value: 50_000 }],
  kind: 'tier',
  tier: 'T2',
}

const huge: PolicyRule = {
  ...large,
  id: 'huge_order',
  applies_if: [{ field: 'order_notional_usd', operator: 'GT', value: 500_000 }],
  tier: 'T3',
}

const longOnly: PolicyRule = {
  id: 'long_only',
  description: 'Buys only.',
  scope: {},
  applies_if: [],
  kind: 'limit',
  must: { field: 'side', operator: 'EQ', value: 'buy' },
}

const policyOf = (...rules: PolicyRule[]): Policy =>
  policySchema.parse({ version: 'v1', sets: [{ id: 'main', mode: 'enforce', rules }] })

describe('tiers', () => {
  test.each([
    [49_999, 'T0', []],
    [50_000, 'T0', []],
    [50_001, 'T2', ['large_order']],
    [500_001, 'T3', ['huge_order']],
  ])('an order of %d USD is %s', (notional, tier, rules) => {
    const snapshot = { ...opening, order_notional_usd: notional }
    const decision = evaluatePolicy(policyOf(large, huge), snapshot)
    expect(decision).toMatchObject({ isAllowed: true, tier, tierRules: rules })
  })

  test('a tier that cannot be told denies', () => {
    const { order_notional_usd: _unknown, ...snapshot } = opening
    expect(evaluatePolicy(policyOf(large), snapshot)).toMatchObject({
      isAllowed: false,
      failed: [{ rule: 'large_order', fault: 'FIELD_MISSING', field: 'order_notional_usd' }],
    })
  })
})

describe('limits', () => {
  test('a violated limit denies and is named', () => {
    const decision = evaluatePolicy(policyOf(longOnly), { ...opening, side: 'sell' })
    expect(decision.isAllowed).toBe(false)
    expect(decision.failed).toEqual([{ rule: 'long_only', fault: 'RULE_VIOLATED', field: 'side' }])
  })

  test.each([
    ['LT', 60_001, true],
    ['LT', 60_000, false],
    ['LE', 60_000, true],
    ['LE', 59_999, false],
    ['GT', 59_999, true],
    ['GT', 60_000, false],
    ['GE', 60_000, true],
    ['GE', 60_001, false],
    ['EQ', 60_000, true],
    ['EQ', 1, false],
    ['NE', 1, true],
    ['NE', 60_000, false],
    ['IN', [1, 60_000], true],
    ['IN', [1], false],
    ['NOT_IN', [1], true],
    ['NOT_IN', [60_000], false],
    ['BETWEEN', [60_000, 60_000], true],
    ['BETWEEN', [0, 59_999], false],
    ['BETWEEN', [60_001, 70_000], false],
  ] as const)('60,000 %s %j: %s', (operator, value, expected) => {
    const must = {
      field: 'order_notional_usd',
      operator,
      value: Array.isArray(value) ? [...value] : (value as number),
    } as const
    const rule = { ...longOnly, must } as PolicyRule
    expect(evaluatePolicy(policyOf(rule), opening).isAllowed).toBe(expected)
  })

  test('a rule applies only where all its conditions hold', () => {
    const rule: PolicyRule = {
      ...longOnly,
      applies_if: [{ field: 'instrument', operator: 'EQ', value: 'ETH-PERPETUAL' }],
    }
    expect(evaluatePolicy(policyOf(rule), { ...opening, side: 'sell' }).isAllowed).toBe(true)
  })

  test('a rule in the scope of others is not about this action, unless it cannot be told', () => {
    const rule: PolicyRule = { ...longOnly, scope: { strategies: ['other'] } }
    const selling = { ...opening, side: 'sell' }
    expect(evaluatePolicy(policyOf(rule), selling).isAllowed).toBe(true)
    expect(evaluatePolicy(policyOf(rule), { ...selling, strategy_id: null }).isAllowed).toBe(false)
  })
})

describe('what cannot be compared', () => {
  test.each([
    ['text for a number', '60000'],
    ['a flag for a number', true],
    ['no number', Number.NaN],
    ['an unbounded number', Number.POSITIVE_INFINITY],
  ])('%s fails the rule', (_name, value) => {
    const must = { field: 'order_notional_usd', operator: 'GE', value: 0 } as const
    const decision = evaluatePolicy(policyOf({ ...longOnly, must }), {
      ...opening,
      order_notional_usd: value,
    })
    expect(decision.isAllowed).toBe(false)
    expect(decision.failed[0]?.fault).toBe('FIELD_TYPE_WRONG')
  })
})

describe('what takes risk away', () => {
  const everything = policyOf(large, longOnly)

  test.each([
    ['a cancel', { tool: 'cancel_order' }],
    ['a cancel of everything', { tool: 'cancel_all_orders' }],
    ['a reduce-only order', { ...opening, side: 'sell', reduce_only: true }],
    ['a protective stop', { ...opening, tool: 'set_trading_stop', reduce_only: true }],
  ])('%s is neither held nor denied, whatever the rules say', (_name, snapshot) => {
    expect(evaluatePolicy(everything, snapshot)).toMatchObject({ isAllowed: true, tier: 'T0' })
  })

  test('a stop that is not clearly reduce-only is judged like an order', () => {
    const stop = { ...opening, tool: 'set_trading_stop', side: 'sell' }
    expect(evaluatePolicy(everything, stop).isAllowed).toBe(false)
    expect(evaluatePolicy(everything, { ...stop, reduce_only: null }).isAllowed).toBe(false)
  })

  test('what the rules say of it is recorded', () => {
    const decision = evaluatePolicy(everything, { ...opening, side: 'sell', reduce_only: true })
    expect(decision.failed).toHaveLength(1)
  })
})

describe('shadow sets', () => {
  const shadowed = (rule: PolicyRule) =>
    policySchema.parse({ version: 'v1', sets: [{ id: 'trial', mode: 'shadow', rules: [rule] }] })

  test('report what they would deny, and deny nothing', () => {
    const decision = evaluatePolicy(shadowed(longOnly), { ...opening, side: 'sell' })
    expect(decision).toMatchObject({ isAllowed: true, failed: [] })
    expect(decision.shadow).toEqual([{ rule: 'long_only', fault: 'RULE_VIOLATED', field: 'side' }])
  })

  test('hold nothing back', () => {
    expect(evaluatePolicy(shadowed(large), opening).tier).toBe('T0')
  })
})
