import { describe, expect, test } from 'vitest'
import { type Permission, rolePermissions } from '@bulkhead/shared/contracts/commands.ts'
import {
  type OperatorFacts,
  refuseOperator,
  refuseReset,
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
  const proven = { episode: 'e1', isRunning: false, isConfirmed: true, ordersRest: false }
  test.each([
    ['of the proven episode is allowed', proven, null],
    ['without an episode', { ...proven, episode: null }, 'NO_EPISODE_TO_RESET'],
    ['of another episode', { ...proven, episode: 'e2' }, 'EPISODE_MISMATCH'],
    ['while it runs', { ...proven, isRunning: true, isConfirmed: false }, 'EPISODE_IN_PROGRESS'],
    ['while it is unconfirmed', { ...proven, isConfirmed: false }, 'EPISODE_UNCONFIRMED'],
    ['while orders rest', { ...proven, ordersRest: true }, 'EPISODE_UNCONFIRMED'],
  ])('%s', (_what, facts, refusal) => {
    expect(refuseReset(facts, 'e1')).toBe(refusal)
  })
})
