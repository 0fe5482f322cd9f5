import type { KillLevel } from '@bulkhead/shared/contracts/kill-switch.ts'
import type { Clock } from '@bulkhead/shared/kernel/clock.ts'
import { ok, type Result } from '@bulkhead/shared/kernel/result.ts'
import type { OpenOrderRead, SafetyVenue, VenueFault } from '../exchange/ports.ts'
import { budgetRefillMs, cancelPlan } from './cancel.core.ts'
import type { PhaseResult } from './ports.ts'

export type OrderLimits = {
  readonly massCancelTimeoutMs: number
  readonly sweepAttemptsMax: number
  readonly sweepPauseMs: number
}

/** One cancel of everything that must go at this level, within its limit and without a retry. */
export async function massCancel(
  venue: SafetyVenue,
  level: KillLevel,
  limits: OrderLimits,
  clock: Clock,
): Promise<PhaseResult> {
  const cancelled = await cancelFor(venue, level, limits.massCancelTimeoutMs, clock)
  if (cancelled.ok) {
    const { count, isWhole } = cancelled.value
    return {
      outcome: isWhole ? 'confirmed' : 'unconfirmed',
      details: { cancelled: String(count), ...(isWhole ? {} : { left: 'for the sweep' }) },
    }
  }
  const { code, detail } = cancelled.failure
  return {
    outcome: code === 'VENUE_TIMED_OUT' ? 'timed_out' : 'unconfirmed',
    details: { fault: code, venue_detail: detail },
    budgetStarved: code === 'VENUE_BUDGET_STARVED',
  }
}

type Cancelled = {
  readonly count: number
  /** False when a soft stop had more to cancel than one pass may. */
  readonly isWhole: boolean
}

/** Everything above L0; at L0 only what could add risk (decision D-04). */
async function cancelFor(
  venue: SafetyVenue,
  level: KillLevel,
  timeoutMs: number,
  clock: Clock,
): Promise<Result<Cancelled, VenueFault>> {
  if (level === 'L0') return cancelRiskAdding(venue, timeoutMs, clock)
  const all = await venue.cancelAll(timeoutMs)
  return all.ok ? ok({ count: all.value, isWhole: true }) : all
}

async function cancelRiskAdding(
  venue: SafetyVenue,
  timeoutMs: number,
  clock: Clock,
): Promise<Result<Cancelled, VenueFault>> {
  const endTickMs = clock.monotonicMs() + timeoutMs
  const open = await venue.readOpenOrders('all', timeoutMs)
  if (!open.ok) return open
  const leftMs = Math.max(1, Math.floor(endTickMs - clock.monotonicMs()))
  const plan = cancelPlan(open.value)
  const replies = await Promise.all(
    plan.steps.map((step) => {
      if (step.kind === 'all') return venue.cancelAll(leftMs)
      if (step.kind === 'instrument') return venue.cancelInstrument(step.instrument, leftMs)
      return venue.cancelOrder(step, leftMs)
    }),
  )
  let count = 0
  for (const reply of replies) {
    if (reply.ok) count += reply.value
    // A refused cancel is an order that went meanwhile; the sweep counts what is left.
    else if (reply.failure.code !== 'VENUE_REFUSED') return reply
  }
  return ok({ count, isWhole: plan.isWhole })
}

type Count = { readonly text: string; readonly isZero: boolean; readonly isStarved: boolean }

/**
 * Cancels again, then asks two different endpoints; only two zeros in a row prove that nothing
 * rests (law 11). A failed read is no zero.
 */
export async function sweep(
  venue: SafetyVenue,
  level: KillLevel,
  limits: OrderLimits,
  clock: Clock,
): Promise<PhaseResult> {
  let details: Record<string, string> = {}
  let isStarved = false
  for (let attempt = 1; attempt <= limits.sweepAttemptsMax; attempt += 1) {
    const cancelled = await cancelFor(venue, level, limits.massCancelTimeoutMs, clock)
    const first = await countOpen(venue, 'all', level)
    const second = await countOpen(venue, 'by_part', level)
    details = {
      attempts: String(attempt),
      read_1: first.text,
      read_1_endpoint: venue.endpoints.all,
      read_2: second.text,
      read_2_endpoint: venue.endpoints.by_part,
      cancel: cancelled.ok ? String(cancelled.value.count) : cancelled.failure.code,
    }
    if (first.isZero && second.isZero) return { outcome: 'confirmed', details }
    isStarved =
      first.isStarved ||
      second.isStarved ||
      (!cancelled.ok && cancelled.failure.code === 'VENUE_BUDGET_STARVED')
    if (isStarved && level === 'L0') break
    const isWhole = !cancelled.ok || cancelled.value.isWhole
    if (attempt < limits.sweepAttemptsMax)
      await pause(isWhole ? limits.sweepPauseMs : budgetRefillMs)
  }
  return { outcome: 'unconfirmed', details, budgetStarved: isStarved }
}

async function countOpen(
  venue: SafetyVenue,
  read: OpenOrderRead,
  level: KillLevel,
): Promise<Count> {
  const open = await venue.readOpenOrders(read)
  if (!open.ok) {
    const { code } = open.failure
    return { text: code, isZero: false, isStarved: code === 'VENUE_BUDGET_STARVED' }
  }
  const left = open.value.filter(({ reduceOnly }) => level !== 'L0' || !reduceOnly).length
  return { text: String(left), isZero: left === 0, isStarved: false }
}

/** How many orders rest now that this level does not allow; null when the venue does not say. */
export async function ordersResting(venue: SafetyVenue, level: KillLevel): Promise<number | null> {
  const { text } = await countOpen(venue, 'all', level)
  return /^\d+$/.test(text) ? Number(text) : null
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms)
  })
}
