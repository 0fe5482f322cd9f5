import { describe, expect, test } from 'vitest'
import { type Permission, rolePermissions } from '@bulkhead/shared/contracts/commands.ts'
import {
  type Approval,
  type OperatorFacts,
  obstaclesOf,
  type PendingReset,
  refuseApproval,
  refuseOperator,
  refuseReset,
  type ResetFacts,
} from '@bulkhead/safety-plane/commands/core.ts'

const active = { role: 'ADMIN', key_version: '1', state: 'ACTIVE' } as const

describe('an operator', () => {
  test.each<[string, Partial<OperatorFacts>, Permission, string | null]>([
    ['without a record acts as provisioned', {}, 'KILL_SWITCH_RESET', null],
    [
      'may not do more than provisioned',
      { provisionedRole: 'VIEWER', registered: active },
      'KILL_SWITCH_L0',
      'PERMISSION_DENIED',
    ],
    [
      'loses what the record takes away',
      { registered: { ...active, role: 'RISK' } },
      'KILL_SWITCH_RESET',
      'PERMISSION_DENIED',
    ],
    [
      'keeps what the record leaves',
      { registered: { ...active, role: 'RISK' } },
      'KILL_SWITCH_L2',
      null,
    ],
    [
      'is out when suspended',
      { registered: { ...active, state: 'SUSPENDED' } },
      'KILL_SWITCH_L0',
      'OPERATOR_INACTIVE',
    ],
    [
      'is out when revoked',
      { registered: { ...active, state: 'REVOKED' } },
      'KILL_SWITCH_L0',
      'OPERATOR_INACTIVE',
    ],
    [
      'is out with an old key',
      { registered: { ...active, key_version: '2' } },
      'KILL_SWITCH_L0',
      'OPERATOR_INACTIVE',
    ],
    [
      'is out when the record cannot be read',
      { registered: 'unreadable' },
      'KILL_SWITCH_L0',
      'OPERATOR_INACTIVE',
    ],
    ['who is OPERATOR stops hard', { provisionedRole: 'OPERATOR' }, 'KILL_SWITCH_L1', null],
    [
      'who is OPERATOR does not close positions',
      { provisionedRole: 'OPERATOR' },
      'KILL_SWITCH_L2',
      'PERMISSION_DENIED',
    ],
  ])('%s', (_what, facts, needed, refusal) => {
    const all: OperatorFacts = {
      provisionedRole: 'ADMIN',
      keyVersion: 1,
      registered: null,
      ...facts,
    }
    expect(refuseOperator(all, needed, rolePermissions)).toBe(refusal)
  })
})

describe('a reset', () => {
  const proven: ResetFacts = {
    episode: 'e1',
    isRunning: false,
    isConfirmed: true,
    openPhases: [],
    ordersResting: 0,
    otherHolds: '',
    generation: 4,
  }
  test.each([
    ['of the proven episode is allowed', proven, null],
    ['without an episode', { ...proven, episode: null }, 'NO_EPISODE_TO_RESET'],
    ['of another episode', { ...proven, episode: 'e2' }, 'EPISODE_MISMATCH'],
    ['while it runs', { ...proven, isRunning: true, isConfirmed: false }, 'EPISODE_IN_PROGRESS'],
    ['while it is unconfirmed', { ...proven, isConfirmed: false }, 'EPISODE_UNCONFIRMED'],
    ['while orders rest', { ...proven, ordersResting: 1 }, 'EPISODE_UNCONFIRMED'],
    ['while nobody can tell', { ...proven, ordersResting: null }, 'EPISODE_UNCONFIRMED'],
  ])('%s', (_what, facts, refusal) => {
    expect(refuseReset(facts, 'e1')).toBe(refusal)
  })

  test('names everything in its way at once', () => {
    expect(obstaclesOf(proven)).toEqual([])
    expect(obstaclesOf({ ...proven, isRunning: true, isConfirmed: false })).toEqual([
      { code: 'KILL_UNDER_WAY', detail: '' },
    ])
    const open = { ...proven, isConfirmed: false, openPhases: ['sever', 'sweep'] }
    expect(obstaclesOf({ ...open, ordersResting: 3 })).toEqual([
      { code: 'KILL_UNPROVEN', detail: 'sever, sweep' },
      { code: 'ORDERS_REST', detail: '3' },
    ])
    expect(obstaclesOf({ ...proven, ordersResting: null })).toMatchObject([
      { code: 'ORDERS_UNKNOWN' },
    ])
  })
})

describe('the second signature under a reset', () => {
  const pending: PendingReset = {
    commandId: 'c1',
    episode: 'e1',
    operatorId: 'ada',
    generation: 4,
    expiresTickMs: 1_000,
  }
  const approval: Approval = { episode: 'e1', approves: 'c1', operatorId: 'bob' }
  test.each<[string, PendingReset | null, Partial<Approval>, number, number, string | null]>([
    ['of another person in time is taken', pending, {}, 4, 999, null],
    ['without a request', null, {}, 4, 0, 'NO_RESET_TO_APPROVE'],
    ['of another request', pending, { approves: 'c2' }, 4, 0, 'NO_RESET_TO_APPROVE'],
    ['of another episode', pending, { episode: 'e2' }, 4, 0, 'EPISODE_MISMATCH'],
    ['of the same person', pending, { operatorId: 'ada' }, 4, 0, 'SELF_APPROVAL'],
    ['at the very end of its time', pending, {}, 4, 1_000, 'APPROVAL_EXPIRED'],
    ['after the kill went on', pending, {}, 5, 0, 'NO_RESET_TO_APPROVE'],
  ])('%s', (_what, request, change, generation, tickMs, refusal) => {
    expect(refuseApproval(request, { ...approval, ...change }, generation, tickMs)).toBe(refusal)
  })
})
