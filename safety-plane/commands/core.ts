import type { OperatorRecord, Permission, Role } from '@bulkhead/shared/contracts/commands.ts'
import type { CommandRefusal } from '@bulkhead/shared/contracts/reasons/command-refusals.ts'
import type { ResetObstacle } from '@bulkhead/shared/contracts/reasons/reset-obstacles.ts'

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
  /** Phases of the present pass that are not proven. */
  readonly openPhases: readonly string[]
  /** Orders that the level forbids and that rest now; null when nobody can tell. */
  readonly ordersResting: number | null
  /** Which other watcher has thrown the switch and could not reset now; empty when none. */
  readonly otherHolds: string
  /** Counts changes of the switch: what was asked for at another one was asked of another kill. */
  readonly generation: number
}

/** A reset that was checked and waits for the signature of a second person (decision D-20). */
export type PendingReset = {
  readonly commandId: string
  readonly episode: string
  readonly operatorId: string
  readonly generation: number
  readonly expiresTickMs: number
}

export type Approval = {
  readonly episode: string
  readonly approves: string
  readonly operatorId: string
}

export type ObstacleFound = { readonly code: ResetObstacle; readonly detail: string }

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
  if (!facts.isConfirmed || facts.ordersResting !== 0) return 'EPISODE_UNCONFIRMED'
  return facts.otherHolds === '' ? null : 'EPISODE_UNCONFIRMED'
}

/**
 * Whether the second signature fits the request that waits: the very request, the same episode,
 * somebody else, in time, and no new kill since it was asked for.
 */
export function refuseApproval(
  pending: PendingReset | null,
  approval: Approval,
  generation: number,
  tickMs: number,
): CommandRefusal | null {
  if (pending === null || pending.commandId !== approval.approves) return 'NO_RESET_TO_APPROVE'
  if (pending.episode !== approval.episode) return 'EPISODE_MISMATCH'
  if (pending.operatorId === approval.operatorId) return 'SELF_APPROVAL'
  if (tickMs >= pending.expiresTickMs) return 'APPROVAL_EXPIRED'
  return pending.generation === generation ? null : 'NO_RESET_TO_APPROVE'
}

/** Everything that stands in the way of a reset at once, for people who want to clear it. */
export function obstaclesOf(facts: ResetFacts): readonly ObstacleFound[] {
  if (facts.isRunning) return [{ code: 'KILL_UNDER_WAY', detail: '' }]
  const found: ObstacleFound[] = []
  if (!facts.isConfirmed) {
    found.push({ code: 'KILL_UNPROVEN', detail: facts.openPhases.join(', ') })
  }
  if (facts.ordersResting === null) found.push({ code: 'ORDERS_UNKNOWN', detail: '' })
  else if (facts.ordersResting > 0) {
    found.push({ code: 'ORDERS_REST', detail: String(facts.ordersResting) })
  }
  if (facts.otherHolds !== '') {
    found.push({ code: 'OTHER_WATCHER_HOLDS', detail: facts.otherHolds })
  }
  return found
}
