import type { NotionalWindow } from '../numbers/notional-window.ts'

/** The trades of one instrument. */
export type InstrumentFlow = {
  readonly publicUsd: NotionalWindow
  readonly ownBuyUsd: NotionalWindow
  readonly ownSellUsd: NotionalWindow
  /** Up to when every public trade is in; null while one may be missing. */
  knownTickMs: number | null
}

export type ImpactState = {
  /** Of instruments that the feed tells of or that we traded; never more than the venue has. */
  readonly flows: Map<string, InstrumentFlow>
  /** Instruments whose public trades have a gap or were too old for an order. */
  readonly broken: Set<string>
  /** Until when strategy and structure open nothing (contract 1.2.3). */
  readonly cooldowns: Map<string, number>
}

export function createImpactState(): ImpactState {
  return { flows: new Map(), broken: new Set(), cooldowns: new Map() }
}
