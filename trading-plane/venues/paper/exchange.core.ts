import { assert } from '@bulkhead/shared/kernel/assert.ts'
import { fail, ok, type Result } from '@bulkhead/shared/kernel/result.ts'
import {
  type Account,
  type Fees,
  type MarginRates,
  createAccount,
  positionOf,
} from './account.core.ts'
import { rpcErrors, tooManyOpenOrders, type RpcError } from './errors.core.ts'
import { canAfford } from './funds.core.ts'
import type { Currency, Instrument } from './instruments.core.ts'
import { Matcher } from './matcher.core.ts'
import { type Book, MARKET_OWNER, opposite } from './matching.core.ts'
import {
  type PlaceRequest,
  checkAmount,
  checkDeadline,
  checkLimit,
  checkPostOnly,
  checkPrice,
  checkReduceOnly,
} from './order-checks.core.ts'
import { OrderStore } from './order-store.core.ts'
import { type CancelReason, type Order, createOrder } from './orders.core.ts'
import { Tape } from './tape.core.ts'
import type { OwnFill, Reference } from './trades.core.ts'

type ExchangeLimits = {
  readonly openOrdersPerAccountMax: number
  readonly historyPerAccountMax: number
  readonly printsPerInstrumentMax: number
}
export type ExchangeRules = {
  readonly fees: Fees
  readonly margin: MarginRates
  readonly limits: ExchangeLimits
  /** Added to every order, trade and change number, so that a restarted venue repeats none. */
  readonly idBase: number
}

export type EditRequest = {
  readonly orderId: string
  readonly amount: number | undefined
  readonly price: number | undefined
  readonly postOnly: boolean | undefined
  readonly rejectPostOnly: boolean | undefined
  readonly validUntilMs: number | undefined
}
export type Placed = { readonly order: Order; readonly fills: readonly OwnFill[] }

/** Orders or trades one step of the id base makes room for. */
const IDS_PER_BASE = 1_000

/**
 * The matching engine with its accounts: one deterministic object. Time comes in as a parameter;
 * what happened comes out through the matcher's events. The same calls give the same events.
 */
export class Exchange {
  readonly instruments: ReadonlyMap<string, Instrument>
  readonly accounts = new Map<string, Account>()
  readonly orders: OrderStore
  readonly tape: Tape
  readonly rules: ExchangeRules
  readonly matcher: Matcher
  readonly #referenceOf: (instrument: Instrument) => Reference
  #orderCount = 0

  /** @param referenceOf current mark, index and price band of an instrument */
  constructor(
    instruments: readonly Instrument[],
    rules: ExchangeRules,
    referenceOf: (instrument: Instrument) => Reference,
  ) {
    const { idBase, limits, fees } = rules
    this.#referenceOf = referenceOf
    this.instruments = new Map(instruments.map((instrument) => [instrument.name, instrument]))
    this.rules = rules
    this.orders = new OrderStore(limits.historyPerAccountMax)
    this.tape = new Tape({
      idBase: idBase * IDS_PER_BASE,
      perInstrumentMax: limits.printsPerInstrumentMax,
    })
    const { orders, tape } = this
    this.matcher = new Matcher({ instruments, orders, tape, fees, referenceOf })
  }

  openAccount(name: string, userId: number, deposits: Record<Currency, number>): void {
    assert(name !== MARKET_OWNER && !this.accounts.has(name), 'account names are unique')
    this.accounts.set(name, createAccount(name, userId, deposits))
  }

  book(instrument: Instrument): Book {
    return this.matcher.book(instrument)
  }

  reference(instrument: Instrument): Reference {
    return this.#referenceOf(instrument)
  }

  /** Accepts an order and matches it, or refuses it with the venue's code and no trace. */
  place(account: Account, request: PlaceRequest, nowMs: number): Result<Placed, RpcError> {
    const instrument = this.instruments.get(request.instrumentName)
    if (instrument === undefined) return fail(rpcErrors.INVALID_INSTRUMENT)
    if (nowMs >= instrument.expirationMs) return fail(rpcErrors.BOOK_CLOSED)
    const refused = checkDeadline(request.validUntilMs, nowMs) ?? checkPostOnly(request)
    if (refused !== undefined) return fail(refused)
    const limit = checkLimit(instrument, request, this.reference(instrument))
    if (!limit.ok) return limit
    const asked = checkAmount(instrument, request.amount)
    if (!asked.ok) return asked
    const heldLots = positionOf(account, instrument).lots
    const lots = checkReduceOnly(request, asked.value, heldLots)
    if (!lots.ok) return lots
    const openMax = this.rules.limits.openOrdersPerAccountMax
    if (this.orders.openCount(account) >= openMax) return fail(tooManyOpenOrders(openMax))
    const priceTicks = this.#makerPrice(instrument, request, limit.value)
    if (priceTicks === undefined) return fail(rpcErrors.POST_ONLY_REJECT)
    const number = this.rules.idBase * IDS_PER_BASE + this.#orderCount + 1
    const terms = { account, instrument, heldLots, priceTicks, lots: lots.value, number, nowMs }
    const order = createOrder(request, terms)
    if (!request.reduceOnly && !canAfford(this, account, order)) {
      return fail(rpcErrors.NOT_ENOUGH_FUNDS)
    }
    this.#orderCount += 1
    this.orders.add(order)
    return ok({ order, fills: this.matcher.run(order, nowMs) })
  }

