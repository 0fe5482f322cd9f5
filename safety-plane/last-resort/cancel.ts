import type { AuditRecord } from '@bulkhead/shared/contracts/audit-entry.ts'
import type { Clock } from '@bulkhead/shared/kernel/clock.ts'
import type { SafetyVenue } from '../exchange/ports.ts'
import { type OrderLimits, sweep } from '../kill-sequence/orders.ts'
import type { PhaseResult } from '../kill-sequence/ports.ts'

export type LastResortOptions = {
  readonly venue: SafetyVenue
  readonly limits: OrderLimits
  readonly clock: Clock
  /** After this time no further round begins, in milliseconds. */
  readonly runMsMax: number
  /** Pause between two rounds, in milliseconds. */
  readonly pauseMs: number
  readonly audit: (record: AuditRecord) => Promise<unknown>
}

/** What was achieved: `confirmed` means two zero reads from two endpoints. */
export type LastResortReport = { readonly rounds: number } & Pick<
  PhaseResult,
  'outcome' | 'details'
>

/**
 * Status with which a run ends: 0 only when confirmed. 1 makes systemd run it again; 2, which would
 * not, is kept for a run that cannot begin.
 */
export const exitStatusOf = ({ outcome }: Pick<LastResortReport, 'outcome'>): 0 | 1 =>
  outcome === 'confirmed' ? 0 : 1

const subject = 'dead_man_switch'

/**
 * Cancels every order of the account, round after round, until two endpoints report none or the
 * time is over. It knows no episode and changes no state: a dead-man switch that comes back is free
 * to judge anew.
 */
export async function cancelEverything(options: LastResortOptions): Promise<LastResortReport> {
  const { venue, limits, clock, runMsMax, pauseMs, audit } = options
  const endTickMs = clock.monotonicMs() + runMsMax
  // Nothing waits for the audit: a disk or a Redis that hangs must not keep an order alive.
  const begun = audit({ action: 'LAST_RESORT_STARTED', subject, correlationId: '' })
  for (let rounds = 1; ; rounds += 1) {
    const { outcome, details } = await sweep(venue, 'L1', limits, clock)
    const isOver = outcome === 'confirmed' || clock.monotonicMs() + pauseMs >= endTickMs
    if (isOver) {
      await begun
      const fields = { ...details, outcome, rounds: String(rounds) }
      await audit({ action: 'LAST_RESORT_FINISHED', subject, correlationId: '', fields })
      return { outcome, details, rounds }
    }
    await new Promise((resolve) => {
      setTimeout(resolve, pauseMs)
    })
  }
}
