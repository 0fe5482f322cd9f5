import { z } from 'zod'
import type {
  AccountSummary,
  ExchangeHealth,
  InstrumentInfo,
  InstrumentKind,
  VenueOrder,
  VenuePosition,
  VenueTrade,
} from '../port.ts'
import { maintenanceWindow } from './maintenance.ts'

/**
 * Messages of Deribit as they are on the wire, checked where we depend on them and open to fields
 * that come later. Numbers may be in exponent form; labels may be missing on orders of other
 * origin.
 */
const side = z.enum(['buy', 'sell'])
const amount = z.number().nonnegative()
const name = z.string().min(1).max(64)

const orderWire = z
  .object({
    order_id: name,
    label: z.string().max(64).default(''),
    instrument_name: name,
    direction: side,
    /** `market_price` for orders without a price of their own. */
    price: z.union([z.number(), z.string()]),
    amount,
    filled_amount: amount.default(0),
    reduce_only: z.boolean().default(false),
    order_state: z.enum(['open', 'filled', 'rejected', 'cancelled', 'untriggered', 'triggered']),
    creation_timestamp: z.number().positive().nullable().default(null),
    cancel_reason: z.string().max(64).default(''),
  })
  .transform(
    (wire): VenueOrder => ({
      venueOrderId: wire.order_id,
      label: wire.label,
      instrument: wire.instrument_name,
      side: wire.direction,
      price: typeof wire.price === 'number' ? wire.price : null,
      amount: wire.amount,
      filledAmount: wire.filled_amount,
      reduceOnly: wire.reduce_only,
      state: wire.order_state,
      createdMs: wire.creation_timestamp,
      cancelReason: wire.cancel_reason,
    }),
  )

const tradeWire = z
  .object({
    trade_id: name,
    order_id: name,
    label: z.string().max(64).default(''),
    instrument_name: name,
    direction: side,
    amount: z.number().positive(),
    price: z.number(),
    fee: z.number().default(0),
    fee_currency: z.string().max(16).default(''),
    timestamp: z.number(),
  })
  .transform(
    (wire): VenueTrade => ({
      tradeId: wire.trade_id,
      venueOrderId: wire.order_id,
      label: wire.label,
      instrument: wire.instrument_name,
      side: wire.direction,
      amount: wire.amount,
      price: wire.price,
      fee: wire.fee,
      feeCurrency: wire.fee_currency,
      venueMs: wire.timestamp,
    }),
  )

const positionWire = z
  .object({
    instrument_name: name,
    direction: z.enum(['buy', 'sell', 'zero']),
    size: z.number(),
    average_price: z.number().default(0),
    mark_price: z.number().default(0),
  })
  .transform(
    (wire): VenuePosition => ({
      instrument: wire.instrument_name,
      size: signed(wire.direction, wire.size),
      averagePrice: wire.average_price,
      markPrice: wire.mark_price,
    }),
  )

const stepWire = z.object({ above_price: z.number(), tick_size: z.number() })

const instrumentWire = z
  .object({
    instrument_name: name,
    kind: z.string().max(32),
    instrument_type: z.enum(['reversed', 'linear']).optional(),
    settlement_period: z.string().max(32).default(''),
    settlement_currency: z.string().max(16).optional(),
    base_currency: z.string().max(16),
    quote_currency: z.string().max(16),
    is_active: z.boolean().default(true),
    expiration_timestamp: z.number(),
    tick_size: z.number().optional(),
    tick_size_steps: z.array(stepWire).max(32).default([]),
    contract_size: z.number().optional(),
    min_trade_amount: z.number().optional(),
    maker_commission: z.number().optional(),
    taker_commission: z.number().optional(),
  })
  .transform(
    (wire): InstrumentInfo => ({
      name: wire.instrument_name,
      kind: kindOf(wire),
      currency: wire.settlement_currency ?? wire.base_currency,
      tickSize: textOf(wire.tick_size),
      tickSizeSteps: wire.tick_size_steps
        .toSorted((left, right) => left.above_price - right.above_price)
        .map((step) => ({
          abovePrice: String(step.above_price),
          tickSize: String(step.tick_size),
        })),
      amountStep: amountStep(wire.contract_size, wire.min_trade_amount),
      minAmount: textOf(wire.min_trade_amount),
      contractSize: textOf(wire.contract_size),
      makerFeeRate: wire.maker_commission ?? null,
      takerFeeRate: wire.taker_commission ?? null,
      isActive: wire.is_active,
      expirationMs: wire.expiration_timestamp,
    }),
  )