  /** Changes price and total amount. Less at the same price keeps its turn; all else goes last. */
  edit(account: Account, request: EditRequest, nowMs: number): Result<Placed, RpcError> {
    const found = this.#openOrder(account, request.orderId)
    if (!found.ok) return found
    const order = found.value
    const late = checkDeadline(request.validUntilMs, nowMs)
    if (late !== undefined) return fail(late)
    const { instrument } = order
    const lots =
      request.amount === undefined ? ok(order.lots) : checkAmount(instrument, request.amount)
    if (!lots.ok) return lots
    const openLots = lots.value - order.filledLots
    if (openLots <= 0) return fail(rpcErrors.INVALID_AMOUNT)
    const heldLots = positionOf(account, instrument).lots
    const wanted = checkReduceOnly(order, openLots, heldLots)
    if (!wanted.ok) return wanted
    const totalLots = order.filledLots + wanted.value
    const ticks =
      request.price === undefined
        ? ok(order.priceTicks)
        : checkPrice(instrument, order.direction, request.price, this.reference(instrument))
    if (!ticks.ok) return ticks
    const changed = { ...order, lots: totalLots, priceTicks: ticks.value }
    if (!order.reduceOnly && !canAfford(this, account, changed)) {
      return fail(rpcErrors.NOT_ENOUGH_FUNDS)
    }
    order.postOnly = request.postOnly ?? order.postOnly
    order.rejectPostOnly = request.rejectPostOnly ?? order.rejectPostOnly
    order.isReplaced = true
    order.updateMs = nowMs
    return ok({ order, fills: this.#requote(order, totalLots, ticks.value, nowMs) })
  }

  cancel(account: Account, orderId: string, nowMs: number): Result<Order, RpcError> {
    const found = this.#openOrder(account, orderId)
    if (!found.ok) return found
    this.matcher.close(found.value, 'user_request', nowMs)
    return found
  }

  /** Cancels every open order of the account that the condition picks, oldest first. */
  cancelWhere(
    account: Account,
    picks: (order: Order) => boolean,
    reason: CancelReason,
    nowMs: number,
  ): readonly Order[] {
    const cancelled = this.orders.open(account).filter(picks)
    for (const order of cancelled) this.matcher.close(order, reason, nowMs)
    return cancelled
  }

  #openOrder(account: Account, orderId: string): Result<Order, RpcError> {
    const order = this.orders.get(orderId)
    if (order === undefined) return fail(rpcErrors.ORDER_NOT_FOUND)
    if (order.account !== account) return fail(rpcErrors.NOT_OWNER_OF_ORDER)
    return order.state === 'open' ? ok(order) : fail(rpcErrors.NOT_OPEN_ORDER)
  }

  /** A post-only price that would trade slides one tick away, or is refused (undefined). */
  #makerPrice(
    instrument: Instrument,
    request: Pick<PlaceRequest, 'direction' | 'postOnly' | 'rejectPostOnly'>,
    limitTicks: number,
  ): number | undefined {
    const book = this.book(instrument)
    if (!request.postOnly || !book.crosses(request.direction, limitTicks)) return limitTicks
    if (request.rejectPostOnly) return undefined
    const best = book.bestTicks(opposite(request.direction))
    assert(best !== undefined, 'a crossed book has another side')
    const ticks = request.direction === 'buy' ? best - 1 : best + 1
    return ticks > 0 ? ticks : undefined
  }

  #requote(order: Order, lots: number, ticks: number, nowMs: number): readonly OwnFill[] {
    const isShrinkInPlace = ticks === order.priceTicks && lots <= order.lots
    order.lots = lots
    if (isShrinkInPlace) {
      this.matcher.shrink(order)
      return []
    }
    this.matcher.lift(order)
    const makerTicks = this.#makerPrice(order.instrument, order, ticks)
    if (makerTicks === undefined) {
      this.matcher.close(order, 'edit_post_only_reject', nowMs)
      return []
    }
    order.priceTicks = makerTicks
    return this.matcher.run(order, nowMs)
  }
}
