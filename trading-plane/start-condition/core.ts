import type { KillSwitchMode } from '@bulkhead/shared/contracts/kill-switch.ts'

/** What the safety Redis says of the kill switch. */
export type SwitchReading =
  | { readonly kind: 'mode'; readonly mode: KillSwitchMode }
  /** There is no state, or none that can be understood. */
  | { readonly kind: 'unknown' }
  | { readonly kind: 'unreachable' }

/** Why a process of the trading plane must not start, in the order of the checks. */
export const startRefusals = [
  'KILL_SWITCH_THROWN',
  'KILL_SWITCH_UNKNOWN',
  'SAFETY_REDIS_UNREACHABLE',
] as const
export type StartRefusal = (typeof startRefusals)[number]

export type StartVerdict =
  | { readonly kind: 'allowed' }
  | { readonly kind: 'refused'; readonly reason: StartRefusal }
  /** Nothing is known yet; worth another look while there is time. */
  | { readonly kind: 'undecided' }

/**
 * Judges whether the trading plane may start: only while the switch is known to be NORMAL, so that
 * nothing the safety plane severed comes back by itself. Not knowing is no permission (law 3).
 *
 * @param isLast whether there is no time for another look
 */
export function judgeStart(reading: SwitchReading, isLast: boolean): StartVerdict {
  switch (reading.kind) {
    case 'mode':
      return reading.mode === 'NORMAL' ? { kind: 'allowed' } : refused('KILL_SWITCH_THROWN')
    case 'unknown':
      return isLast ? refused('KILL_SWITCH_UNKNOWN') : { kind: 'undecided' }
    case 'unreachable':
      return isLast ? refused('SAFETY_REDIS_UNREACHABLE') : { kind: 'undecided' }
  }
}

const refused = (reason: StartRefusal): StartVerdict => ({ kind: 'refused', reason })
