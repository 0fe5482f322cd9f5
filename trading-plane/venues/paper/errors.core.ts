/**
 * What a refused request carries: the venue's numeric code, its short message and, if any, data.
 */
export type RpcError = {
  readonly code: number
  readonly message: string
  readonly data?: { readonly reason: string; readonly param?: string }
}

/** The codes this venue answers with, from the exchange's published table. */
export const rpcErrors = {
  PARSE_ERROR: { code: -32_700, message: 'Parse error' },
  INVALID_REQUEST: { code: -32_600, message: 'Invalid request' },
  METHOD_NOT_FOUND: { code: -32_601, message: 'Method not found' },
  QTY_TOO_LOW: { code: 10_002, message: 'qty_too_low' },
  ORDER_NOT_FOUND: { code: 10_004, message: 'order_not_found' },
  NOT_ENOUGH_FUNDS: { code: 10_009, message: 'not_enough_funds' },
  ALREADY_CLOSED: { code: 10_010, message: 'already_closed' },
  BOOK_CLOSED: { code: 10_012, message: 'book_closed' },
  INVALID_INSTRUMENT: { code: 10_020, message: 'invalid_or_unsupported_instrument' },
  INVALID_AMOUNT: { code: 10_021, message: 'invalid_amount' },
  TOO_MANY_REQUESTS: { code: 10_028, message: 'too_many_requests' },
  NOT_OWNER_OF_ORDER: { code: 10_029, message: 'not_owner_of_order' },
  MUST_BE_WEBSOCKET_REQUEST: { code: 10_030, message: 'must_be_websocket_request' },
  PRICE_WRONG_TICK: { code: 10_043, message: 'price_wrong_tick' },
  NOT_OPEN_ORDER: { code: 11_044, message: 'not_open_order' },
  POST_ONLY_REJECT: { code: 11_054, message: 'post_only_reject' },
  POST_ONLY_NOT_ALLOWED: { code: 11_055, message: 'post_only_not_allowed' },
  INVALID_CREDENTIALS: { code: 13_004, message: 'invalid_credentials' },
  UNAUTHORIZED: { code: 13_009, message: 'unauthorized' },
  NOT_FOUND: { code: 13_020, message: 'not_found' },
  FORBIDDEN: { code: 13_021, message: 'forbidden' },
  RAW_NEEDS_AUTH: {
    code: 13_778,
    message: 'raw_subscriptions_not_available_for_unauthorized',
  },
  TIMED_OUT: { code: 13_888, message: 'timed_out' },
} as const satisfies Record<string, RpcError>

/** A parameter is missing or wrong; the exchange names it. */
export function invalidParams(reason: string, param?: string): RpcError {
  return {
    code: -32_602,
    message: 'Invalid params',
    data: param === undefined ? { reason } : { reason, param },
  }
}

/** A reduce-only order has nothing to reduce. The exchange has no code of its own for it. */
export function nothingToReduce(): RpcError {
  return { code: 11_029, message: 'invalid_arguments', data: { reason: 'reduce_only' } }
}

/** The price is outside the band; the message carries the limit, as on the exchange. */
export function priceOutOfBand(side: 'too_low' | 'too_high', limit: number): RpcError {
  return { code: side === 'too_low' ? 10_005 : 10_007, message: `price_${side} ${limit}` }
}

export function tooManyOpenOrders(limit: number): RpcError {
  return { code: 10_013, message: `pme_max_total_open_orders ${limit}` }
}
