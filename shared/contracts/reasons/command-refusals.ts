/** Why a signed command was refused, in the order in which the checks run (design section 7). */
export const commandRefusals = [
  'ENVELOPE_TOO_LARGE',
  'ENVELOPE_MALFORMED',
  'KEY_UNKNOWN',
  'SIGNATURE_INVALID',
  'COMMAND_MALFORMED',
  'KEY_MISMATCH',
  'AUDIENCE_WRONG',
  'COMMAND_EXPIRED',
  'COMMAND_FROM_FUTURE',
  'NONCE_REPLAYED',
  'NONCE_STORE_UNAVAILABLE',
  'OPERATOR_STORE_UNAVAILABLE',
  'OPERATOR_INACTIVE',
  'PERMISSION_DENIED',
  'AUDIT_UNAVAILABLE',
  'ACTOR_UNAVAILABLE',
  'COMMAND_TIMED_OUT',
  'NO_EPISODE_TO_RESET',
  'EPISODE_MISMATCH',
  'EPISODE_IN_PROGRESS',
  'EPISODE_UNCONFIRMED',
] as const

export type CommandRefusal = (typeof commandRefusals)[number]
