import { expect, test } from 'vitest'
import { policySchema } from '@bulkhead/shared/contracts/policy.ts'

const rule = {
  id: 'buys_only',
  description: 'Buys only.',
  kind: 'limit',
  must: { field: 'side', operator: 'EQ', value: 'buy' },
}

const policyWith = (...rules: readonly object[]) => ({
  version: 'v1',
  sets: [{ id: 'main', mode: 'enforce', rules }],
})

const withMust = (must: object) => policyWith({ ...rule, must })

test('a policy of the known words is taken, with what it leaves out filled in', () => {
  const parsed = policySchema.parse(policyWith(rule))
  expect(parsed.strategy_owners).toEqual({})
  expect(parsed.sets[0]?.rules[0]).toMatchObject({ scope: {}, applies_if: [] })
})

test.each([
  ['an operator that nobody knows', withMust({ field: 'side', operator: 'LIKE', value: 'buy' })],
  ['a field that nobody knows', withMust({ field: 'mood', operator: 'EQ', value: 'good' })],
  ['an order of texts', withMust({ field: 'side', operator: 'LT', value: 'buy' })],
  ['a number for a text', withMust({ field: 'side', operator: 'EQ', value: 1 })],
  ['a text for a number', withMust({ field: 'mm_util', operator: 'LT', value: '1' })],
  ['a list of several kinds', withMust({ field: 'side', operator: 'IN', value: ['buy', 1] })],
  ['one value where a list is due', withMust({ field: 'side', operator: 'IN', value: 'buy' })],
  ['a list where one value is due', withMust({ field: 'side', operator: 'EQ', value: ['buy'] })],
  ['a range upside down', withMust({ field: 'mm_util', operator: 'BETWEEN', value: [2, 1] })],
  ['a range of three', withMust({ field: 'mm_util', operator: 'BETWEEN', value: [1, 2, 3] })],
  ['a rule of no kind', policyWith({ ...rule, kind: 'hint' })],
  [
    'a tier that does not exist',
    policyWith({ ...rule, kind: 'tier', must: undefined, tier: 'T4' }),
  ],
  ['a tool that does not exist', policyWith({ ...rule, scope: { tools: ['withdraw'] } })],
  ['a word too many', policyWith({ ...rule, sizing: 0.5 })],
  [
    'a mode that does not exist',
    { version: 'v1', sets: [{ id: 'a', mode: 'off', rules: [rule] }] },
  ],
  ['no rule at all', policyWith()],
])('refuses %s', (_name, policy) => {
  expect(policySchema.safeParse(policy).success).toBe(false)
})

test('all faults are told at once', () => {
  const parsed = policySchema.safeParse(
    policyWith(
      { ...rule, must: { field: 'side', operator: 'LIKE', value: 'buy' } },
      { ...rule, must: { field: 'mood', operator: 'EQ', value: 'good' } },
      { ...rule, must: { field: 'side', operator: 'EQ', value: 1 } },
    ),
  )
  expect(parsed.error?.issues.map(({ path }) => path.join('.'))).toEqual([
    'sets.0.rules.0.must.operator',
    'sets.0.rules.1.must.field',
    'sets.0.rules.2.must.value',
  ])
})
