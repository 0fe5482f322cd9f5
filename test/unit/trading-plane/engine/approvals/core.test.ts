import { describe, expect, test } from 'vitest'
import {
  type ApprovalDecision,
  type ApprovalRequest,
  decided,
  ended,
  isGranted,
  refuseDecision,
} from '@bulkhead/trading-plane/engine/approvals/core.ts'

const requestId = '7f0e2a52-3c1d-4b5e-9d7a-0c1b2a3d4e5f'

const waiting: ApprovalRequest = {
  payload: {
    request_id: requestId,
    tool: 'submit_order',
    strategy_id: 'quoter',
    instrument: 'BTC-PERPETUAL',
    params: { side: 'buy', amount: '100000' },
    tier: 'T2',
    policy_version: 'v1',
    rules: ['large_order'],
    created_ms: 1_000,
    expires_ms: 301_000,
  },
  state: 'PENDING',
  grantedBy: [],
  owners: ['owner'],
  expiresTickMs: 300_000,
  endedBy: '',
}
const dual: ApprovalRequest = { ...waiting, payload: { ...waiting.payload, tier: 'T3' } }

const grant: ApprovalDecision = {
  type: 'GRANT',
  requestId,
  operatorId: 'alice',
  tier: 'T2',
  isBound: true,
  lapsed: [],
}

describe('who may agree to what', () => {
  test.each([
    ['nothing is asked', undefined, grant, 'NO_REQUEST_TO_DECIDE'],
    ['it was denied', ended(waiting, 'DENIED', 'bob'), grant, 'NO_REQUEST_TO_DECIDE'],
    ['it was used', ended(waiting, 'CONSUMED', ''), grant, 'NO_REQUEST_TO_DECIDE'],
    ['it was for another payload', waiting, { ...grant, isBound: false }, 'REQUEST_MISMATCH'],
    ['it was for another tier', dual, grant, 'TIER_MISMATCH'],
    ['the strategy itself signs', waiting, { ...grant, operatorId: 'quoter' }, 'SELF_APPROVAL'],
    ['its owner signs', waiting, { ...grant, operatorId: 'owner' }, 'SELF_APPROVAL'],
    ['one signs twice', { ...waiting, grantedBy: ['alice'] }, grant, 'GRANTED_ALREADY'],
    ['somebody else signs', waiting, grant, null],
    ['the owner denies', waiting, { ...grant, type: 'DENY', operatorId: 'owner' }, null],
  ] as const)('when %s', (_name, request, decision, expected) => {
    expect(refuseDecision(request, decision, 0)).toBe(expected)
  })

  test('a request counts until the moment it runs out', () => {
    expect(refuseDecision(waiting, grant, 299_999)).toBeNull()
    expect(refuseDecision(waiting, grant, 300_000)).toBe('APPROVAL_EXPIRED')
  })
})

describe('how many must agree', () => {
  test('one person for T2', () => {
    expect(isGranted(waiting)).toBe(false)
    expect(isGranted(decided(waiting, grant))).toBe(true)
  })

  test('two different people for T3', () => {
    const once = decided(dual, { ...grant, tier: 'T3' })
    expect(isGranted(once)).toBe(false)
    expect(refuseDecision(once, { ...grant, tier: 'T3' }, 0)).toBe('GRANTED_ALREADY')
    expect(isGranted(decided(once, { ...grant, tier: 'T3', operatorId: 'bob' }))).toBe(true)
  })

  test('what is over is never granted', () => {
    expect(isGranted(ended(decided(waiting, grant), 'EXPIRED', ''))).toBe(false)
  })
})

describe('escalation', () => {
  const raise: ApprovalDecision = { ...grant, type: 'ESCALATE', tier: 'T3' }

  test.each([
    [waiting, 'T3', null],
    [waiting, 'T2', 'TIER_NOT_HIGHER'],
    [dual, 'T2', 'TIER_NOT_HIGHER'],
    [dual, 'T3', 'TIER_NOT_HIGHER'],
  ] as const)('only goes up', (request, tier, expected) => {
    expect(refuseDecision(request, { ...raise, tier }, 0)).toBe(expected)
  })

  test('takes back what was agreed to before', () => {
    const raised = decided({ ...waiting, grantedBy: ['bob'] }, raise)
    expect(raised.payload.tier).toBe('T3')
    expect(raised.grantedBy).toEqual([])
  })
})
