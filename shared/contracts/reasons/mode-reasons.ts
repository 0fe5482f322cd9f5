/**
 * Why the desk is not Active (contract 2.2.3.5). List order is the order in which reasons are
 * shown. The two tiers never mix: a Kill shows only KILL codes, a ReduceOnly only REDUCEONLY codes.
 */
export const killModeReasons = [
  'KILL_WATCHDOG_HEARTBEAT_STALE',
  'KILL_RISKSTATE_KILL',
  'KILL_MARGIN_MM_UTIL_CRITICAL',
  'KILL_RATE_LIMIT_SESSION_TERMINATION',
  'KILL_DISK_WATERMARK_KILL',
  'KILL_CORTEX_FORCE_KILL',
] as const

export const reduceOnlyModeReasons = [
  'REDUCEONLY_RISKSTATE_MAINTENANCE',
  'REDUCEONLY_EMERGENCY_REDUCEONLY_ACTIVE',
  'REDUCEONLY_OPEN_PERMISSION_LATCHED',
  'REDUCEONLY_BUNKER_MODE_ACTIVE',
  'REDUCEONLY_F1_CERT_INVALID',
  'REDUCEONLY_EVIDENCE_CHAIN_NOT_GREEN',
  'REDUCEONLY_CORTEX_FORCE_REDUCE_ONLY',
  'REDUCEONLY_FEE_MODEL_HARD_STALE',
  'REDUCEONLY_RISKSTATE_DEGRADED',
  'REDUCEONLY_POLICY_STALE',
  'REDUCEONLY_MARGIN_MM_UTIL_HIGH',
  'REDUCEONLY_INPUT_MISSING_OR_STALE',
  'REDUCEONLY_WATCHDOG_UNCONFIRMED',
  'REDUCEONLY_DISK_KILL_UNCONFIRMED',
  'REDUCEONLY_SESSION_KILL_UNCONFIRMED',
] as const

export type KillModeReason = (typeof killModeReasons)[number]
export type ReduceOnlyModeReason = (typeof reduceOnlyModeReasons)[number]
export type ModeReason = KillModeReason | ReduceOnlyModeReason

export const modeReasons: readonly ModeReason[] = [...killModeReasons, ...reduceOnlyModeReasons]

/** One sentence per code for people who do not know the codes. */
export const modeReasonWords: Readonly<Record<ModeReason, string>> = {
  KILL_WATCHDOG_HEARTBEAT_STALE: 'The trading loop stopped and its watchdog agrees.',
  KILL_RISKSTATE_KILL: 'The kill switch was thrown: hard stop or emergency.',
  KILL_MARGIN_MM_UTIL_CRITICAL: 'Margin use is critical.',
  KILL_RATE_LIMIT_SESSION_TERMINATION: 'The exchange ended our session for too many requests.',
  KILL_DISK_WATERMARK_KILL: 'The disk is full.',
  KILL_CORTEX_FORCE_KILL: 'Market structure collapsed.',
  REDUCEONLY_RISKSTATE_MAINTENANCE: 'The exchange is in maintenance.',
  REDUCEONLY_EMERGENCY_REDUCEONLY_ACTIVE:
    'A soft stop is in force: only risk reduction is allowed.',
  REDUCEONLY_OPEN_PERMISSION_LATCHED: 'Our books and the exchange are not reconciled yet.',
  REDUCEONLY_BUNKER_MODE_ACTIVE: 'The network is unreliable.',
  REDUCEONLY_F1_CERT_INVALID: 'The release certificate is missing or not valid.',
  REDUCEONLY_EVIDENCE_CHAIN_NOT_GREEN: 'Decision evidence is not being recorded.',
  REDUCEONLY_CORTEX_FORCE_REDUCE_ONLY: 'Market structure is under stress.',
  REDUCEONLY_FEE_MODEL_HARD_STALE: 'The fee table is too old.',
  REDUCEONLY_RISKSTATE_DEGRADED: 'Part of the system is degraded.',
  REDUCEONLY_POLICY_STALE: 'The trading policy is too old.',
  REDUCEONLY_MARGIN_MM_UTIL_HIGH: 'Margin use is high.',
  REDUCEONLY_INPUT_MISSING_OR_STALE: 'An input that opening depends on is missing or too old.',
  REDUCEONLY_WATCHDOG_UNCONFIRMED: 'The watchdog reports a stop that is not confirmed.',
  REDUCEONLY_DISK_KILL_UNCONFIRMED: 'One of two sources says that the disk is full.',
  REDUCEONLY_SESSION_KILL_UNCONFIRMED: 'The exchange complained about our request rate.',
}

export const tradingModes = ['Active', 'ReduceOnly', 'Kill'] as const
export type TradingMode = (typeof tradingModes)[number]
