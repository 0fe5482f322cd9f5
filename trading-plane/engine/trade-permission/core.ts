import type {
  PermissionGate,
  PermissionReason,
  TradePermission,
} from '@bulkhead/shared/contracts/reasons/trade-permission.ts'
import type { PermissionContext } from './context.ts'

export type PermissionDecision = {
  readonly permission: TradePermission
  readonly reasonCode: PermissionReason
  /** The gate that blocks; null when all passed. */
  readonly blockingGate: PermissionGate | null
  /** 1 for the gate that outranks all others, to 4; null when all passed. */
  readonly precedenceRank: number | null
  /** Whether it stays after its cause is gone, until a reset or the end of the window. */
  readonly isLatched: boolean
}

/** Why a gate blocks, or null. */
type GateVerdict = Exclude<PermissionReason, 'ALLOW_ALL_GATES_PASSED'> | null

type GateRow = {
  readonly gate: PermissionGate
  readonly judge: (context: PermissionContext) => GateVerdict
}

/** Kill switch over budget over health over risk; the position is the rank (plan 1.1). */
const gates: readonly GateRow[] = [
  { gate: 'kill_switch', judge: (c) => (c.killSwitchActive ? 'HALT_KILL_SWITCH' : null) },
  { gate: 'budget', judge: judgeBudget },
  {
    gate: 'health',
    judge: (c) => (c.healthStatus === 'GREEN' ? null : 'NEUTRAL_HEALTH_NOT_GREEN'),
  },
  { gate: 'risk', judge: (c) => (c.riskAssessment === 'CRITICAL' ? 'HALT_RISK_CRITICAL' : null) },
]

const allowed: PermissionDecision = {
  permission: 'ALLOW',
  reasonCode: 'ALLOW_ALL_GATES_PASSED',
  blockingGate: null,
  precedenceRank: null,
  isLatched: false,
}

/**
 * The permission that follows from the context and from nothing else: neither an intent nor what a
 * model thinks of it is among its inputs (plan 4.1).
 */
export function decidePermission(context: PermissionContext): PermissionDecision {
  for (const { gate, judge } of gates) {
    const reasonCode = judge(context)
    if (reasonCode !== null) return blocked(gate, reasonCode, false)
  }
  return allowed
}

/** A decision that blocks, with the rank of its gate. */
export function blocked(
  gate: PermissionGate,
  reasonCode: Exclude<PermissionReason, 'ALLOW_ALL_GATES_PASSED'>,
  isLatched: boolean,
): PermissionDecision {
  const permission = reasonCode.startsWith('HALT_') ? 'HALT' : 'NEUTRAL'
  const precedenceRank = gates.findIndex((row) => row.gate === gate) + 1
  return { permission, reasonCode, blockingGate: gate, precedenceRank, isLatched }
}

function judgeBudget({ budgetSignal }: PermissionContext): GateVerdict {
  if (budgetSignal === 'WITHIN') return null
  return budgetSignal === 'HARD_STOP' ? 'HALT_BUDGET_HARD_STOP' : 'HALT_BUDGET_DATA_CORRUPT'
}