const accountWire = z
  .object({
    currency: z.string().min(2).max(16),
    equity: z.number(),
    maintenance_margin: z.number().nonnegative(),
    initial_margin: z.number().nonnegative(),
  })
  .transform(
    (wire): AccountSummary => ({
      currency: wire.currency,
      equity: wire.equity,
      maintenanceMargin: wire.maintenance_margin,
      initialMargin: wire.initial_margin,
    }),
  )

export const orderSchema = orderWire
export const ordersSchema = z.array(orderWire).max(10_000)
/** A raw `user.orders` channel sends one order, the batched ones a list. */
export const orderNewsSchema = z.union([orderWire.transform((order) => [order]), ordersSchema])
export const tradesSchema = z.array(tradeWire).max(10_000)
export const positionsSchema = z.array(positionWire).max(10_000)
export const instrumentsSchema = z.array(instrumentWire).max(10_000)
export const placeResultSchema = z.object({ order: orderWire, trades: tradesSchema.default([]) })
export const tradesPageSchema = z.object({ trades: tradesSchema, has_more: z.boolean() })
export const changesSchema = z.object({
  orders: ordersSchema.default([]),
  trades: tradesSchema.default([]),
  positions: positionsSchema.default([]),
})
/** At least one currency: an account of which nothing is told is not an account without margin. */
export const accountSummariesSchema = z
  .object({ summaries: z.array(accountWire).min(1).max(64) })
  .transform(({ summaries }) => summaries)
const pace = z.object({ rate: z.number().positive(), burst: z.number().positive() })
/** Of one group of the matching engine: of late with a total, of old as one pool. */
const matchingPace = z.union([z.object({ trading: z.object({ total: pace }) }), pace])
const leastPace = z
  .record(z.string(), z.unknown())
  .transform((byCurrency) =>
    Object.values(byCurrency).flatMap((group) => matchingPace.safeParse(group).data ?? []),
  )
  .refine((groups) => groups.length > 0)
/** `limits` of the account; where each currency has its own, the least of them counts. */
export const rateLimitSchema = z
  .object({
    limits: z.object({
      matching_engine: z.union([matchingPace.transform((group) => [group]), leastPace]),
      non_matching_engine: pace.optional(),
    }),
  })
  .transform(({ limits }) => {
    const paces = limits.matching_engine.map((group) =>
      'trading' in group ? group.trading.total : group,
    )
    return {
      rate: Math.min(...paces.map(({ rate }) => rate)),
      burst: Math.min(...paces.map(({ burst }) => burst)),
      questionsRate: limits.non_matching_engine?.rate ?? null,
    }
  })
export const cancelOnDisconnectSchema = z.object({ enabled: z.boolean() })

/** A level as `[action, price, amount]`; the amount is what stands there now, zero when none. */
const level = z.tuple([z.enum(['new', 'change', 'delete']), z.number(), amount])
const levels = z.array(level).max(20_000)

export const bookSchema = z
  .object({
    type: z.enum(['snapshot', 'change']).optional(),
    timestamp: z.number(),
    instrument_name: name,
    change_id: z.number(),
    prev_change_id: z.number().optional(),
    bids: levels,
    asks: levels,
  })
  .transform((wire) => ({
    instrument: wire.instrument_name,
    // Old traffic has no type: a message without a predecessor is a snapshot.
    isSnapshot:
      wire.type === undefined ? wire.prev_change_id === undefined : wire.type === 'snapshot',
    changeId: wire.change_id,
    previousChangeId: wire.prev_change_id ?? null,
    venueMs: wire.timestamp,
    bids: wire.bids.map(priceAndAmount),
    asks: wire.asks.map(priceAndAmount),
  }))
export type BookMessage = z.infer<typeof bookSchema>

const publicTradeWire = z
  .object({
    instrument_name: name,
    trade_seq: z.int().nonnegative(),
    price: z.number(),
    amount: z.number().positive(),
    index_price: z.number().nonnegative(),
    timestamp: z.number(),
  })
  .transform((wire) => ({
    instrument: wire.instrument_name,
    seq: wire.trade_seq,
    price: wire.price,
    amount: wire.amount,
    indexPrice: wire.index_price,
    venueMs: wire.timestamp,
  }))
