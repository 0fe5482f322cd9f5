import type { At } from '../at.ts'
import type { TradingMode } from '@bulkhead/shared/contracts/reasons/mode-reasons.ts'
import { ageMs, modeNow } from '../mode-view.ts'
import type { EngineState } from '../state.ts'
import { openingsAt } from './budget.ts'
import { judgeClock } from './clock.ts'
import { buildPermissionContext } from './context.ts'
import { decidePermission } from './core.ts'
import type { Desk } from './desk.ts'
import { holdSeverity, type PermissionLatch } from './latch.ts'
import type { Judgement } from './record.ts'

type Judged = Judgement & { readonly latch: PermissionLatch; readonly wasComplete: boolean }

/**
 * The permission of this moment, from what the engine knows. It sees no intent. Nothing is changed
 * by asking.
 *
 * @param mode the mode of this very moment: it has one authority, which is not asked twice
 */
export function judgePermission(state: EngineState, at: At, mode: TradingMode): Judged {
  const { permission, safety, config } = state
  const limits = config.tradePermission
  const openings = openingsAt(permission.tally, at.nowMs, limits.openingsPerDayMax)
  const clock = judgeClock(permission.clockSample, at, limits)
  const context = buildPermissionContext({
    killSwitch: isKillSwitchFresh(state, at) ? safety.killSwitchMode : null,
    budget: openings,
    health: {
      isVenueReady: state.venue.isReady,
      venueSilenceMs: ageMs(state.feedTickMs, at),
      venueSilenceMsMax: limits.venueSilenceMsMax,
      safetyHeartbeatAgeMs: ageMs(safety.heartbeatTickMs, at),
      safetyHeartbeatAgeMsMax: limits.safetyHeartbeatAgeMsMax,
    },
    clock,
    risk: mode,
  })
  const fresh = decidePermission(context)
  const isIncomplete = context.faults.includes('POLICY_CONTEXT_INCOMPLETE')
  const wasComplete = permission.wasComplete || !isIncomplete
  if (!wasComplete) {
    return { decision: fresh, context, openings, clock, latch: permission.latch, wasComplete }
  }
  const windowMs = isIncomplete ? limits.failedSourceLatchWindowMs : limits.latchWindowMs
  const { decision, latch } = holdSeverity(permission.latch, fresh, at.tickMs, windowMs)
  return { decision, context, openings, clock, latch, wasComplete }
}

/** What the desk is now, for whoever only looks. */
export function deskNow(state: EngineState, at: At): Desk {
  const mode = modeNow(state, at, state.config.killSwitchAgeMsMax)
  return { mode, permission: judgePermission(state, at, mode.mode) }
}

function isKillSwitchFresh({ safety, config }: EngineState, at: At): boolean {
  const age = ageMs(safety.killSwitchTickMs, at)
  return age !== null && age <= config.killSwitchAgeMsMax
}
