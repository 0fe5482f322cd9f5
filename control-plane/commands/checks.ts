import type {
  Command,
  OperatorRecord,
  Permission,
  Role,
} from '@bulkhead/shared/contracts/commands.ts'
import type { CommandRefusal } from '@bulkhead/shared/contracts/reasons/command-refusals.ts'
import { fail, ok, type Result } from '@bulkhead/shared/kernel/result.ts'

/**
 * What the provisioning says an operator may be; the record in Redis can only withdraw it (D-31).
 */
export type Provisioned = { readonly role: Role; readonly keyVersion: number }

/** The permission matrix and the permission at stake. */
export type Rights = {
  readonly permission: Permission
  readonly matrix: Readonly<Record<Role, readonly Permission[]>>
}

/**
 * RBAC: the operator is provisioned and its record ACTIVE with the very key version that signed,
 * and both the provisioned and the recorded role hold the permission.
 */
export function authorize(
  command: Command,
  rights: Rights,
  provisioned: Provisioned | undefined,
  record: OperatorRecord | undefined,
): Result<void, CommandRefusal> {
  if (provisioned === undefined || record === undefined) return fail('OPERATOR_INACTIVE')
  if (record.state !== 'ACTIVE') return fail('OPERATOR_INACTIVE')
  const signedWith = command.key_version
  if (provisioned.keyVersion !== signedWith || Number(record.key_version) !== signedWith) {
    return fail('OPERATOR_INACTIVE')
  }
  const holds = (role: Role) => rights.matrix[role].includes(rights.permission)
  return holds(provisioned.role) && holds(record.role) ? ok(undefined) : fail('PERMISSION_DENIED')
}
