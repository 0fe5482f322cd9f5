/** What the permission says of new risk, weakest first (D-23). Only ALLOW lets an order open. */
export const tradePermissions = ['ALLOW', 'NEUTRAL', 'HALT'] as const
export type TradePermission = (typeof tradePermissions)[number]

/** The gates of the permission in their precedence: the first that blocks decides. */
export const permissionGates = ['kill_switch', 'budget', 'health', 'risk'] as const
export type PermissionGate = (typeof permissionGates)[number]

/** Why the permission is what it is, in the order in which the gates are asked. */
export const permissionReasons = [
  'HALT_KILL_SWITCH',
  'HALT_BUDGET_DATA_CORRUPT',
  'HALT_BUDGET_HARD_STOP',
  'NEUTRAL_HEALTH_NOT_GREEN',
  'HALT_RISK_CRITICAL',
  'ALLOW_ALL_GATES_PASSED',
] as const
export type PermissionReason = (typeof permissionReasons)[number]

/** What is wrong with an input of the permission; recorded beside the decision. */
export const permissionFaults = [
  'POLICY_CONTEXT_INCOMPLETE',
  'BUDGET_DATA_CORRUPT',
  'EXCHANGE_TIME_DRIFT',
  'EXCHANGE_TIME_UNAVAILABLE',
] as const
export type PermissionFault = (typeof permissionFaults)[number]
