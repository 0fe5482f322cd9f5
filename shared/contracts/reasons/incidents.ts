/** What people are told of as an incident (control-plane refactor 4.2, 5.3, 6.2). */
export const incidentCodes = [
  'POLICY_UNAVAILABLE',
  'APPROVALS_UNAVAILABLE',
  'SENT_AHEAD_OF_LEDGER',
  'TOOL_RATE_EXCEEDED',
  'ORDER_NEEDS_REVIEW',
  'FILL_OF_UNKNOWN_ORDER',
  'VENUE_CONNECTION_LOST',
  'ORDER_ABORTED',
  'FILL_PRICE_CRITICAL',
  'FILL_PRICE_DEVIATES',
  'POSITION_NOT_OURS',
  'POSITION_DRIFT',
] as const
export type IncidentCode = (typeof incidentCodes)[number]

/** One sentence per code for people who do not know the codes. */
export const incidentWords: Readonly<Record<IncidentCode, string>> = {
  POLICY_UNAVAILABLE: 'The policy could not be evaluated, so nothing opens.',
  APPROVALS_UNAVAILABLE: 'People cannot be asked, so nothing that needs them is sent.',
  SENT_AHEAD_OF_LEDGER:
    'The ledger is stuck or full; what takes risk away is sent without waiting for it.',
  TOOL_RATE_EXCEEDED:
    'Orders or cancels are asked for faster than any sound program would; more are refused.',
  ORDER_NEEDS_REVIEW: 'Neither an order nor its cancel was answered.',
  FILL_OF_UNKNOWN_ORDER: 'The exchange told of a trade whose order this desk does not know.',
  VENUE_CONNECTION_LOST: 'The exchange is not connected; the orders that were there are listed.',
  ORDER_ABORTED: 'An order was given up; what was filled of it stays as it is.',
  FILL_PRICE_CRITICAL:
    'A trade happened so far from the expected price that its order was given up.',
  FILL_PRICE_DEVIATES: 'A trade happened further from the expected price than it should.',
  POSITION_NOT_OURS: 'The exchange holds a position that no trade of this desk explains.',
  POSITION_DRIFT: 'The exchange holds another position than the trades of this desk explain.',
}
