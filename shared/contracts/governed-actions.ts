/**
 * What may be asked of a venue, as a closed list: no other tool exists (control-plane refactor
 * 3.1). These change something there and are judged by the policy first.
 */
export const mutatingTools = [
  'submit_order',
  'cancel_order',
  'cancel_all_orders',
  'amend_order',
  'batch_submit_orders',
  'set_trading_stop',
  'set_leverage',
  'set_position_mode',
] as const
export type MutatingTool = (typeof mutatingTools)[number]

/** Everything that the policy judges: what changes the venue, and what changes our own book. */
export const governedTools = [...mutatingTools, 'repair_position'] as const

/** How many people must agree before an action is done; each tier asks for more than the last. */
export const approvalTiers = ['T0', 'T1', 'T2', 'T3'] as const
/**
 * T0: done without asking. T1: done, and people are told. T2: held until one person agrees. T3:
 * held until two people agree.
 */
export type ApprovalTier = (typeof approvalTiers)[number]
/** Tiers that hold an action back. */
export const holdingTiers = ['T2', 'T3'] as const
export type HoldingTier = (typeof holdingTiers)[number]

/** Tiers that people hear of. */
export const toldTiers = ['T1', ...holdingTiers] as const
export type ToldTier = (typeof toldTiers)[number]

/** Requests that may wait at one time, and ended ones that are still shown. */
export const approvalsPendingMax = 32
export const approvalsEndedMax = 20

/** Different people who must agree before an action of this tier is done. */
export const approversNeeded: Readonly<Record<ApprovalTier, number>> = {
  T0: 0,
  T1: 0,
  T2: 1,
  T3: 2,
}

/** Whether an action of this tier waits for people. */
export function isHolding(tier: ApprovalTier): tier is HoldingTier {
  return approversNeeded[tier] > 0
}

/** Whether the first asks for more than the second. */
export function isHigherTier(tier: ApprovalTier, than: ApprovalTier): boolean {
  return approvalTiers.indexOf(tier) > approvalTiers.indexOf(than)
}
