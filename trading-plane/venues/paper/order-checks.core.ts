import { fail, ok, type Result } from '@bulkhead/shared/kernel/result.ts'
import {
  invalidParams,
  nothingToReduce,
  priceOutOfBand,
  rpcErrors,
  type RpcError,
} from './errors.core.ts'
import { type Instrument, lotsOf, priceOf, ticksOf } from './instruments.core.ts'
import type { Direction } from './matching.core.ts'
import type { TimeInForce } from './orders.core.ts'
import type { Reference } from './trades.core.ts'

/** A buy or sell request after its JSON was checked. Amounts and prices in exchange units. */
export type PlaceRequest = {
  readonly clientId: string
  readonly connectionId: string | null
  readonly instrumentName: string
  readonly direction: Direction
  readonly type: 'limit' | 'market'
  readonly amount: number
  readonly price: number | undefined
  readonly timeInForce: TimeInForce
  readonly postOnly: boolean
  readonly rejectPostOnly: boolean
  readonly reduceOnly: boolean
  readonly label: string
  readonly validUntilMs: number | undefined
}

/** Latest time a request may be acted on, in exchange wall time. */
export function checkDeadline(
  validUntilMs: number | undefined,
  nowMs: number,
): RpcError | undefined {
  return validUntilMs !== undefined && nowMs > validUntilMs ? rpcErrors.TIMED_OUT : undefined
}

/** Amount to whole lots: below the minimum and off the step are different refusals. */
export function checkAmount(instrument: Instrument, amount: number): Result<number, RpcError> {
  if (amount < instrument.lotAmount * (1 - 1e-9)) return fail(rpcErrors.QTY_TOO_LOW)
  const lots = lotsOf(instrument, amount)
  return lots === undefined ? fail(rpcErrors.INVALID_AMOUNT) : ok(lots)
}

/** Price to whole ticks, inside the band on the side where it could trade badly. */
export function checkPrice(
  instrument: Instrument,
  direction: Direction,
  price: number,
  reference: Reference,
): Result<number, RpcError> {
  const ticks = price > 0 ? ticksOf(instrument, price) : undefined
  if (ticks === undefined) return fail(rpcErrors.PRICE_WRONG_TICK)
  if (direction === 'buy' && ticks > reference.maxTicks) {
    return fail(priceOutOfBand('too_high', priceOf(instrument, reference.maxTicks)))
  }
  if (direction === 'sell' && ticks < reference.minTicks) {
    return fail(priceOutOfBand('too_low', priceOf(instrument, reference.minTicks)))
  }
  return ok(ticks)
}

/** Ticks the order may trade up or down to: its limit, or the band for a market order. */
export function checkLimit(
  instrument: Instrument,
  request: PlaceRequest,
  reference: Reference,
): Result<number, RpcError> {
  if (request.type === 'market') {
    return ok(request.direction === 'buy' ? reference.maxTicks : reference.minTicks)
  }
  if (request.price === undefined) return fail(invalidParams('value required', 'price'))
  return checkPrice(instrument, request.direction, request.price, reference)
}

/** Post-only makes no sense for an order that must not rest. */
export function checkPostOnly(request: PlaceRequest): RpcError | undefined {
  const mayRest = request.type === 'limit' && request.timeInForce === 'good_til_cancelled'
  return request.postOnly && !mayRest ? rpcErrors.POST_ONLY_NOT_ALLOWED : undefined
}

/** A reduce-only order is cut to the position it reduces; with none it is refused. */
export function checkReduceOnly(
  request: Pick<PlaceRequest, 'reduceOnly' | 'direction'>,
  lots: number,
  positionLots: number,
): Result<number, RpcError> {
  if (!request.reduceOnly) return ok(lots)
  const reducible = request.direction === 'buy' ? -positionLots : positionLots
  return reducible > 0 ? ok(Math.min(lots, reducible)) : fail(nothingToReduce())
}
