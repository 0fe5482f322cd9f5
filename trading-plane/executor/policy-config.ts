import { type Policy, policySchema } from '@bulkhead/shared/contracts/policy.ts'
import { realMoney } from './monitors-config.ts'

/**
 * The policy of a desk that brings none of its own: people hear of large orders, and agree to very
 * large ones before they are sent. What a strategy may do at all is bounded by the gates (refactor
 * D3).
 */
const defaultPolicy = {
  version: 'default-1',
  sets: [
    {
      id: 'order_size',
      mode: 'enforce' as const,
      rules: [
        largerThan('large_order', 25_000, 'T1'),
        largerThan('very_large_order', 50_000, 'T2'),
        largerThan('huge_order', 250_000, 'T3'),
      ],
    },
  ],
}

/** Stands in the configuration itself: its hash covers it, and one check tells all faults. */
export const policyConfigSchema = policySchema.prefault(defaultPolicy)

/** A shadow set is a trial, and trials are not for real money (refactor B12). */
export function isShadowFree(policy: Policy, environment: string): boolean {
  return !realMoney.has(environment) || policy.sets.every(({ mode }) => mode === 'enforce')
}

function largerThan(id: string, notionalUsd: number, tier: 'T1' | 'T2' | 'T3') {
  return {
    id,
    description: `Orders that open more than ${notionalUsd} USD.`,
    kind: 'tier' as const,
    scope: { tools: ['submit_order' as const] },
    applies_if: [
      { field: 'reduce_only' as const, operator: 'EQ' as const, value: false },
      { field: 'order_notional_usd' as const, operator: 'GT' as const, value: notionalUsd },
    ],
    tier,
  }
}
