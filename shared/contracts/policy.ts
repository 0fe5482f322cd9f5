import { z } from 'zod'
import { approvalTiers, governedTools } from './governed-actions.ts'

/**
 * What a rule may look at, and of which kind it is. A name that is not here is refused when the
 * policy is loaded; one that is here and not known at the moment fails the rule (refactor B10).
 */
export const policyFields = {
  tool: 'text',
  strategy_id: 'text',
  instrument: 'text',
  side: 'text',
  time_in_force: 'text',
  post_only: 'flag',
  reduce_only: 'flag',
  order_amount: 'number',
  limit_price: 'number',
  order_notional_usd: 'number',
  /** Signed, in the instrument's own unit. */
  position_amount: 'number',
  live_orders: 'number',
  /** Of a repair: how far the ledger is from the venue, in percent of the smaller. */
  drift_pct: 'number',
  mm_util: 'number',
  trading_mode: 'text',
} as const satisfies Readonly<Record<string, 'text' | 'flag' | 'number'>>
export type PolicyField = keyof typeof policyFields
export const policyFieldNames = Object.keys(policyFields) as [PolicyField, ...PolicyField[]]

export type PolicyValue = string | number | boolean | null
/**
 * All that one evaluation looks at, taken at one moment. What is null or absent is missing. The
 * same snapshot and the same policy always give the same decision (refactor 3.3).
 */
export type PolicySnapshot = Readonly<Partial<Record<PolicyField, PolicyValue>>>

export const policyOperators = [
  'LT',
  'LE',
  'GT',
  'GE',
  'EQ',
  'NE',
  'IN',
  'NOT_IN',
  'BETWEEN',
] as const
export type PolicyOperator = (typeof policyOperators)[number]

const scalar = z.union([z.number(), z.string().max(64), z.boolean()])

/** One comparison; the value must be of the field's kind and fit the operator. */
export const policyConditionSchema = z
  .strictObject({
    field: z.enum(policyFieldNames),
    operator: z.enum(policyOperators),
    /** A list for IN and NOT_IN, lowest and highest for BETWEEN, one value otherwise. */
    value: z.union([scalar, z.array(scalar).min(1).max(64)]),
  })
  .superRefine((condition, context) => {
    const fault = conditionFault(condition)
    if (fault !== null) context.addIssue({ code: 'custom', path: ['value'], message: fault })
  })
export type PolicyCondition = z.infer<typeof policyConditionSchema>

const ordering: readonly PolicyOperator[] = ['LT', 'LE', 'GT', 'GE', 'BETWEEN']
const listing: readonly PolicyOperator[] = ['IN', 'NOT_IN', 'BETWEEN']

/** Why a comparison can never be made, or null. */
function conditionFault(condition: {
  readonly field: PolicyField
  readonly operator: PolicyOperator
  readonly value: unknown
}): string | null {
  const { field, operator, value } = condition
  const kind = policyFields[field]
  if (ordering.includes(operator) && kind !== 'number') return `${operator} compares numbers only`
  if (listing.includes(operator) !== Array.isArray(value)) {
    return `${operator} takes ${listing.includes(operator) ? 'a list' : 'one value'}`
  }
  const values: readonly unknown[] = Array.isArray(value) ? value : [value]
  const wanted = { text: 'string', flag: 'boolean', number: 'number' }[kind]
  if (values.some((one) => typeof one !== wanted)) return `${field} is compared with a ${wanted}`
  if (operator !== 'BETWEEN') return null
  const [low, high] = values as readonly number[]
  const isRange = values.length === 2 && low! <= high!
  return isRange ? null : 'BETWEEN takes the lowest and the highest'
}

const ruleBase = {
  id: z.string().regex(/^[a-z][a-z0-9_]{0,63}$/),
  description: z.string().min(1).max(256),
  /** Which actions the rule is about; all of them where nothing is said. */
  scope: z
    .strictObject({
      tools: z.array(z.enum(governedTools)).min(1).optional(),
      strategies: z.array(z.string().max(32)).min(1).optional(),
      instruments: z.array(z.string().max(64)).min(1).optional(),
    })
    .default({}),
  /** The rule applies where all of these hold. */
  applies_if: z.array(policyConditionSchema).max(8).default([]),
}

/** `limit` denies unless `must` holds; `tier` asks for people where it applies. */
export const policyRuleSchema = z.discriminatedUnion('kind', [
  z.strictObject({ ...ruleBase, kind: z.literal('limit'), must: policyConditionSchema }),
  z.strictObject({ ...ruleBase, kind: z.literal('tier'), tier: z.enum(approvalTiers) }),
])
export type PolicyRule = z.infer<typeof policyRuleSchema>

const operatorId = z.string().regex(/^[a-z][a-z0-9._-]{0,31}$/)

/** A policy as it stands in its file. */
export const policySchema = z.strictObject({
  version: z.string().regex(/^[0-9A-Za-z][0-9A-Za-z._-]{0,31}$/),
  sets: z
    .array(
      z.strictObject({
        id: z.string().regex(/^[a-z][a-z0-9_]{0,63}$/),
        /** A shadow set is only reported, never obeyed; where real money is it is refused. */
        mode: z.enum(['enforce', 'shadow']),
        rules: z.array(policyRuleSchema).min(1).max(64),
      }),
    )
    .min(1)
    .max(16),
  /** People who stand behind a strategy: they may not agree to what it proposes. */
  strategy_owners: z.record(z.string().max(32), z.array(operatorId).min(1).max(16)).default({}),
})
export type Policy = z.infer<typeof policySchema>

/** Why a rule failed. Missing and wrong kinds fail like a violation (refactor B10, B11). */
export const ruleFaults = ['RULE_VIOLATED', 'FIELD_MISSING', 'FIELD_TYPE_WRONG'] as const
export type RuleFault = (typeof ruleFaults)[number]

export type FailedRule = {
  readonly rule: string
  readonly fault: RuleFault
  readonly field: PolicyField
}

/** What the policy says of one action. */
export type PolicyDecision = {
  readonly isAllowed: boolean
  readonly tier: (typeof approvalTiers)[number]
  /** Rules that asked for the tier. */
  readonly tierRules: readonly string[]
  readonly failed: readonly FailedRule[]
  /** What a shadow set would have objected to. */
  readonly shadow: readonly FailedRule[]
  readonly policyVersion: string
  /** For replay: the very inputs. */
  readonly snapshot: PolicySnapshot
}
