/**
 * Why an intent was denied before dispatch: the RejectReasonCode registry (contract 2.2.6) in its
 * own spelling, followed by the codes that this product adds. A code is never reused or renamed.
 */
export const intentDenialReasons = [
  'TooSmallAfterQuantization',
  'InstrumentMetadataMissing',
  'ChurnBreakerActive',
  'LiquidityGateNoL2',
  'EmergencyCloseNoPrice',
  'ExpectedSlippageTooHigh',
  'NetEdgeTooLow',
  'NetEdgeInputMissing',
  'InventorySkew',
  'InventorySkewDeltaLimitMissing',
  'PendingExposureBudgetExceeded',
  'GlobalExposureBudgetExceeded',
  'ContractsAmountMismatch',
  'MarginHeadroomRejectOpens',
  'OrderTypeMarketForbidden',
  'OrderTypeStopForbidden',
  'LinkedOrderTypeForbidden',
  'PostOnlyWouldCross',
  'RiskIncreasingCancelReplaceForbidden',
  'RateLimitBrownout',
  'InstrumentExpiredOrDelisted',
  'FeedbackLoopGuardActive',
  'LabelTooLong',
  'IntentMalformed',
  'DuplicateIntent',
  'TradingModeForbidsOpen',
  'TradingModeForbidsRiskIncrease',
  'OpenPermissionLatched',
  'OrderNotionalAboveLimit',
  'OpenOrdersAboveLimit',
  'IntentRateAboveLimit',
  'OrderUnknown',
  'VenueNotReady',
  'LedgerUnavailable',
  'AuditUnavailable',
  'DegradedModeForbidsTool',
  'TradePermissionKillSwitch',
  'TradePermissionBudget',
  'TradePermissionHealth',
  'TradePermissionRisk',
  'PolicyDenied',
  'PolicyUnavailable',
  'PolicyEvaluatorTimeout',
  'ApprovalsUnavailable',
  'ApprovalsFull',
  'ApprovalInsufficient',
  'ApprovalDenied',
  'ApprovalExpired',
  'IntentTooOld',
  'ToolRateExceeded',
  'GroupLegDenied',
  'GroupNeedsApproval',
  'StrategiesNotWarmedUp',
  'PositionDriftRiskOff',
] as const

export type IntentDenialReason = (typeof intentDenialReasons)[number]

/** Why opening is latched until a reconciliation clears it (contract 2.2.4). */
export const openPermissionReasons = [
  'RESTART_RECONCILE_REQUIRED',
  'WS_BOOK_GAP_RECONCILE_REQUIRED',
  'WS_TRADES_GAP_RECONCILE_REQUIRED',
  'WS_DATA_STALE_RECONCILE_REQUIRED',
  'INVENTORY_MISMATCH_RECONCILE_REQUIRED',
  'SESSION_TERMINATION_RECONCILE_REQUIRED',
] as const

export type OpenPermissionReason = (typeof openPermissionReasons)[number]
