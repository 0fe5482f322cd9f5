/**
 * Why the egress gate refused a connection, in the order of its checks. The code stands where HTTP
 * has its reason phrase, so that whoever was refused can say why.
 */
export const egressRefusals = [
  'CONNECTIONS_TOO_MANY',
  'HEADER_TOO_LARGE',
  'HEADER_TOO_SLOW',
  'HEADER_MALFORMED',
  'METHOD_NOT_CONNECT',
  'TARGET_MALFORMED',
  'TARGET_NOT_ALLOWED',
  'GATE_CLOSED',
  'VENUE_UNREACHABLE',
  'VENUE_TOO_SLOW',
] as const
export type EgressRefusal = (typeof egressRefusals)[number]
