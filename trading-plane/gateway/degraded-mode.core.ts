import type { MutatingTool } from '@bulkhead/shared/contracts/governed-actions.ts'
import type { TradingMode } from '@bulkhead/shared/contracts/reasons/mode-reasons.ts'

/** What may be asked of a venue without changing anything there (control-plane refactor 3.1). */
export const readTools = [
  'get_positions',
  'get_balances',
  'get_open_orders',
  'get_instrument',
  'get_funding_rate',
] as const
export type ReadTool = (typeof readTools)[number]

/** How much of the desk still works, from all of it to nothing (control-plane refactor 6.4). */
export const degradedModes = ['NORMAL', 'RISK_OFF_ONLY', 'READ_ONLY', 'FULL_STOP'] as const
export type DegradedMode = (typeof degradedModes)[number]

/** What the degraded mode follows from. It is computed at every call and kept nowhere (law 6). */
export type DeskFacts = {
  readonly tradingMode: TradingMode
  readonly isVenueReady: boolean
  /** The account was not compared with the venue since something was missed. */
  readonly isUnreconciled: boolean
  /** No position, no open order, and both known. */
  readonly isFlat: boolean
}

/** One wish to use a tool. */
export type ToolCall = {
  readonly tool: MutatingTool | ReadTool
  /** Takes risk away and can add none: a cancel, an order that the venue keeps reduce-only. */
  readonly isReducing: boolean
}

const whileRiskIsOff: ReadonlySet<ToolCall['tool']> = new Set([
  'cancel_order',
  'cancel_all_orders',
  ...readTools,
])

/** Without a place for the audit entry or without the venue everything stops, as under a kill. */
export function degradedModeOf(facts: DeskFacts, isAudited: boolean): DegradedMode {
  if (!isAudited || !facts.isVenueReady || facts.tradingMode === 'Kill') return 'FULL_STOP'
  if (facts.isUnreconciled) return 'READ_ONLY'
  return facts.tradingMode === 'Active' ? 'NORMAL' : 'RISK_OFF_ONLY'
}

/** The table of tools as it is written, for a desk that has nothing at risk. */
export function isToolAllowed(mode: DegradedMode, { tool, isReducing }: ToolCall): boolean {
  switch (mode) {
    case 'NORMAL':
      return true
    case 'RISK_OFF_ONLY':
      return whileRiskIsOff.has(tool) || (tool === 'set_trading_stop' && isReducing)
    case 'READ_ONLY':
      return readTools.some((read) => read === tool)
    case 'FULL_STOP':
      return false
  }
}

/**
 * Whether a call may be made now. With anything at risk, or nobody knowing, what reduces risk is
 * always allowed (design law 4, decision D-08).
 */
export function mayCall(facts: DeskFacts, isAudited: boolean, call: ToolCall): boolean {
  if (call.isReducing && !facts.isFlat) return true
  return isToolAllowed(degradedModeOf(facts, isAudited), call)
}
