import {
  type ApprovalTier,
  isHigherTier,
  type MutatingTool,
} from '@bulkhead/shared/contracts/governed-actions.ts'
import type {
  FailedRule,
  Policy,
  PolicyCondition,
  PolicyDecision,
  PolicyRule,
  PolicySnapshot,
  PolicyValue,
  RuleFault,
} from '@bulkhead/shared/contracts/policy.ts'

/** What judging one rule gave. */
type RuleVerdict = {
  readonly failed: FailedRule | null
  /** What the rule asks for where it applies; T0 otherwise. */
  readonly tier: ApprovalTier
}

const passed: RuleVerdict = { failed: null, tier: 'T0' }

/** Takes risk off the venue whatever is at stake, so nothing may hold it up (design law 4). */
const cancelling: readonly MutatingTool[] = ['cancel_order', 'cancel_all_orders']

/**
 * What the policy says of one action: a pure function of snapshot and policy, so that a recorded
 * snapshot gives the recorded decision again (refactor 3.3). Whatever a rule cannot see fails it.
 *
 * What only takes risk away (a cancel, a reduce-only order, a protective stop) is never held and
 * never denied: what the rules say of it is recorded (decision D-08, refactor D1).
 */
export function evaluatePolicy(policy: Policy, snapshot: PolicySnapshot): PolicyDecision {
  const failed: FailedRule[] = []
  const shadow: FailedRule[] = []
  const asking = new Map<string, ApprovalTier>()
  for (const set of policy.sets) {
    for (const rule of set.rules) {
      if (!isInScope(rule, snapshot)) continue
      const verdict = judgeRule(rule, snapshot)
      if (verdict.failed !== null) (set.mode === 'shadow' ? shadow : failed).push(verdict.failed)
      if (set.mode === 'enforce' && verdict.tier !== 'T0') asking.set(rule.id, verdict.tier)
    }
  }
  const isFree = isRiskReducing(snapshot)
  const tier = isFree ? 'T0' : highestOf(asking.values())
  return {
    isAllowed: isFree || failed.length === 0,
    tier,
    tierRules: [...asking].filter(([, asked]) => asked === tier).map(([id]) => id),
    failed,
    shadow,
    policyVersion: policy.version,
    snapshot,
  }
}

/** Judged by what the venue will enforce; what is not clearly said is not so. */
export function isRiskReducing({ tool, reduce_only: isReduceOnly }: PolicySnapshot): boolean {
  return cancelling.some((name) => name === tool) || isReduceOnly === true
}

/** A rule about something that the snapshot does not name is about this action, too. */
function isInScope({ scope }: PolicyRule, snapshot: PolicySnapshot): boolean {
  const concerns = (names: readonly string[] | undefined, value: PolicyValue | undefined) =>
    names === undefined || typeof value !== 'string' || names.includes(value)
  return (
    concerns(scope.tools, snapshot.tool) &&
    concerns(scope.strategies, snapshot.strategy_id) &&
    concerns(scope.instruments, snapshot.instrument)
  )
}

function judgeRule(rule: PolicyRule, snapshot: PolicySnapshot): RuleVerdict {
  const failedBy = (condition: PolicyCondition, fault: RuleFault): RuleVerdict => ({
    failed: { rule: rule.id, fault, field: condition.field },
    tier: 'T0',
  })
  for (const condition of rule.applies_if) {
    const fault = conditionFault(condition, snapshot)
    if (fault === 'RULE_VIOLATED') return passed
    if (fault !== null) return failedBy(condition, fault)
  }
  if (rule.kind === 'tier') return { failed: null, tier: rule.tier }
  const fault = conditionFault(rule.must, snapshot)
  return fault === null ? passed : failedBy(rule.must, fault)
}

/** Why a condition does not hold, or null where it does. */
function conditionFault(condition: PolicyCondition, snapshot: PolicySnapshot): RuleFault | null {
  const value = snapshot[condition.field]
  if (value === undefined || value === null) return 'FIELD_MISSING'
  const wanted = Array.isArray(condition.value) ? condition.value[0] : condition.value
  const isNumber = typeof value !== 'number' || Number.isFinite(value)
  if (typeof value !== typeof wanted || !isNumber) return 'FIELD_TYPE_WRONG'
  return holds(condition, value) ? null : 'RULE_VIOLATED'
}

function holds({ operator, value: wanted }: PolicyCondition, value: string | number | boolean) {
  const list: readonly unknown[] = Array.isArray(wanted) ? wanted : [wanted]
  const bounds = list.map(Number)
  switch (operator) {
    case 'EQ':
      return value === wanted
    case 'NE':
      return value !== wanted
    case 'IN':
      return list.includes(value)
    case 'NOT_IN':
      return !list.includes(value)
    case 'LT':
      return Number(value) < bounds[0]!
    case 'LE':
      return Number(value) <= bounds[0]!
    case 'GT':
      return Number(value) > bounds[0]!
    case 'GE':
      return Number(value) >= bounds[0]!
    case 'BETWEEN':
      return Number(value) >= bounds[0]! && Number(value) <= bounds[1]!
  }
}

function highestOf(tiers: Iterable<ApprovalTier>): ApprovalTier {
  let highest: ApprovalTier = 'T0'
  for (const tier of tiers) if (isHigherTier(tier, highest)) highest = tier
  return highest
}
