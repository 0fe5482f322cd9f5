/**
 * What the trading plane needs from an exchange, whichever it is (design 6.5). Times that the venue
 * states are milliseconds of its own clock.
 */

export type Side = 'buy' | 'sell'
export type InstrumentKind = 'option' | 'linear_future' | 'inverse_future' | 'perpetual'

/** Numbers that decide ticks and steps travel as decimal text; null means the venue did not say. */
export type InstrumentInfo = {
  readonly name: string
  readonly kind: InstrumentKind
  /** Currency whose private endpoints know the instrument: BTC, ETH, USDC. */
  readonly currency: string
  readonly tickSize: string | null
  /** Coarser ticks above a price, ascending. */
  readonly tickSizeSteps: readonly { readonly abovePrice: string; readonly tickSize: string }[]
  readonly amountStep: string | null
  readonly minAmount: string | null
  /** Amount of one contract in the instrument's own unit. */
  readonly contractSize: string | null
  /** Fees as a part of notional (futures) or of the underlying (options); null when not told. */
  readonly makerFeeRate: number | null
  readonly takerFeeRate: number | null
  readonly isActive: boolean
  readonly expirationMs: number
}

export type VenueOrderState =
  | 'open'
  | 'filled'
  | 'rejected'
  | 'cancelled'
  | 'untriggered'
  | 'triggered'

export type VenueOrder = {
  readonly venueOrderId: string
  readonly label: string
  readonly instrument: string
  readonly side: Side
  /** Null for an order without a price of its own. */
  readonly price: number | null
  readonly amount: number
  readonly filledAmount: number
  readonly reduceOnly: boolean
  readonly state: VenueOrderState
  /** When the venue took it; null where it does not say. */
  readonly createdMs: number | null
  /** Why the venue cancelled it, in the venue's words; empty when it did not. */
  readonly cancelReason: string
}

export type VenueTrade = {
  readonly tradeId: string
  readonly venueOrderId: string
  readonly label: string
  readonly instrument: string
  readonly side: Side
  readonly amount: number
  readonly price: number
  readonly fee: number
  readonly feeCurrency: string
  readonly venueMs: number
}

export type VenuePosition = {
  readonly instrument: string
  /** Signed, in the instrument's own unit; negative is short, zero is flat. */
  readonly size: number
  readonly averagePrice: number
  readonly markPrice: number
}

/** Margin of one currency of the account, in that currency. */
export type AccountSummary = {
  readonly currency: string
  readonly equity: number
  readonly maintenanceMargin: number
  readonly initialMargin: number
}

/** Best prices, zero or less for an empty side, at a moment of the venue's clock. */
export type Ticker = {
  readonly bestBid: number
  readonly bestAsk: number
  readonly venueMs: number
}

/** One limit order as it goes out. Amount and price are exact decimal text on the venue's grid. */
export type PlaceOrder = {
  readonly label: string
  readonly instrument: string
  readonly side: Side
  readonly amount: string
  readonly price: string
  readonly timeInForce: 'good_til_cancelled' | 'immediate_or_cancel'
  readonly postOnly: boolean
  readonly reduceOnly: boolean
  /** Lease: the venue does not begin with the order after this moment of its clock (design 5.6). */
  readonly validUntilMs: number
}

/** By the venue's id where it is known, by our label where the acknowledgement never came. */
export type CancelOrder = {
  readonly label: string
  readonly currency: string
  readonly venueOrderId: string | null
}

export type VenueRejection = {
  readonly kind: 'rejected'
  readonly code: number
  readonly message: string
  /** A code that the venue gives for an instrument that no longer trades, too (contract 1.0.Y). */
  readonly mayMeanInstrumentGone?: true
}

/**
 * What became of a request that changes something. `ambiguous` means that nobody knows: it is
 * looked up, never repeated. `not_sent` means that no byte of it left.
 */
export type OrderOutcome =
  | {
      readonly kind: 'accepted'
      readonly order: VenueOrder
      readonly trades: readonly VenueTrade[]
    }
  | VenueRejection
  | { readonly kind: 'ambiguous'; readonly detail: string }
  | { readonly kind: 'not_sent'; readonly detail: string }

export type CancelOutcome =
  | { readonly kind: 'accepted'; readonly order: VenueOrder | null }
  | VenueRejection
  | { readonly kind: 'ambiguous'; readonly detail: string }
  | { readonly kind: 'not_sent'; readonly detail: string }

/** What the venue says of itself. */
export type ExchangeHealth = {
  /** Trading is locked for one of our currencies. */
  readonly isLocked: boolean
  /** Announced windows, by the venue's clock. */
  readonly maintenance: readonly { readonly startMs: number; readonly endMs: number }[]
}

/** One look at the venue's clock, by our monotonic one. */
export type ClockSample = {
  /** Venue milliseconds minus our monotonic milliseconds. */
  readonly offsetMs: number
  /** The estimate errs by at most half of it. */
  readonly roundTripMs: number
  readonly observedTickMs: number
}

/** What the account may send: requests per second, and at once (contract 3.3). */
export type VenueRateLimit = {
  /** Orders and cancels. */
  readonly rate: number
  readonly burst: number
  /** Questions, where the venue counts them apart; null where it does not. */
  readonly questionsRate: number | null
}

/** A read that failed says nothing about the account: it is never empty, flat or clear (law 3). */
export type VenueRead<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly detail: string }

export type VenueEvents = {
  /** The session is authenticated, its cancel-on-disconnect armed and read back. */
  readonly onReady: (session: { readonly cancelOnDisconnect: 'armed' | 'absent' }) => void
  /** The session is gone; with it every order that the venue cancels on disconnect. */
  readonly onLost: (detail: string) => void
  readonly onOrders: (orders: readonly VenueOrder[]) => void
  readonly onTrades: (trades: readonly VenueTrade[]) => void
  readonly onPositions: (positions: readonly VenuePosition[]) => void
  /** The venue refused a request because we sent too many; on some venues the session ends too. */
  readonly onTooManyRequests: () => void
  /** A request ended: after `durationMs` by its answer, or because none came in time. */
  readonly onCallEnded: (call: { readonly durationMs: number; readonly isTimeout: boolean }) => void
}

/** The private side of a venue. Only the gateway holds one (design law 5). */
export type TradingVenue = {
  readonly name: string
  start(events: VenueEvents): void
  /** Ends the session by closing it, so that cancel-on-disconnect fires. */
  stop(): Promise<void>
  readonly isReady: boolean
  /** The venue's clock as estimated from its replies; null before the first one. */
  estimatedServerMs(): number | null
  /** Asks the venue for its clock now. */
  sampleClock(): Promise<VenueRead<ClockSample>>
  place(order: PlaceOrder): Promise<OrderOutcome>
  cancel(cancel: CancelOrder): Promise<CancelOutcome>
  instruments(): Promise<VenueRead<readonly InstrumentInfo[]>>
  openOrders(): Promise<VenueRead<readonly VenueOrder[]>>
  ordersByLabel(label: string, currency: string): Promise<VenueRead<readonly VenueOrder[]>>
  ticker(instrument: string): Promise<VenueRead<Ticker>>
  positions(): Promise<VenueRead<readonly VenuePosition[]>>
  /** Every currency of the account. */
  accountSummaries(): Promise<VenueRead<readonly AccountSummary[]>>
  exchangeHealth(): Promise<VenueRead<ExchangeHealth>>
  rateLimit(): Promise<VenueRead<VenueRateLimit>>
  tradesSince(sinceMs: number): Promise<VenueRead<readonly VenueTrade[]>>
}
