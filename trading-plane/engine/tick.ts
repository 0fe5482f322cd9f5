import { expireHeld } from './approvals/hold.ts'
import type { At } from './at.ts'
import type { Effect } from './effects.ts'
import { abortOverdue } from './incidents/core.ts'
import { modeNow } from './mode-view.ts'
import { askExchangeHealth, watch } from './monitors/watch.ts'
import { startReads } from './reads.ts'
import { startLookups, startReconcile } from './reconcile.ts'
import { count, type EngineState } from './state.ts'
import { startSweep } from './sweeper/core.ts'
import { tickPermission } from './trade-permission/gate.ts'
import type { ModeDecision } from './trading-mode/evaluate.ts'
import { latch, latchedReasons } from './trading-mode/open-permission.ts'
import { cancelIfWanted } from './transitions.ts'
import { isUnsent, sendUnsent } from './unsent.ts'

/** One turn: the mode anew, what it forbids is cancelled, what is in doubt is asked about. */
export function tick(state: EngineState, at: At, out: Effect[]): void {
  watch(state, at, out)
  tickPermission(state, at, out)
  expireHeld(state, at, out)
  const decision = modeNow(state, at, state.config.killSwitchAgeMsMax)
  publishMode(state, decision, out)
  if (decision.mode !== 'Active') wantOpeningsCancelled(state)
  abortOverdue(state, at, out)
  let cancels = 0
  for (const leg of state.legs.live()) {
    if (cancels >= state.config.cancelOpenBatchMax) break
    if (cancelIfWanted(state, leg.label, at, out)) cancels += 1
  }
  startLookups(state, at, out)
  wantMissingTrades(state, at)
  startReconcile(state, at, out)
  sendUnsent(state, at, out)
  startSweep(state, at, out)
  startReads(state, at, out)
  askExchangeHealth(state, at, out)
}

/**
 * An order that reports more filled than its trades add up to says that a trade was missed: the
 * trades are asked for, and nothing is opened until they are known (contract 3.4).
 */
function wantMissingTrades(state: EngineState, at: At): void {
  const sinceTickMs = state.legs.owingSinceTickMs(at.tickMs)
  if (sinceTickMs === null || at.tickMs - sinceTickMs < state.config.retryMs) return
  const reason = 'WS_TRADES_GAP_RECONCILE_REQUIRED'
  if (!latchedReasons(state.openPermission).includes(reason)) {
    count(state, 'missing_trades')
    state.openPermission = latch(state.openPermission, reason)
  }
}

function publishMode(state: EngineState, decision: ModeDecision, out: Effect[]): void {
  const before = state.published
  const isSame =
    before?.mode === decision.mode && before.reasons.join(' ') === decision.reasons.join(' ')
  if (isSame) return
  state.published = decision
  out.push({
    kind: 'audit',
    record: {
      action: 'MODE_CHANGED',
      subject: 'executor',
      correlationId: '',
      fields: {
        from: before?.mode ?? '',
        to: decision.mode,
        reasons: decision.reasons.join(' '),
        risk_state: decision.riskState,
      },
    },
  })
  out.push({ kind: 'tell', message: modeMessage(decision) })
}

export function modeMessage(decision: ModeDecision) {
  return {
    type: 'mode' as const,
    trading_mode: decision.mode,
    mode_reasons: [...decision.reasons],
  }
}

/**
 * While the desk is not Active no order that could open stays at the venue (contract 2.2.3.4.1).
 */
function wantOpeningsCancelled(state: EngineState): void {
  for (const leg of state.legs.live()) {
    const isAway = leg.reduceOnly || isUnsent(state, leg.label)
    if (!isAway) state.legs.wish(leg.label).cancelWanted = true
  }
}

/** Of orders that nobody minds, what could open is cancelled and what closes stays. */
export function cancelUnminded(
  state: EngineState,
  strategyIds: readonly string[],
  at: At,
  out: Effect[],
): void {
  for (const leg of state.legs.live()) {
    if (leg.reduceOnly || !strategyIds.includes(leg.strategyId)) continue
    state.legs.wish(leg.label).cancelWanted = true
    cancelIfWanted(state, leg.label, at, out)
  }
}
