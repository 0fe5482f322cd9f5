import type { Position, SafetyVenue } from '../exchange/ports.ts'
import { closeOrderFor } from './close.core.ts'
import type { PhaseResult } from './ports.ts'

export type CloseLimits = {
  readonly massCancelTimeoutMs: number
  readonly closeAttemptsMax: number
  readonly closeWidenBps: readonly number[]
  readonly closePauseMs: number
}

/**
 * Brings every position to zero with reduce-only limit orders that never rest: cancel first, then
 * at most `closeAttemptsMax` rounds, each a step further into the book (design 5.2, L2). Confirmed
 * only by a read that shows no position.
 */
export async function closePositions(
  venue: SafetyVenue,
  episode: string,
  limits: CloseLimits,
): Promise<PhaseResult> {
  await venue.cancelAll(limits.massCancelTimeoutMs)
  const details: Record<string, string> = {}
  for (let attempt = 1; attempt <= limits.closeAttemptsMax; attempt += 1) {
    const positions = await venue.readPositions()
    if (!positions.ok) {
      details['fault'] = positions.failure.code
      await pause(limits.closePauseMs)
      continue
    }
    if (attempt === 1) details['positions_before'] = String(positions.value.length)
    if (positions.value.length === 0) return flat(details, attempt - 1)
    details['attempts'] = String(attempt)
    const widenBps = limits.closeWidenBps[attempt - 1] ?? 0
    const label = `kill-${episode.slice(0, 8)}-${attempt}`
    const faults = await Promise.all(
      positions.value.map((position) => reduce(venue, position, widenBps, label)),
    )
    details['fault'] = faults.filter((fault) => fault !== '').join(',')
    await pause(limits.closePauseMs)
  }
  const left = await venue.readPositions()
  if (left.ok && left.value.length === 0) return flat(details, limits.closeAttemptsMax)
  details['positions_after'] = left.ok ? String(left.value.length) : left.failure.code
  return { outcome: 'unconfirmed', details }
}

function flat(details: Readonly<Record<string, string>>, attempts: number): PhaseResult {
  const after = { attempts: String(attempts), positions_after: '0' }
  return { outcome: 'confirmed', details: { ...details, ...after } }
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
