import type { OperatorRecord, Permission, Role } from '@bulkhead/shared/contracts/commands.ts'
import type { CommandRefusal } from '@bulkhead/shared/contracts/reasons/command-refusals.ts'

/** What the provisioning and the registry say of the operator who signed. */
export type OperatorFacts = {
  readonly provisionedRole: Role
  readonly keyVersion: number
  /** The record in Redis; null when there is none, `unreadable` when it cannot be understood. */
  readonly registered: OperatorRecord | null | 'unreadable'
}

/** What a reset would clear, as the safety plane sees it now. */
export type ResetFacts = {
  readonly episode: string | null
  readonly isRunning: boolean
  readonly isConfirmed: boolean
  /** Orders that the level forbids rest, or nobody can tell. */
  readonly ordersRest: boolean
}

type Matrix = Readonly<Record<Role, readonly Permission[]>>

/**
 * Whether the operator may. The registry can only take away what was provisioned (decision D-31):
 * it lies in a store that another plane writes.
 */
export function refuseOperator(
  facts: OperatorFacts,
  needed: Permission,
  matrix: Matrix,
): CommandRefusal | null {
  const { registered, provisionedRole, keyVersion } = facts
  if (registered === 'unreadable') return 'OPERATOR_INACTIVE'
  if (registered !== null) {
    const isKeyCurrent = Number(registered.key_version) === keyVersion
    if (registered.state !== 'ACTIVE' || !isKeyCurrent) return 'OPERATOR_INACTIVE'
    if (!matrix[registered.role].includes(needed)) return 'PERMISSION_DENIED'
  }
  return matrix[provisionedRole].includes(needed) ? null : 'PERMISSION_DENIED'
}

/** Whether the kill may be cleared: only the named episode, only when it ended with proof. */
export function refuseReset(facts: ResetFacts, episode: string): CommandRefusal | null {
  if (facts.episode === null) return 'NO_EPISODE_TO_RESET'
  if (facts.episode !== episode) return 'EPISODE_MISMATCH'
  if (facts.isRunning) return 'EPISODE_IN_PROGRESS'
  return facts.isConfirmed && !facts.ordersRest ? null : 'EPISODE_UNCONFIRMED'
}
