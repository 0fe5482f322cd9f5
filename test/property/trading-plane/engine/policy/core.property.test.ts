import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  approvalTiers,
  isHigherTier,
  mutatingTools,
} from '@bulkhead/shared/contracts/governed-actions.ts'
import {
  type Policy,
  type PolicyCondition,
  type PolicyField,
  policyFieldNames,
  policyFields,
  type PolicyRule,
  policySchema,
  type PolicySnapshot,
} from '@bulkhead/shared/contracts/policy.ts'
import { evaluatePolicy } from '@bulkhead/trading-plane/engine/policy/core.ts'

const valueOf = (field: PolicyField) =>
  ({
    text: fc.constantFrom('buy', 'sell', 'Active'),
    flag: fc.boolean(),
    number: fc.integer({ min: -100, max: 100 }),
  })[policyFields[field]] as fc.Arbitrary<string | number | boolean>

const field = fc.constantFrom(...policyFieldNames)

const condition: fc.Arbitrary<PolicyCondition> = field.chain((name) =>
  policyFields[name] === 'number'
    ? fc.record({
        field: fc.constant(name),
        operator: fc.constantFrom('LT', 'LE', 'GT', 'GE', 'EQ', 'NE'),
        value: valueOf(name),
      })
    : fc.record({
        field: fc.constant(name),
        operator: fc.constantFrom('EQ', 'NE'),
        value: valueOf(name),
      }),
)

const ruleBase = {
  id: fc.stringMatching(/^[a-z]{8}$/),
  description: fc.constant('a rule'),
  scope: fc.constant({}),
  applies_if: fc.array(condition, { maxLength: 2 }),
}

const rule: fc.Arbitrary<PolicyRule> = fc.oneof(
  fc.record({ ...ruleBase, kind: fc.constant('limit' as const), must: condition }),
  fc.record({
    ...ruleBase,
    kind: fc.constant('tier' as const),
    tier: fc.constantFrom(...approvalTiers),
  }),
)

const policy: fc.Arbitrary<Policy> = fc
  .array(rule, { minLength: 1, maxLength: 6 })
  .map((rules) =>
    policySchema.parse({ version: 'v1', sets: [{ id: 'main', mode: 'enforce', rules }] }),
  )

const whole = Object.fromEntries(policyFieldNames.map((name) => [name, valueOf(name)])) as Record<
  PolicyField,
  fc.Arbitrary<string | number | boolean>
>

/** An action that opens, with every field known. */
const opening: fc.Arbitrary<PolicySnapshot> = fc.record({
  ...whole,
  tool: fc.constantFrom('submit_order', 'amend_order', 'set_leverage'),
  reduce_only: fc.constant(false),
})

test('a recorded snapshot gives the recorded decision again', () => {
  fc.assert(
    fc.property(policy, opening, (rules, snapshot) => {
      const decision = evaluatePolicy(rules, snapshot)
      const recorded = JSON.parse(JSON.stringify(decision)) as typeof decision
      expect(evaluatePolicy(rules, recorded.snapshot)).toEqual(recorded)
    }),
  )
})

test('BYP-10: a rule that cannot see its field fails, whichever field is left out', () => {
  fc.assert(
    fc.property(condition, opening, fc.constantFrom(null, undefined), (must, snapshot, absent) => {
      const limit = { ...always, kind: 'limit' as const, must }
      const blind = { ...snapshot, [must.field]: absent } as PolicySnapshot
      fc.pre(must.field !== 'tool' && must.field !== 'reduce_only')
      const decision = evaluatePolicy(policyOf(limit), blind)
      expect(decision.isAllowed).toBe(false)
      expect(decision.failed).toEqual([
        { rule: always.id, fault: 'FIELD_MISSING', field: must.field },
      ])
    }),
  )
})

test('BYP-11: a rule that sees a value of another kind fails, whatever its operator', () => {
  const otherKinds = fc.oneof(fc.string(), fc.boolean(), fc.integer(), fc.constant(Number.NaN))
  fc.assert(
    fc.property(condition, opening, otherKinds, (must, snapshot, value) => {
      fc.pre(typeof value !== typeof must.value || Number.isNaN(value))
      fc.pre(must.field !== 'reduce_only' && must.field !== 'tool')
      const limit = { ...always, kind: 'limit' as const, must }
      const decision = evaluatePolicy(policyOf(limit), { ...snapshot, [must.field]: value })
      expect(decision.isAllowed).toBe(false)
      expect(decision.failed[0]?.fault).toBe('FIELD_TYPE_WRONG')
    }),
  )
})

test('one more rule never allows more and never asks for less', () => {
  fc.assert(
    fc.property(policy, rule, opening, (rules, more, snapshot) => {
      const set = rules.sets[0]!
      const stricter = { ...rules, sets: [{ ...set, rules: [...set.rules, more] }] }
      const before = evaluatePolicy(rules, snapshot)
      const after = evaluatePolicy(stricter, snapshot)
      expect(before.isAllowed || !after.isAllowed).toBe(true)
      expect(isHigherTier(before.tier, after.tier)).toBe(false)
    }),
  )
})

test('what clearly reduces risk is let through by every policy', () => {
  const reducing = fc.oneof(
    fc.record({ ...whole, tool: fc.constantFrom('cancel_order', 'cancel_all_orders') }),
    fc.record({
      ...whole,
      tool: fc.constantFrom(...mutatingTools),
      reduce_only: fc.constant(true),
    }),
  )
  fc.assert(
    fc.property(policy, reducing, (rules, snapshot) => {
      expect(evaluatePolicy(rules, snapshot)).toMatchObject({ isAllowed: true, tier: 'T0' })
    }),
  )
})

const always = { id: 'the_rule', description: 'a rule', scope: {}, applies_if: [] }

function policyOf(only: PolicyRule): Policy {
  return policySchema.parse({
    version: 'v1',
    sets: [{ id: 'main', mode: 'enforce', rules: [only] }],
  })
}