/** A message of `trades.{instrument}`. */
export const publicTradesSchema = z
  .array(publicTradeWire)
  .max(10_000)
  .refine((trades) => trades.every(({ instrument }) => instrument === trades[0]?.instrument))
export const publicTradesPageSchema = z.object({ trades: publicTradesSchema })

/** Zero stands for an empty side. */
const told = z.number().nullable().default(null)

export const tickerSchema = z
  .object({
    instrument_name: name,
    index_price: told,
    mark_price: told,
    last_price: told,
    best_bid_price: told,
    best_ask_price: told,
    /** In percent; options only. */
    mark_iv: told,
    underlying_price: told,
  })
  .transform((wire) => ({
    instrument: wire.instrument_name,
    indexPrice: wire.index_price,
    markPrice: wire.mark_price,
    lastPrice: wire.last_price,
    midPrice: middle(wire.best_bid_price, wire.best_ask_price),
    markVol: wire.mark_iv === null ? null : wire.mark_iv / 100,
    underlyingPrice: wire.underlying_price,
  }))
export type TickerMessage = z.infer<typeof tickerSchema>

/** `deribit_volatility_index.{index}`: the index in percent a year. */
export const volatilitySchema = z
  .object({ index_name: name, volatility: z.number() })
  .transform((wire) => ({ index: wire.index_name, value: wire.volatility }))
export type VolatilityMessage = z.infer<typeof volatilitySchema>

function middle(bid: number | null, ask: number | null): number | null {
  return bid !== null && ask !== null && bid > 0 && ask > 0 ? (bid + ask) / 2 : null
}

/** An empty side has no price, or zero for one; both are no price. */
const touch = z
  .number()
  .nullish()
  .transform((price) => price ?? 0)
export const bestPricesSchema = z
  .object({ timestamp: z.number(), best_bid_price: touch, best_ask_price: touch })
  .transform((wire) => ({
    bestBid: wire.best_bid_price,
    bestAsk: wire.best_ask_price,
    venueMs: wire.timestamp,
  }))

function priceAndAmount([action, price, size]: z.infer<typeof level>): readonly [number, number] {
  return [price, action === 'delete' ? 0 : size]
}

function signed(direction: 'buy' | 'sell' | 'zero', size: number): number {
  if (direction === 'zero') return 0
  return direction === 'buy' ? Math.abs(size) : -Math.abs(size)
}

function kindOf(wire: {
  readonly kind: string
  readonly instrument_type?: 'reversed' | 'linear' | undefined
  readonly settlement_period: string
  readonly quote_currency: string
}): InstrumentKind {
  if (wire.kind.startsWith('option')) return 'option'
  const isReversed = (wire.instrument_type ?? 'reversed') === 'reversed'
  if (!isReversed || wire.quote_currency !== 'USD') return 'linear_future'
  return wire.settlement_period === 'perpetual' ? 'perpetual' : 'inverse_future'
}

/**
 * Futures trade in whole contracts, options in parts of one: the step is the smaller of contract
 * and least amount. Without either there is no grid.
 */
function amountStep(contractSize: number | undefined, least: number | undefined): string | null {
  if (contractSize === undefined || least === undefined) return null
  return textOf(Math.min(contractSize, least))
}

function textOf(value: number | undefined): string | null {
  return value === undefined || !(value > 0) ? null : String(value)
}

/** Without a title or a body there is nothing to read; times are the venue's clock. */
export const announcementsSchema = z
  .array(
    z.object({
      title: z.string().max(1_000).default(''),
      body: z.string().max(100_000).default(''),
      publication_timestamp: z.number().positive(),
    }),
  )
  .max(50)
  .transform((wire): ExchangeHealth['maintenance'] =>
    wire.flatMap(({ title, body, publication_timestamp: publishedMs }) => {
      const window = maintenanceWindow({ title, body, publishedMs })
      return window === undefined ? [] : [window]
    }),
  )

/** `public/status`: documented as text, shown as a boolean; `partial` names the locked indices. */
export const platformSchema = z.object({
  locked: z.union([z.boolean(), z.enum(['true', 'false', 'partial'])]),
  locked_indices: z.array(z.string().max(64)).max(1_000).default([]),
})

/** `public/get_time`: milliseconds since the epoch by the venue's clock. */
export const serverTimeSchema = z.number().positive()
