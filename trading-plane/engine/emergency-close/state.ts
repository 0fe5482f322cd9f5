import type { AtomicNakedEvent } from '@bulkhead/shared/contracts/atomic-naked-event.ts'
import type { Side } from '../../venues/port.ts'

/** Why exposure is closed without the ordinary gates. */
export type CloseCause = Extract<
  AtomicNakedEvent['cause'],
  'close_without_book' | 'kill_containment' | 'atomic_legging_failure'
>

/** One position on its way out: bounded attempts, then a hedge, then an account of it. */
export type NakedClose = {
  /** Of the intent whose need it serves, or a group of its own. */
  readonly groupId: string
  readonly strategyId: string
  /** Intent that was refused; empty when nobody asked. */
  readonly originId: string
  readonly instrument: string
  readonly side: Side
  readonly wantedSteps: number
  /** The price that the strategy would not go beyond; null when it has no say. */
  readonly limit: string | null
  readonly cause: CloseCause
  readonly startedMs: number
  readonly startedTickMs: number
  readonly exposureUsdBefore: number | null
  attempts: number
  isHedged: boolean
  /** Whether the hedge, once filled, leaves nothing open. */
  isHedgeWhole: boolean
  /** Labels of its own orders, oldest first. */
  readonly labels: string[]
  /** Instruments whose ticker was asked for the attempt at hand, and whether it was answered. */
  readonly asked: Map<string, 'pending' | 'answered'>
}

/** The best prices of an instrument as the venue last answered (contract, L1TickerSnapshot). */
export type TickerView = {
  readonly bestBid: number
  readonly bestAsk: number
  /** By the venue's own clock. */
  readonly venueMs: number
}

export type EmergencyCloseState = {
  /** At most one of each instrument. */
  readonly running: Map<string, NakedClose>
  readonly tickers: Map<string, TickerView>
  /** Until when an instrument is left alone after a close of it ended. */
  readonly pausedUntilTickMs: Map<string, number>
}

export function createEmergencyCloseState(): EmergencyCloseState {
  return { running: new Map(), tickers: new Map(), pausedUntilTickMs: new Map() }
}
