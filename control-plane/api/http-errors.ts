import type { CommandRefusal } from '@bulkhead/shared/contracts/reasons/command-refusals.ts'
import type { CommandOutcome } from '../commands/core.ts'

/** HTTP status of every refusal: the one table (401 who, 403 may not, 409 not now, 503 cannot). */
export const refusalHttpStatus: Readonly<Record<CommandRefusal, number>> = {
  ENVELOPE_TOO_LARGE: 413,
  ENVELOPE_MALFORMED: 400,
  KEY_UNKNOWN: 401,
  SIGNATURE_INVALID: 401,
  COMMAND_MALFORMED: 400,
  KEY_MISMATCH: 401,
  AUDIENCE_WRONG: 401,
  COMMAND_EXPIRED: 401,
  COMMAND_FROM_FUTURE: 401,
  NONCE_REPLAYED: 409,
  NONCE_STORE_UNAVAILABLE: 503,
  OPERATOR_STORE_UNAVAILABLE: 503,
  OPERATOR_INACTIVE: 403,
  PERMISSION_DENIED: 403,
  AUDIT_UNAVAILABLE: 503,
  ACTOR_UNAVAILABLE: 503,
  COMMAND_TIMED_OUT: 504,
  NO_EPISODE_TO_RESET: 409,
  EPISODE_MISMATCH: 409,
  EPISODE_IN_PROGRESS: 409,
  EPISODE_UNCONFIRMED: 409,
  NO_RESET_TO_APPROVE: 409,
  SELF_APPROVAL: 403,
  APPROVAL_EXPIRED: 409,
  NO_REQUEST_TO_DECIDE: 409,
  REQUEST_MISMATCH: 409,
  TIER_MISMATCH: 409,
  TIER_NOT_HIGHER: 409,
  GRANTED_ALREADY: 409,
}

/** 200 only for what the actor executed, 202 for what waits for a second person, 502 for failed. */
export function httpStatusOf(outcome: CommandOutcome): number {
  if (outcome.outcome === 'EXECUTED') return 200
  if (outcome.outcome === 'PENDING') return 202
  return outcome.reason === '' ? 502 : refusalHttpStatus[outcome.reason]
}

/** Faults of a request as such, before any command is at stake. */
export const requestFaults = [
  'NOT_FOUND',
  'METHOD_NOT_ALLOWED',
  'HOST_NOT_ALLOWED',
  'REQUEST_INVALID',
  'MEDIA_TYPE_UNSUPPORTED',
  'STREAMS_EXHAUSTED',
  'SAFETY_REDIS_UNREACHABLE',
  'REQUEST_TIMED_OUT',
  'INTERNAL_ERROR',
] as const
export type RequestFault = (typeof requestFaults)[number]
