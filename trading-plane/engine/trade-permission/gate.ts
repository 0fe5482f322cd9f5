import type { PlaceIntent } from '@bulkhead/shared/contracts/intents.ts'
import type { IntentDenialReason } from '@bulkhead/shared/contracts/reasons/intent-denials.ts'
import type { PermissionGate } from '@bulkhead/shared/contracts/reasons/trade-permission.ts'
import type { TradingMode } from '@bulkhead/shared/contracts/reasons/mode-reasons.ts'
import type { ClockSample } from '../../venues/port.ts'
import type { At } from '../at.ts'
import type { Effect } from '../effects.ts'
import { modeNow } from '../mode-view.ts'
import { count, type EngineState } from '../state.ts'
import type { ModeDecision } from '../trading-mode/evaluate.ts'
import { askOpening, countOpening } from './budget.ts'
import type { Desk } from './desk.ts'
import { judgePermission } from './judge.ts'
import { resetLatch } from './latch.ts'
import { decisionRecord, type Judgement } from './record.ts'

const denialOfGate: Readonly<Record<PermissionGate, IntentDenialReason>> = {
  kill_switch: 'TradePermissionKillSwitch',
  budget: 'TradePermissionBudget',
  health: 'TradePermissionHealth',
  risk: 'TradePermissionRisk',
}

/**
 * What an opening order meets: it asks for its share of the budget, and the mode and the permission
 * are decided once for all gates that look at them.
 */
export function meetOpening(state: EngineState, at: At): Desk {
  return meetOpeningIn(state, at, modeNow(state, at, state.config.killSwitchAgeMsMax))
}

/** The same in a mode that was decided already. */
export function meetOpeningIn(state: EngineState, at: At, mode: ModeDecision): Desk {
  const { permission, config } = state
  const { openingsPerDayMax } = config.tradePermission
  permission.tally = askOpening(permission.tally, at.nowMs, openingsPerDayMax)
  return { mode, permission: judgeAndHold(state, at, mode.mode) }
}

/**
 * The gate of opening orders: what closes or cancels is never asked (law 4). It does not look at
 * the intent, so nothing that a strategy says can open it.
 */
export function tradePermissionGate(
  _state: EngineState,
  { desk }: { readonly desk: Desk },
): IntentDenialReason | null {
  return denialBy(desk.permission)
}

/** Why an opening order that was let in may not leave now, or null. */
export function permissionDenial(
  state: EngineState,
  at: At,
  mode: TradingMode,
): IntentDenialReason | null {
  return denialBy(judgeAndHold(state, at, mode))
}

function denialBy({ decision }: Judgement): IntentDenialReason | null {
  return decision.blockingGate === null ? null : denialOfGate[decision.blockingGate]
}

/** Every turn: the permission anew, and a word to the audit when it is another. */
export function tickPermission(state: EngineState, at: At, out: Effect[]): void {
  const { mode } = modeNow(state, at, state.config.killSwitchAgeMsMax)
  const judgement = judgeAndHold(state, at, mode)
  const { decision, context } = judgement
  const text = [decision.reasonCode, decision.isLatched, ...context.faults].join(' ')
  if (state.permission.published === text) return
  state.permission.published = text
  const subject = { subject: 'executor', correlationId: '', aiConfidence: undefined }
  out.push({
    kind: 'audit',
    record: decisionRecord('TRADE_PERMISSION_CHANGED', judgement, subject),
  })
}

/**
 * Records the decision that an opening intent met, and counts the order when it goes on: what was
 * recorded uses the budget, whether it is filled or not.
 */
export function notePermission(
  state: EngineState,
  intent: PlaceIntent,
  judgement: Judgement,
  denial: IntentDenialReason | null,
  at: At,
  out: Effect[],
): void {
  const { permission } = state
  if (denial === null) permission.tally = countOpening(permission.tally, at.nowMs)
  if (!permission.decisionAudits.take(at.tickMs)) {
    count(state, 'permission_audits_left_out')
    return
  }
  const { strategy_id: subject, intent_id: correlationId, ai_confidence: aiConfidence } = intent
  const record = decisionRecord('TRADE_PERMISSION_DECIDED', judgement, {
    subject,
    correlationId,
    aiConfidence,
  })
  out.push({ kind: 'audit', record })
}

/** Takes over what the exchange said of its clock; null when it did not answer. */
export function takeClockSample(state: EngineState, sample: ClockSample | null): void {
  count(state, sample === null ? 'clock_syncs_failed' : 'clock_syncs')
  state.permission.clockSample = sample
}

/**
 * The kill switch went back to NORMAL by an operator's signed reset: that operator also releases
 * what the switch latched here, and nothing else. Without a name the window decides.
 */
export function takeKillSwitchReset(state: EngineState, operatorId: string, out: Effect[]): void {
  const { permission } = state
  if (!permission.latch.has('kill_switch')) return
  const reset = resetLatch(permission.latch, operatorId, ['kill_switch'])
  if (!reset.ok) return
  permission.latch = reset.value.latch
  out.push({ kind: 'audit', record: reset.value.audit })
}

function judgeAndHold(state: EngineState, at: At, mode: TradingMode): Judgement {
  const judged = judgePermission(state, at, mode)
  state.permission.latch = judged.latch
  state.permission.wasComplete = judged.wasComplete
  return judged
}
