import { failpoint } from '../failpoints/failpoint.ts'
import type { CancelOrder, CancelOutcome, OrderOutcome, PlaceOrder } from '../venues/port.ts'
import type { RequestClass } from '../rate-limit/core.ts'
import type { TradingVenue, VenueEvents, VenueRead } from '../venues/port.ts'
import type { Authorized, Authorizer } from './authorize.ts'

/** Questions to the venue; they change nothing and need no authorization. */
export type VenueReads = Pick<
  TradingVenue,
  | 'instruments'
  | 'openOrders'
  | 'ordersByLabel'
  | 'positions'
  | 'ticker'
  | 'accountSummaries'
  | 'tradesSince'
  | 'estimatedServerMs'
  | 'sampleClock'
  | 'exchangeHealth'
  | 'rateLimit'
>

/** Lets a request go when it may; `false` means that it is not to be sent now. */
export type Admission = { admit(own: RequestClass, isNeeded?: boolean): Promise<boolean> }

/**
 * The one door to the exchange (design law 5). It holds the only trading client of the plane; what
 * goes out through it was authorized a moment ago, and everything else is a question.
 */
export class Gateway {
  readonly #venue: TradingVenue
  readonly #authorizer: Authorizer
  /** The questions alone: whoever holds them cannot reach the client behind. */
  readonly reads: VenueReads

  constructor(venue: TradingVenue, authorizer: Authorizer, admission: Admission) {
    this.#venue = venue
    this.#authorizer = authorizer
    const refresh = <T>(read: () => Promise<VenueRead<T>>) => asked(admission, 'DATA', false, read)
    const needed = <T>(read: () => Promise<VenueRead<T>>) => asked(admission, 'DATA', true, read)
    this.reads = Object.freeze({
      instruments: () => needed(() => venue.instruments()),
      openOrders: () => needed(() => venue.openOrders()),
      ordersByLabel: (label, currency) => needed(() => venue.ordersByLabel(label, currency)),
      positions: () => needed(() => venue.positions()),
      // Only an emergency asks for the best prices.
      ticker: (instrument) =>
        asked(admission, 'EMERGENCY_CLOSE', true, () => venue.ticker(instrument)),
      accountSummaries: () => refresh(() => venue.accountSummaries()),
      tradesSince: (sinceMs) => needed(() => venue.tradesSince(sinceMs)),
      estimatedServerMs: () => venue.estimatedServerMs(),
      sampleClock: () => needed(() => venue.sampleClock()),
      exchangeHealth: () => refresh(() => venue.exchangeHealth()),
      rateLimit: () => needed(() => venue.rateLimit()),
    } satisfies VenueReads)
  }

  get name(): string {
    return this.#venue.name
  }

  start(events: VenueEvents): void {
    this.#venue.start(events)
  }

  /**
   * Sends an order whose authorization was just given. One that has waited too long is not sent:
   * what it was allowed by may have changed.
   */
  async place(order: Authorized<PlaceOrder>): Promise<OrderOutcome> {
    const { isFresh, correlationId } = this.#authorizer.redeem(order)
    failpoint('order-redeemed')
    const startedTickMs = this.#authorizer.nowTickMs()
    const outcome: OrderOutcome = isFresh
      ? await this.#venue.place(order)
      : { kind: 'not_sent', detail: 'authorization too old' }
    const call = { tool: 'submit_order', label: order.label, correlationId } as const
    this.#authorizer.recordOutcome({ ...call, kind: outcome.kind, startedTickMs })
    return outcome
  }

  /** A cancel is sent however late: it only takes risk away. */
  async cancel(cancel: Authorized<CancelOrder>): Promise<CancelOutcome> {
    const { correlationId } = this.#authorizer.redeem(cancel)
    const startedTickMs = this.#authorizer.nowTickMs()
    const outcome = await this.#venue.cancel(cancel)
    const call = { tool: 'cancel_order', label: cancel.label, correlationId } as const
    this.#authorizer.recordOutcome({ ...call, kind: outcome.kind, startedTickMs })
    return outcome
  }

  /** Drops the connection, so that cancel-on-disconnect ends what still rests. */
  async leave(): Promise<void> {
    await this.#venue.stop()
  }
}

/** Asks when the rate limit lets it; one that it does not let is a question without an answer. */
async function asked<T>(
  admission: Admission,
  own: RequestClass,
  isNeeded: boolean,
  read: () => Promise<VenueRead<T>>,
): Promise<VenueRead<T>> {
  const isAdmitted = await admission.admit(own, isNeeded)
  return isAdmitted ? read() : { ok: false, detail: 'shed by the rate limit' }
}
