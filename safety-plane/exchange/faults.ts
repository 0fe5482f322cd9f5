import type { VenueFault, VenueFaultCode } from './ports.ts'

/** Codes that say that the account's request budget or the engine's queue is used up. */
const starvedCodes: ReadonlySet<number> = new Set([10_028, 10_047])
/** 13004 invalid_credentials, 13009 unauthorized, 13021 forbidden, 11042 permission_denied. */
const unauthorizedCodes: ReadonlySet<number> = new Set([13_004, 13_009, 13_021, 11_042])
/**
 * 10012 book_closed, 10019 locked_by_admin, 10040 retry, 10041 settlement_in_progress, 11051
 * system_maintenance, 11098 account_locked, 13028 temporarily_unavailable.
 */
const suspendedCodes: ReadonlySet<number> = new Set([
  10_012, 10_019, 10_040, 10_041, 11_051, 11_098, 13_028,
])

/**
 * Class of a failure by the exchange's own code where it gave one, because ccxt's error classes are
 * not outcome classes (reliability finding 7), else by the kind of transport failure.
 */
export function venueFaultOf(error: unknown): VenueFault {
  const name = error instanceof Error ? error.constructor.name : ''
  const message = error instanceof Error ? error.message : String(error)
  const detail = message.slice(0, 200)
  const code = /"code"\s*:\s*(-?\d{1,9})/.exec(message)?.[1]
  return { code: code === undefined ? byClass(name) : byCode(Number(code)), detail }
}

function byCode(code: number): VenueFaultCode {
  if (starvedCodes.has(code)) return 'VENUE_BUDGET_STARVED'
  if (suspendedCodes.has(code)) return 'VENUE_SUSPENDED'
  return unauthorizedCodes.has(code) ? 'VENUE_UNAUTHORIZED' : 'VENUE_REFUSED'
}

function byClass(name: string): VenueFaultCode {
  switch (name) {
    case 'RequestTimeout':
      return 'VENUE_TIMED_OUT'
    case 'RateLimitExceeded':
    case 'DDoSProtection':
      return 'VENUE_BUDGET_STARVED'
    case 'AuthenticationError':
    case 'PermissionDenied':
      return 'VENUE_UNAUTHORIZED'
    case 'OnMaintenance':
      return 'VENUE_SUSPENDED'
    case 'ExchangeError':
    case 'BadRequest':
      return 'VENUE_REFUSED'
    default:
      return 'VENUE_UNREACHABLE'
  }
}
