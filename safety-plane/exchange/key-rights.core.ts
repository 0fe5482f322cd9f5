/** Kinds of things that an API key may be allowed to do. */
export const keyRights = ['read', 'trade', 'withdraw', 'transfer', 'manage_keys'] as const
export type KeyRight = (typeof keyRights)[number]

/** What a key may do, in our words and in the exchange's own. */
export type KeyScope = { readonly rights: readonly KeyRight[]; readonly shown: string }

const rightsIf = (pairs: readonly (readonly [KeyRight, boolean])[]): KeyRight[] =>
  pairs.filter(([, has]) => has).map(([right]) => right)

/**
 * Deribit's scope, words like `trade:read_write`. Whoever may write to an account may give a key
 * more rights, and whoever may write to a wallet or to custody may send coins away.
 */
export function deribitRights(scope: string): KeyRight[] {
  const words = new Set(scope.split(/\s+/))
  const mayMoveCoins = words.has('wallet:read_write') || words.has('custody:read_write')
  return rightsIf([
    ['read', words.has('trade:read') || words.has('trade:read_write')],
    ['trade', words.has('trade:read_write')],
    ['withdraw', mayMoveCoins],
    ['transfer', mayMoveCoins],
    ['manage_keys', words.has('account:read_write')],
  ])
}

/** OKX's permissions, `read_only,trade,withdraw`; transfers out need the last. */
export function okxRights(permissions: string): KeyRight[] {
  const words = new Set(permissions.split(','))
  return rightsIf([
    ['read', words.has('read_only') || words.has('trade')],
    ['trade', words.has('trade')],
    ['withdraw', words.has('withdraw')],
    ['transfer', words.has('withdraw')],
  ])
}

/** Binance's restrictions of a key, each a flag. */
export function binanceRights(flags: {
  readonly enableReading: boolean
  readonly enableFutures: boolean
  readonly enableWithdrawals: boolean
  readonly enableInternalTransfer: boolean
  readonly permitsUniversalTransfer: boolean
}): KeyRight[] {
  return rightsIf([
    ['read', flags.enableReading],
    ['trade', flags.enableFutures],
    ['withdraw', flags.enableWithdrawals],
    ['transfer', flags.enableInternalTransfer || flags.permitsUniversalTransfer],
  ])
}

/** Hyperliquid's own key of an account may do everything, that of an agent may only trade. */
export function hyperliquidRights(signer: string, account: string): KeyRight[] {
  const isOwner = signer.toLowerCase() === account.toLowerCase()
  return isOwner ? ['read', 'trade', 'withdraw', 'transfer', 'manage_keys'] : ['read', 'trade']
}
