import type { At } from '../at.ts'
import type { SafetyReading } from '../events.ts'

/** What is remembered of the latest soft stop (contract 2.2, `emergency_reduceonly_active`). */
export type EmergencyStop = {
  /** When it began, by our monotonic clock; null when there was none. */
  readonly startedTickMs: number | null
  /** A reconciliation that began from this number on confirms what is held; null when one did. */
  readonly reconcileFrom: number | null
}

export const noEmergencyStop: EmergencyStop = { startedTickMs: null, reconcileFrom: null }

type Switch = NonNullable<SafetyReading['killSwitch']>

/**
 * Takes over a word of the kill switch. The stop counts from when it was called, whatever its
 * length; when it is over, the account has to be looked at anew. A process that finds the switch
 * reset does not know what the stop was, and counts from the reset (decision D-52); its account is
 * looked at in any case, because it has just started.
 *
 * @param before mode that was read before; null for the first word after a start
 * @param sequence number from which on a reconciliation is new
 */
export function takeSwitch(
  stop: EmergencyStop,
  { before, now }: { before: Switch['mode'] | null; now: Switch },
  sequence: number,
  at: At,
): EmergencyStop {
  const isBegin = now.mode === 'SOFT_STOP' && before !== 'SOFT_STOP'
  const isFound = before === null && now.mode === 'NORMAL' && (now.resetBy ?? '') !== ''
  if (isBegin || isFound) {
    const agoMs = Math.max(0, at.nowMs - (now.sinceMs ?? at.nowMs))
    return { startedTickMs: at.tickMs - agoMs, reconcileFrom: null }
  }
  const isOver = now.mode === 'NORMAL' && before !== null && before !== 'NORMAL'
  return isOver && stop.startedTickMs !== null ? { ...stop, reconcileFrom: sequence } : stop
}

/** Notes a complete reconciliation, by the number that it began with. */
export function confirm(stop: EmergencyStop, sequence: number): EmergencyStop {
  const isNew = stop.reconcileFrom !== null && sequence >= stop.reconcileFrom
  return isNew ? { ...stop, reconcileFrom: null } : stop
}

/** Whether nothing may be opened although the switch may be NORMAL again. */
export function isCoolingDown(stop: EmergencyStop, at: At, cooldownMs: number): boolean {
  const { startedTickMs, reconcileFrom } = stop
  return (
    startedTickMs !== null && (reconcileFrom !== null || at.tickMs - startedTickMs < cooldownMs)
  )
}
