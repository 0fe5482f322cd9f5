import { type KeyRight, type KeyScope, keyRights } from '../exchange/key-rights.core.ts'

/** What is wrong with a key; a key of least privilege has none of these. */
export const keyFaults = [
  /** The exchange has not said what the key may do. */
  'KEY_SCOPE_UNKNOWN',
  /** It cannot cancel either. */
  'KEY_CANNOT_TRADE',
  'KEY_MAY_WITHDRAW',
  'KEY_MAY_TRANSFER',
  /** It can give itself every other right. */
  'KEY_MAY_MANAGE_KEYS',
] as const
export type KeyFault = (typeof keyFaults)[number]

const tooMuch: ReadonlySet<KeyFault> = new Set([
  'KEY_MAY_WITHDRAW',
  'KEY_MAY_TRANSFER',
  'KEY_MAY_MANAGE_KEYS',
])

/** Every fault of a key with these rights; null means that they are not known. */
export function faultsOfKey(rights: readonly KeyRight[] | null): KeyFault[] {
  if (rights === null) return ['KEY_SCOPE_UNKNOWN']
  const has = (right: KeyRight) => rights.includes(right)
  return [
    ...(has('trade') ? [] : ['KEY_CANNOT_TRADE' as const]),
    ...(has('withdraw') ? ['KEY_MAY_WITHDRAW' as const] : []),
    ...(has('transfer') ? ['KEY_MAY_TRANSFER' as const] : []),
    ...(has('manage_keys') ? ['KEY_MAY_MANAGE_KEYS' as const] : []),
  ]
}

type Environment = 'DEV' | 'STAGING' | 'PAPER' | 'MICRO_LIVE' | 'LIVE'

const isRealMoney = (environment: Environment) =>
  environment === 'LIVE' || environment === 'MICRO_LIVE'

/**
 * Faults that keep the process from starting: with real money a key that may do too much is not
 * even tried. What is only unknown refuses nothing, or an outage would keep a kill from going on.
 */
export function refusals(faults: readonly KeyFault[], environment: Environment): KeyFault[] {
  return isRealMoney(environment) ? faults.filter((fault) => tooMuch.has(fault)) : []
}

/** Faults that make the kill path not ready. */
export function unreadiness(faults: readonly KeyFault[], environment: Environment): KeyFault[] {
  return faults.filter((fault) => !tooMuch.has(fault) || isRealMoney(environment))
}

export type ProbedKey = {
  readonly role: 'safety' | 'trading'
  readonly clientId: string
  /** Null where the exchange did not say, with its reason in `fault`. */
  readonly scope: KeyScope | null
  readonly fault: string | null
}

/** The record of a probe, as it is written; no secret is part of it. */
export function probeReport(
  keys: readonly ProbedKey[],
  at: { readonly probedAt: string; readonly environment: Environment; readonly exchange: string },
) {
  const probed = keys.map(({ role, clientId, scope, fault }) => ({
    role,
    client_id: clientId,
    shown_by_exchange: scope?.shown ?? null,
    may: Object.fromEntries(
      keyRights.map((right) => [right, scope?.rights.includes(right) ?? null]),
    ),
    not_answered: fault,
    faults: faultsOfKey(scope?.rights ?? null),
  }))
  return {
    format: 1,
    probed_at: at.probedAt,
    environment: at.environment,
    exchange: at.exchange,
    least_privilege: probed.every(({ faults }) => faults.length === 0),
    keys: probed,
  }
}
