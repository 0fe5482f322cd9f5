import type { AtomicNakedEvent } from '@bulkhead/shared/contracts/atomic-naked-event.ts'
import type { AuditRecord } from '@bulkhead/shared/contracts/audit-entry.ts'
import type { At } from '../at.ts'
import type { Effect } from '../effects.ts'
import type { EngineState } from '../state.ts'
import type { CloseCause } from './state.ts'

/**
 * Gives the account of an emergency close (contract 3.1): one entry in the audit, one record in the
 * ledger, one more in the count of 24 hours.
 */
export function giveAccount(
  state: EngineState,
  event: AtomicNakedEvent,
  { subject, correlationId, fields }: Pick<AuditRecord, 'subject' | 'correlationId' | 'fields'>,
  at: At,
  out: Effect[],
): void {
  state.nakedEvents.take(at.tickMs)
  out.push({ kind: 'record', record: { type: 'naked', ...event } })
  const told = Object.fromEntries(
    Object.entries(event).map(([name, value]) => [name, textOf(name, value)]),
  )
  const entry = { action: 'ATOMIC_NAKED_EVENT', subject, correlationId }
  out.push({ kind: 'audit', record: { ...entry, fields: { ...fields, ...told } } })
}

/** What ended it, where what began it did not suffice. */
export function causeOf(
  cause: CloseCause,
  isClosed: boolean,
  isHedged: boolean,
): AtomicNakedEvent['cause'] {
  if (isClosed) return cause
  return isHedged ? 'hedge_fallback' : 'emergency_close_exhausted'
}

function textOf(name: string, value: AtomicNakedEvent[keyof AtomicNakedEvent]): string {
  if (value === null) return 'unknown'
  return name.startsWith('exposure_usd') && typeof value === 'number'
    ? value.toFixed(2)
    : String(value)
}
