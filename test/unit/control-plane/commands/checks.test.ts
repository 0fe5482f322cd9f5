import { describe, expect, it } from 'vitest'
import {
  type Command,
  type OperatorRecord,
  permissionOf,
  permissions,
  type Role,
  rolePermissions,
  roles,
} from '@bulkhead/shared/contracts/commands.ts'
import { authorize } from '../../../../control-plane/commands/checks.ts'

const command = (type: 'KILL' | 'RESET', level = 'L0') =>
  ({ type, level, key_version: 3, operator_id: 'ada' }) as unknown as Command

/** The matrix of design section 7, written out by hand. */
const expected: Record<Role, string[]> = {
  ADMIN: ['KILL L0', 'KILL L1', 'KILL L2', 'RESET L0'],
  RISK: ['KILL L0', 'KILL L1', 'KILL L2'],
  OPERATOR: ['KILL L0', 'KILL L1'],
  VIEWER: [],
}

const record = (overrides: Partial<OperatorRecord> = {}): OperatorRecord => ({
  role: 'ADMIN',
  key_version: '3',
  state: 'ACTIVE',
  ...overrides,
})
const provisioned = (role: Role = 'ADMIN') => ({ role, keyVersion: 3 })
const rights = (of: Command) => ({ permission: permissionOf(of), matrix: rolePermissions })

const attempts = [
  ['KILL', 'L0'],
  ['KILL', 'L1'],
  ['KILL', 'L2'],
  ['RESET', 'L0'],
] as const

const approvalAttempts = ['T2', 'T3'] as const

const grant = (tier: 'T2' | 'T3') =>
  ({ ...command('KILL', 'L0'), type: 'GRANT', audience: 'executor', tier }) as unknown as Command

describe('authorize', () => {
  it.each(roles.flatMap((file) => roles.map((stored) => [file, stored] as const)))(
    'ST-02: provisioned %s and recorded %s may do what both may do, and nothing else',
    (inFile, stored) => {
      const allowed = attempts.filter(([type, level]) => {
        const asked = command(type, level)
        return authorize(asked, rights(asked), provisioned(inFile), record({ role: stored })).ok
      })
      const both = expected[inFile].filter((name) => expected[stored].includes(name))
      expect(allowed.map(([type, level]) => `${type} ${level}`)).toEqual(both)
    },
  )

  it.each([
    ['VIEWER', []],
    ['OPERATOR', ['T2']],
    ['RISK', ['T2', 'T3']],
    ['ADMIN', ['T2', 'T3']],
  ] as const)('a %s may agree to %j', (role, expectedTiers) => {
    const allowed = approvalAttempts.filter((tier) => {
      const asked = grant(tier)
      return authorize(asked, rights(asked), provisioned(role), record({ role })).ok
    })
    expect(allowed).toEqual(expectedTiers)
  })

  it('covers every permission of the contract that a command can need', () => {
    const needed = attempts.map(([type, level]) => permissionOf(command(type, level)))
    const approvals = approvalAttempts.map((tier) => permissionOf(grant(tier)))
    expect(new Set([...needed, ...approvals, 'STATUS_READ'])).toEqual(new Set(permissions))
  })

  it.each([
    ['no record', provisioned(), undefined],
    ['not provisioned', undefined, record()],
    ['suspended', provisioned(), record({ state: 'SUSPENDED' })],
    ['revoked', provisioned(), record({ state: 'REVOKED' })],
    ['another key version in the record', provisioned(), record({ key_version: '2' })],
    ['another key version provisioned', { role: 'ADMIN', keyVersion: 2 } as const, record()],
  ])('refuses an operator that is not active: %s', (_name, inFile, stored) => {
    const asked = command('KILL')
    expect(authorize(asked, rights(asked), inFile, stored)).toEqual({
      ok: false,
      failure: 'OPERATOR_INACTIVE',
    })
  })
})
