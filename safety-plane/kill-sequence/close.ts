import type { Result } from '@bulkhead/shared/kernel/result.ts'
import type { Position, SafetyVenue, VenueFault } from '../exchange/ports.ts'
import { budgetRefillMs } from './cancel.core.ts'
import { closeOrderFor } from './close.core.ts'
import { closeNow, hedgedGroups, perpetualStep, type UnderlyingGroup } from './close-plan.core.ts'
import type { PhaseResult } from './ports.ts'

export type CloseLimits = {
  readonly massCancelTimeoutMs: number
  readonly closeAttemptsMax: number
  readonly closeWidenBps: readonly number[]
  readonly closePauseMs: number
  readonly hedgeOnEmergency: boolean
  readonly hedgeNotionalUsdMax: number
}

type Pass = {
  readonly venue: SafetyVenue
  readonly limits: CloseLimits
  /** Marks the orders of this episode at the exchange. */
  readonly label: string
}

/** What one step sent: faults by code, empty where none; orders as text. */
type Sent = { readonly faults: readonly string[]; readonly orders: readonly string[] }

/**
 * Brings every position to zero with reduce-only limit orders that never rest: cancel first, then
 * at most `closeAttemptsMax` rounds, each a step further into the book (design 5.2, L2). What is
 * left then is hedged once by its perpetual (decision D-38). Confirmed only by a read that shows no
 * position; a hedge confirms nothing.
 */
export async function closePositions(
  venue: SafetyVenue,
  episode: string,
  limits: CloseLimits,
): Promise<PhaseResult> {
  await venue.cancelAll(limits.massCancelTimeoutMs)
  const pass = { venue, limits, label: `kill-${episode.slice(0, 8)}` }
  const details: Record<string, string> = {}
  for (let attempt = 1; attempt <= limits.closeAttemptsMax; attempt += 1) {
    const positions = await venue.readPositions()
    if (!positions.ok) {
      details['fault'] = positions.failure.code
      await pause(limits.closePauseMs)
      continue
    }
    details['positions_before'] ??= String(positions.value.length)
    if (positions.value.length === 0) return flat(details, attempt - 1)
    details['attempts'] = String(attempt)
    const faults = await round(pass, positions.value, attempt)
    details['fault'] = faults.join(',')
    await pause(faults.includes('VENUE_BUDGET_STARVED') ? budgetRefillMs : limits.closePauseMs)
  }
  const left = await venue.readPositions()
  if (left.ok && left.value.length === 0) return flat(details, limits.closeAttemptsMax)
  if (left.ok) Object.assign(details, await hedge(pass, left.value))
  details['positions_after'] = left.ok ? String(left.value.length) : left.failure.code
  return { outcome: 'unconfirmed', details }
}

function flat(details: Readonly<Record<string, string>>, attempts: number): PhaseResult {
  const after = { attempts: String(attempts), positions_after: '0' }
  return { outcome: 'confirmed', details: { ...details, ...after } }
}

/** One round: first what nothing else depends on, then perpetuals by what is really left. */
async function round(
  pass: Pass,
  positions: readonly Position[],
  attempt: number,
): Promise<readonly string[]> {
  const { venue, limits } = pass
  const widenBps = limits.closeWidenBps[attempt - 1] ?? 0
  const label = `${pass.label}-${attempt}`
  const closing = closeNow(positions)
  const faults = await Promise.all(
    closing.map((position) => reduce(venue, position, widenBps, label)),
  )
  const seen = faults.filter((fault) => fault !== '')
  if (hedgedGroups(positions).length === 0 || seen.includes('VENUE_BUDGET_STARVED')) return seen
  await pause(limits.closePauseMs)
  const left = await venue.readPositions()
  if (!left.ok) return [...seen, left.failure.code]
  const balanced = await balance(pass, left.value, { widenBps, label, mayHedge: false })
  return [...seen, ...balanced.faults]
}

/** The last step: one hedge for each underlying in which something could not be closed. */
async function hedge(pass: Pass, positions: readonly Position[]): Promise<Record<string, string>> {
  if (!pass.limits.hedgeOnEmergency || hedgedGroups(positions).length === 0) return {}
  const widenBps = pass.limits.closeWidenBps.at(-1) ?? 0
  const label = `${pass.label}-hedge`
  const { faults, orders } = await balance(pass, positions, { widenBps, label, mayHedge: true })
  return { hedge: orders.join(';'), hedge_fault: faults.join(',') }
}

async function balance(
  pass: Pass,
  positions: readonly Position[],
  how: { readonly widenBps: number; readonly label: string; readonly mayHedge: boolean },
): Promise<Sent> {
  const sent = await Promise.all(hedgedGroups(positions).map((group) => step(pass, group, how)))
  return {
    faults: sent.flatMap(({ faults }) => faults),
    orders: sent.flatMap(({ orders }) => orders),
  }
}

/** Sends at most one order for a perpetual that other positions of its underlying may need. */
async function step(
  { venue, limits }: Pass,
  group: UnderlyingGroup,
  how: { readonly widenBps: number; readonly label: string; readonly mayHedge: boolean },
): Promise<Sent> {
  const instrument = group.perpetual
  const quote = await venue.readQuote(instrument)
  if (!quote.ok) return { faults: [quote.failure.code], orders: [] }
  const { hedgeNotionalUsdMax } = limits
  const planned = perpetualStep(group, quote.value, { ...how, hedgeNotionalUsdMax })
  if (planned.kind === 'none') {
    const isFault = planned.reason === 'NO_PRICE' || planned.reason === 'HEDGE_LIMIT'
    return { faults: isFault ? [planned.reason] : [], orders: [] }
  }
  const order = { instrument, label: how.label, ...planned.order }
  const reply: Result<number, VenueFault> =
    planned.kind === 'reduce' ? await venue.sendReducing(order) : await venue.sendHedge(order)
  const filled = reply.ok ? `filled ${reply.value}` : reply.failure.code
  const text = `${instrument} ${order.side} ${order.amount} @ ${order.price} ${filled}`
  return { faults: reply.ok ? [] : [reply.failure.code], orders: [text] }
}

/** Sends one reducing order. @returns empty, or the code of what went wrong */
async function reduce(
  venue: SafetyVenue,
  position: Position,
  widenBps: number,
  label: string,
): Promise<string> {
  const quote = await venue.readQuote(position.instrument)
  if (!quote.ok) return quote.failure.code
  const order = closeOrderFor(position.size, quote.value, widenBps)
  if (order === null) return 'NO_PRICE'
  const sent = await venue.sendReducing({ instrument: position.instrument, label, ...order })
  return sent.ok ? '' : sent.failure.code
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms)
  })
}
