import type { IncidentCode } from '@bulkhead/shared/contracts/reasons/incidents.ts'
import type { VenueTrade } from '../../venues/port.ts'
import type { At } from '../at.ts'
import type { Effect } from '../effects.ts'
import { filledSteps, isUndecided, type Leg } from '../legs/leg.ts'
import type { ToolUse } from '../../rate-limit/core.ts'
import { count, type EngineState } from '../state.ts'

/** Least time between two words on the same trouble, where it goes on. */
const lastingPauseMs = 60_000

export type Incident = {
  readonly code: IncidentCode
  readonly severity: 'warning' | 'critical'
  readonly subject: string
  readonly correlationId: string
  readonly fields: Readonly<Record<string, string>>
}

/** Tells people: in the audit log, in the log, and as a counter of the status. */
export function raiseIncident(state: EngineState, incident: Incident, out: Effect[]): void {
  const { code, severity, subject, correlationId } = incident
  const fields = { code, severity, ...incident.fields }
  count(state, `incident_${code}`)
  out.push({
    kind: 'audit',
    record: { action: 'INCIDENT_CREATED', subject, correlationId, fields },
  })
  out.push({ kind: 'log', message: 'INCIDENT_CREATED', fields: { subject, ...fields } })
}

/** Tells people of a trouble that goes on: once a minute is enough. */
export function raiseLasting(state: EngineState, incident: Incident, at: At, out: Effect[]): void {
  const toldTickMs = state.toldIncidents.get(incident.code) ?? Number.NEGATIVE_INFINITY
  if (at.tickMs - toldTickMs < lastingPauseMs) return
  state.toldIncidents.set(incident.code, at.tickMs)
  raiseIncident(state, incident, out)
}

/** Says that an order that takes risk away went out before the ledger had it (decision D-71). */
export function raiseAhead(
  state: EngineState,
  label: string,
  ledger: 'stuck' | 'full',
  at: At,
  out: Effect[],
): void {
  count(state, 'sent_ahead_of_ledger')
  const correlationId = state.legs.get(label)?.intentId ?? ''
  const code = 'SENT_AHEAD_OF_LEDGER'
  const fields = { ledger }
  raiseLasting(
    state,
    { code, severity: 'critical', subject: label, correlationId, fields },
    at,
    out,
  )
}

/** Says that a program asks for more than any sound one would (control-plane refactor 3.2). */
export function raiseToolLimit(
  state: EngineState,
  label: string,
  use: ToolUse,
  at: At,
  out: Effect[],
): void {
  count(state, `tool_limit_${use}`)
  const correlationId = state.legs.get(label)?.intentId ?? ''
  const incident = { code: 'TOOL_RATE_EXCEEDED', severity: 'critical' } as const
  raiseLasting(state, { ...incident, subject: label, correlationId, fields: { use } }, at, out)
}

/**
 * Holds a trade against the price that was to be expected when its order was proposed (refactor
 * 5.3): far off is an incident, further off also gives the order up.
 */
export function judgeFill(state: EngineState, leg: Leg, trade: VenueTrade, out: Effect[]): void {
  const { deviationWarningPct, deviationCriticalPct } = state.config.incidents
  const pct = deviationPct(leg, trade.price, state.legs.wish(leg.label).expectedPrice)
  if (pct <= deviationWarningPct) return
  const isCritical = pct > deviationCriticalPct
  raiseIncident(
    state,
    {
      code: isCritical ? 'FILL_PRICE_CRITICAL' : 'FILL_PRICE_DEVIATES',
      severity: isCritical ? 'critical' : 'warning',
      subject: leg.label,
      correlationId: leg.intentId,
      fields: {
        trade_id: trade.tradeId,
        price: String(trade.price),
        deviation_pct: pct.toFixed(3),
      },
    },
    out,
  )
  if (isCritical) abortLeg(state, leg, 'fill_price', out)
}

/**
 * Gives an order up: what is left of it is cancelled by the next turn, what was filled stays, for
 * to close it is a decision of its own (refactor 5.3). An order that closes is never cancelled
 * here: it takes risk away.
 */
function abortLeg(
  state: EngineState,
  leg: Leg,
  cause: 'fill_price' | 'submit_timeout' | 'fill_timeout',
  out: Effect[],
): void {
  const wish = state.legs.wish(leg.label)
  if (wish.isAborted) return
  wish.isAborted = true
  wish.cancelWanted ||= !leg.reduceOnly
  raiseIncident(
    state,
    {
      code: 'ORDER_ABORTED',
      severity: 'critical',
      subject: leg.label,
      correlationId: leg.intentId,
      fields: {
        cause,
        intended_steps: String(leg.amountSteps),
        filled_steps: String(filledSteps(leg)),
        is_cancelled: String(!leg.reduceOnly),
      },
    },
    out,
  )
}

/** Gives up what waited too long for an answer, or for its fill. */
export function abortOverdue(state: EngineState, at: At, out: Effect[]): void {
  const { submitWaitMsMax, fillWaitMsMax } = state.config.incidents
  for (const leg of state.legs.live()) {
    const wish = state.legs.wish(leg.label)
    wish.sinceTickMs ??= at.tickMs
    const waitedMs = at.tickMs - wish.sinceTickMs
    if (isUndecided(leg) && waitedMs >= submitWaitMsMax) abortLeg(state, leg, 'submit_timeout', out)
    else if (waitedMs >= fillWaitMsMax) abortLeg(state, leg, 'fill_timeout', out)
  }
}

/** The cancel of what was given up unanswered was not answered either: people must look. */
export function wantReview(state: EngineState, leg: Leg, out: Effect[]): void {
  const wish = state.legs.wish(leg.label)
  if (!wish.isAborted || wish.isInReview || !isUndecided(leg)) return
  wish.isInReview = true
  const { label, intentId, instrument, amount, price, side } = leg
  raiseIncident(
    state,
    {
      code: 'ORDER_NEEDS_REVIEW',
      severity: 'critical',
      subject: label,
      correlationId: intentId,
      fields: { instrument, side, amount, price },
    },
    out,
  )
}

/** What an order that is proposed now should trade at: the touch where it takes, else its limit. */
export function expectedPriceOf(state: EngineState, { instrument, side, price }: Leg): number {
  const limit = Number(price)
  const book = state.books.get(instrument)
  const touch = (side === 'buy' ? book?.bestAsk : book?.bestBid) ?? null
  const isTaking = touch !== null && (side === 'buy' ? limit >= touch : limit <= touch)
  return isTaking ? touch : limit
}

/** Of an order of an earlier run only the limit is known: it may trade better and not worse. */
function deviationPct(leg: Leg, price: number, expected: number | null): number {
  if (expected !== null) return (Math.abs(price - expected) / expected) * 100
  const limit = Number(leg.price)
  return ((leg.side === 'buy' ? price - limit : limit - price) / limit) * 100
}
