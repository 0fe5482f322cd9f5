import type { At } from '../at.ts'
import type { Effect } from '../effects.ts'
import { causeOf, giveAccount } from '../emergency-close/account.ts'
import { closableSteps, startClose } from '../emergency-close/core.ts'
import { amountOfSteps, notionalUsd } from '../exposure/exposure.ts'
import { indexOf } from '../exposure/underlying.ts'
import { filledSteps } from '../legs/leg.ts'
import { modeNow } from '../mode-view.ts'
import type { EngineState } from '../state.ts'
import { type Group, type GroupLeg, unseenOrder } from './state.ts'

/**
 * Takes back what was filled, leg by leg, by the one emergency close of contract 3.1: bounded
 * attempts, then a hedge; what is left then is tried again after a pause. No kill switch is asked
 * but the two that belong to the safety plane (decision D-45).
 */
export function flatten(state: EngineState, group: Group, at: At, out: Effect[]): void {
  if (!group.isTold) group.exposureUsdBefore ??= exposureUsd(state, group)
  for (const [index, leg] of group.legs.entries()) {
    noteCloses(state, group, index, leg, at, out)
    settleClose(state, leg, at)
    if (leg.close === null) begin(state, group, leg, at, out)
  }
  const isTried = group.legs.every(
    (leg) =>
      leg.close === null &&
      !leg.orders.some(({ isOwing }) => isOwing) &&
      (leg.attempts > 0 || leftSteps(state, leg) === 0),
  )
  const hasFill = group.legs.some((leg) => boughtSteps(leg) > 0)
  if (isTried && hasFill && !group.isTold) account(state, group, at, out)
}

/** Whole steps of a leg that are held and not taken back, nor hedged. */
export function leftSteps(state: EngineState, leg: GroupLeg): number {
  const [order] = leg.orders
  if (order === undefined || leg.isHedged) return 0
  const back = leg.closes
    .filter(({ instrument }) => instrument === order.instrument)
    .reduce((sum, { filledSteps: steps }) => sum + steps, 0)
  const wantedSteps = boughtSteps(leg) - back
  if (wantedSteps <= 0) return 0
  const side = order.side === 'buy' ? 'sell' : 'buy'
  return closableSteps(state, { instrument: order.instrument, side, wantedSteps })
}

function begin(state: EngineState, group: Group, leg: GroupLeg, at: At, out: Effect[]): void {
  const { killSwitchMode } = state.safety
  const wantedSteps = leftSteps(state, leg)
  const [order] = leg.orders
  if (order === undefined || wantedSteps === 0 || at.tickMs < leg.nextCloseTickMs) return
  if (killSwitchMode === 'HARD_STOP' || killSwitchMode === 'EMERGENCY') return
  const need = {
    groupId: group.groupId,
    strategyId: group.strategyId,
    originId: group.groupId,
    instrument: order.instrument,
    side: order.side === 'buy' ? ('sell' as const) : ('buy' as const),
    limit: null,
    cause: 'atomic_legging_failure' as const,
    wantedSteps,
  }
  leg.close = startClose(state, need, at, out)
}

/** The order that takes a leg back is recorded as its own before the order itself is. */
function noteCloses(
  state: EngineState,
  group: Group,
  index: number,
  leg: GroupLeg,
  at: At,
  out: Effect[],
): void {
  for (const label of leg.close?.labels ?? []) {
    if (leg.closes.some((each) => each.label === label)) continue
    const own = state.legs.get(label)
    leg.closes.push({ ...unseenOrder(label), instrument: own?.instrument ?? '', isTerminal: false })
    const sent = out.findIndex((each) => each.kind === 'submit' && each.order.label === label)
    out.splice(sent < 0 ? out.length : sent, 0, {
      kind: 'record',
      record: {
        type: 'group_close',
        group_id: group.groupId,
        leg_index: index,
        label,
        at_ms: at.nowMs,
      },
    })
  }
}

/** A close that has ended tells what it did. */
function settleClose(state: EngineState, leg: GroupLeg, at: At): void {
  const { close } = leg
  if (close === null || state.emergencyClose.running.get(close.instrument) === close) return
  const { retryMs, gates } = state.config
  const pauseMs = close.attempts === 0 ? retryMs : gates.emergencyClose.containmentPauseMs
  leg.close = null
  leg.attempts += close.attempts
  leg.nextCloseTickMs = at.tickMs + pauseMs
  const hedge = state.legs.get(close.labels.at(-1) ?? '')
  const isFilled = hedge !== undefined && filledSteps(hedge) === hedge.amountSteps
  leg.isHedged = close.isHedgeWhole && isFilled
}

function account(state: EngineState, group: Group, at: At, out: Effect[]): void {
  group.isTold = true
  const { mode } = modeNow(state, at, state.config.killSwitchAgeMsMax)
  const isHedged = group.legs.some((leg) => leg.isHedged)
  const isNeutral = group.legs.every((leg) => leftSteps(state, leg) === 0)
  const startedMs = group.failedMs ?? at.nowMs
  const event = {
    group_id: group.groupId,
    strategy_id: group.strategyId,
    incident_ts_ms: startedMs,
    exposure_usd_before: group.exposureUsdBefore,
    exposure_usd_after: exposureUsd(state, group),
    time_to_delta_neutral_ms: Math.round(Math.max(0, at.nowMs - startedMs)),
    close_attempts: Math.max(...group.legs.map(({ attempts }) => attempts)),
    hedge_used: isHedged,
    is_neutral: isNeutral,
    cause: causeOf('atomic_legging_failure', isNeutral && !isHedged, isHedged),
    trading_mode_at_event: mode,
  }
  const entry = { subject: group.groupId, correlationId: group.groupId, fields: {} }
  giveAccount(state, event, entry, at, out)
}

/** What is left of all legs, in USD; null where one of them has no known worth. */
function exposureUsd(state: EngineState, { legs }: Group): number | null {
  let sum = 0
  for (const leg of legs) {
    const spec = state.instruments.get(leg.orders[0]?.instrument ?? '')
    const steps = leftSteps(state, leg)
    if (steps === 0) continue
    const amount = spec === undefined ? 0 : amountOfSteps(steps, spec.amountStep)
    const usd = spec === undefined ? null : notionalUsd(spec, amount, indexOf(state, spec))
    if (usd === null) return null
    sum += usd
  }
  return sum
}

function boughtSteps({ orders }: GroupLeg): number {
  return orders.reduce((sum, each) => sum + each.filledSteps, 0)
}
