import type { AuditRecord } from '@bulkhead/shared/contracts/audit-entry.ts'
import type { OpeningsReading } from './budget.ts'
import type { ClockVerdict } from './clock.ts'
import type { PermissionContext } from './context.ts'
import type { PermissionDecision } from './core.ts'

/** A decision with everything that it was made from. */
export type Judgement = {
  readonly decision: PermissionDecision
  readonly context: PermissionContext
  readonly openings: OpeningsReading
  readonly clock: ClockVerdict
}

/** Whom a decision was made for, and what is written beside it without having been asked. */
export type DecisionSubject = {
  readonly subject: string
  readonly correlationId: string
  /** What the strategy's model thinks of its own wish; never part of the context. */
  readonly aiConfidence: number | undefined
}

/** The decision record of the audit (plan 1.5, 4.3 and 6): flat, complete, one per decision. */
export function decisionRecord(
  action: 'TRADE_PERMISSION_DECIDED' | 'TRADE_PERMISSION_CHANGED',
  { decision, context, openings, clock }: Judgement,
  { subject, correlationId, aiConfidence }: DecisionSubject,
): AuditRecord {
  return {
    action,
    subject,
    correlationId,
    fields: {
      timestamp_ms: String(clock.localMs),
      policy_decision: decision.permission,
      reason_code: decision.reasonCode,
      blocking_gate: decision.blockingGate ?? '',
      precedence_rank: String(decision.precedenceRank ?? ''),
      is_latched: String(decision.isLatched),
      kill_switch_active: String(context.killSwitchActive),
      budget_signal: context.budgetSignal,
      openings_today: String(openings.openings),
      openings_max: String(openings.openingsMax),
      health_status: context.healthStatus,
      risk_assessment: context.riskAssessment,
      error_codes: context.faults.join(' '),
      exchange_time_ms: String(clock.exchangeMs ?? ''),
      drift_ms: String(clock.driftMs ?? ''),
      ai_confidence: String(aiConfidence ?? ''),
    },
  }
}
