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
 * Class of a failure at Deribit by the exchange's own code where it gave one, because ccxt's error
 * classes are not outcome classes (reliability finding 7), else by the kind of transport failure.
 */
export function deribitFaultOf(error: unknown): VenueFault {
  const code = codeIn(error)
  return code === undefined ? venueFaultOf(error) : faultOf(byCode(code), error)
}

function byCode(code: number): VenueFaultCode {
  if (starvedCodes.has(code)) return 'VENUE_BUDGET_STARVED'
  if (suspendedCodes.has(code)) return 'VENUE_SUSPENDED'
  return unauthorizedCodes.has(code) ? 'VENUE_UNAUTHORIZED' : 'VENUE_REFUSED'
}

/**
 * What Binance's codes mean where ccxt's class for them says something else: -1001, -1006 and -1007
 * leave the outcome open, and ccxt takes the shutdown of the service for a bad request.
 */
const binanceCodes: ReadonlyMap<number, VenueFaultCode> = new Map([
  [-1_001, 'VENUE_TIMED_OUT'],
  [-1_006, 'VENUE_TIMED_OUT'],
  [-1_007, 'VENUE_TIMED_OUT'],
  [-1_003, 'VENUE_BUDGET_STARVED'],
  [-1_008, 'VENUE_BUDGET_STARVED'],
  [-1_015, 'VENUE_BUDGET_STARVED'],
  [-1_016, 'VENUE_SUSPENDED'],
])

/** Class of a failure at Binance, by its code where that is known to mean something. */
export function binanceFaultOf(error: unknown): VenueFault {
  const known = binanceCodes.get(codeIn(error) ?? 0)
  return known === undefined ? venueFaultOf(error) : faultOf(known, error)
}

function codeIn(error: unknown): number | undefined {
  const code = /"code"\s*:\s*(-?\d{1,9})/.exec(textOf(error))?.[1]
  return code === undefined ? undefined : Number(code)
}

/** Classes of ccxt whose meaning is plain, each before those that it is derived from. */
const byClass: readonly (readonly [string, VenueFaultCode])[] = [
  ['RequestTimeout', 'VENUE_TIMED_OUT'],
  ['DDoSProtection', 'VENUE_BUDGET_STARVED'],
  ['RateLimitExceeded', 'VENUE_BUDGET_STARVED'],
  ['OnMaintenance', 'VENUE_SUSPENDED'],
  ['AuthenticationError', 'VENUE_UNAUTHORIZED'],
  ['PermissionDenied', 'VENUE_UNAUTHORIZED'],
  ['AccountSuspended', 'VENUE_UNAUTHORIZED'],
  ['BadResponse', 'VENUE_MALFORMED'],
  ['ExchangeError', 'VENUE_REFUSED'],
  ['BadRequest', 'VENUE_REFUSED'],
]

/** Class of a failure by what ccxt threw, or one of the classes that it is derived from. */
export function venueFaultOf(error: unknown): VenueFault {
  for (const name of classesOf(error)) {
    const found = byClass.find(([known]) => known === name)
    if (found !== undefined) return faultOf(found[1], error)
  }
  return faultOf('VENUE_UNREACHABLE', error)
}

/** Names of an error's class and of all those it is derived from, the nearest first. */
function classesOf(error: unknown): string[] {
  const names: string[] = []
  if (!(error instanceof Error)) return names
  let prototype: unknown = Object.getPrototypeOf(error)
  while (prototype instanceof Error) {
    names.push(prototype.constructor.name)
    prototype = Object.getPrototypeOf(prototype)
  }
  return names
}

const textOf = (error: unknown) => (error instanceof Error ? error.message : String(error))

function faultOf(code: VenueFaultCode, error: unknown): VenueFault {
  return { code, detail: textOf(error).slice(0, 200) }
}
