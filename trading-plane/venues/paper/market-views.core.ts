import { levelPairs } from './book-feed.core.ts'
import type { Exchange } from './exchange.core.ts'
import { type Instrument, amountOf, priceOf, roundCoin, roundTo } from './instruments.core.ts'
import type { Market } from './market/market.core.ts'
import type { Wire } from './orders.core.ts'

/** What replies and notifications are made from. */
export type ViewSource = { readonly exchange: Exchange; readonly market: Market }

/** The instrument as `get_instrument` shows it (field set of the captured reply). */
export function instrumentView(source: ViewSource, instrument: Instrument, nowMs: number): Wire {
  const { fees } = source.exchange.rules
  const isOption = instrument.kind === 'option'
  return {
    price_index: `${instrument.currency.toLowerCase()}_usd`,
    kind: instrument.kind,
    instrument_name: instrument.name,
    ...(isOption
      ? { option_type: instrument.optionType, strike: instrument.strikeUsd }
      : { max_leverage: instrument.maxLeverage, future_type: 'reversed' }),
    maker_commission: isOption ? fees.option : fees.futureMaker,
    taker_commission: isOption ? fees.option : fees.futureTaker,
    instrument_type: 'reversed',
    expiration_timestamp: instrument.expirationMs,
    creation_timestamp: instrument.creationMs,
    is_active: nowMs < instrument.expirationMs,
    state: nowMs < instrument.expirationMs ? 'open' : 'inactive',
    tick_size: instrument.tickSize,
    tick_size_steps: [],
    contract_size: instrument.contractSize,
    instrument_id: instrument.instrumentId,
    min_trade_amount: instrument.lotAmount,
    block_trade_commission: 0.00025,
    block_trade_min_trade_amount: isOption ? 25 : 200_000,
    block_trade_tick_size: isOption ? 0.0001 : 0.01,
    settlement_currency: instrument.currency,
    settlement_period: instrument.settlementPeriod,
    base_currency: instrument.currency,
    counter_currency: 'USD',
    quote_currency: isOption ? instrument.currency : 'USD',
    rfq: false,
  }
}

/** The ticker: recorded fields where there are any, the live book's best prices always. */
export function tickerView(source: ViewSource, instrument: Instrument, nowMs: number): Wire {
  const { exchange, market } = source
  const reference = exchange.reference(instrument)
  const [bid, ask] = [bestOf(source, instrument, 'buy'), bestOf(source, instrument, 'sell')]
  const common = {
    timestamp: nowMs,
    state: nowMs < instrument.expirationMs ? 'open' : 'closed',
    stats: statsView(source, instrument, nowMs),
    index_price: reference.indexPrice,
    instrument_name: instrument.name,
    last_price: exchange.tape.lastPrice(instrument),
    min_price: priceOf(instrument, reference.minTicks),
    max_price: priceOf(instrument, reference.maxTicks),
    mark_price: reference.markPrice,
    best_bid_price: bid[0],
    best_bid_amount: bid[1],
    best_ask_price: ask[0],
    best_ask_amount: ask[1],
    estimated_delivery_price: reference.indexPrice,
  }
  if (instrument.kind === 'future') {
    const funding =
      instrument.settlementPeriod === 'perpetual'
        ? { current_funding: 0, funding_8h: 0, interest_value: 0 }
        : {}
    const settlement_price = reference.indexPrice
    return {
      ...common,
      settlement_price,
      open_interest: openInterest(source, instrument),
      ...funding,
    }
  }
  const captured = market.capturedTicker(instrument)
  if (captured !== undefined) return { ...captured, ...common }
  const { delta, gamma, vega, theta } = market.optionValue(instrument)
  const greek = (value: number) => roundTo(value, 5)
  return {
    ...common,
    settlement_price: null,
    open_interest: openInterest(source, instrument),
    underlying_price: market.forwardPrice(instrument),
    underlying_index: `SYN.${instrument.name.split('-').slice(0, 2).join('-')}`,
    mark_iv: reference.markIvPct,
    bid_iv: 0,
    ask_iv: 0,
    interest_rate: 0,
    greeks: {
      delta: greek(delta),
      gamma: greek(gamma),
      vega: greek(vega),
      theta: greek(theta),
      rho: 0,
    },
  }
}

/** Reply of `get_order_book`: the ticker with levels and the change number they stand at. */
export function orderBookView(
  source: ViewSource,
  instrument: Instrument,
  at: { readonly depth: number; readonly changeId: number; readonly nowMs: number },
): Wire {
  const book = source.exchange.book(instrument)
  const options = { depth: at.depth, groupTicks: 1 }
  return {
    ...tickerView(source, instrument, at.nowMs),
    change_id: at.changeId,
    bids: levelPairs(instrument, book, 'buy', options),
    asks: levelPairs(instrument, book, 'sell', options),
  }
}

/** One line of a book summary. A missing side is null here, unlike in the ticker. */
export function bookSummaryView(source: ViewSource, instrument: Instrument, nowMs: number): Wire {
  const { exchange, market } = source
  const reference = exchange.reference(instrument)
  const [bid] = bestOf(source, instrument, 'buy')
  const [ask] = bestOf(source, instrument, 'sell')
  const isOption = instrument.kind === 'option'
  return {
    ...statsView(source, instrument, nowMs),
    instrument_name: instrument.name,
    base_currency: instrument.currency,
    quote_currency: isOption ? instrument.currency : 'USD',
    creation_timestamp: nowMs,
    last: exchange.tape.lastPrice(instrument),
    mark_price: reference.markPrice,
    mid_price: bid === 0 || ask === 0 ? null : (bid + ask) / 2,
    bid_price: bid === 0 ? null : bid,
    ask_price: ask === 0 ? null : ask,
    open_interest: openInterest(source, instrument),
    estimated_delivery_price: reference.indexPrice,
    ...(isOption
      ? {
          mark_iv: reference.markIvPct,
          underlying_price: market.forwardPrice(instrument),
          interest_rate: 0,
        }
      : {}),
  }
}

export function quoteView(source: ViewSource, instrument: Instrument, nowMs: number): Wire {
  const [bid, ask] = [bestOf(source, instrument, 'buy'), bestOf(source, instrument, 'sell')]
  return {
    timestamp: nowMs,
    instrument_name: instrument.name,
    best_bid_price: bid[0],
    best_bid_amount: bid[1],
    best_ask_price: ask[0],
    best_ask_amount: ask[1],
  }
}

function bestOf(
  source: ViewSource,
  instrument: Instrument,
  direction: 'buy' | 'sell',
): readonly [number, number] {
  const level = source.exchange.book(instrument).side(direction)[0]
  if (level === undefined) return [0, 0]
  return [priceOf(instrument, level.priceTicks), amountOf(instrument, level.lots)]
}

/** Long amounts of all accounts: nobody else holds anything here. */
function openInterest({ exchange }: ViewSource, instrument: Instrument): number {
  let lots = 0
  for (const account of exchange.accounts.values()) {
    lots += Math.max(0, account.positions.get(instrument.name)?.lots ?? 0)
  }
  return amountOf(instrument, lots)
}

/** Figures over the executions still on the tape, at most those of the last day. */
function statsView({ exchange }: ViewSource, instrument: Instrument, nowMs: number): Wire {
  const prints = exchange.tape
    .of(instrument)
    .filter((print) => nowMs - print.timestampMs < 86_400_000)
  const first = prints[0]
  const last = prints.at(-1)
  if (first === undefined || last === undefined) {
    return { volume: null, price_change: null, low: null, high: null }
  }
  let [lowTicks, highTicks, lots, volumeCoin] = [first.priceTicks, first.priceTicks, 0, 0]
  for (const print of prints) {
    lowTicks = Math.min(lowTicks, print.priceTicks)
    highTicks = Math.max(highTicks, print.priceTicks)
    lots += print.lots
    volumeCoin += amountOf(instrument, print.lots) / priceOf(instrument, print.priceTicks)
  }
  const isFuture = instrument.kind === 'future'
  const amount = amountOf(instrument, lots)
  return {
    high: priceOf(instrument, highTicks),
    low: priceOf(instrument, lowTicks),
    price_change: roundTo((last.priceTicks / first.priceTicks - 1) * 100, 4),
    volume: isFuture ? roundCoin(volumeCoin) : amount,
    ...(isFuture ? { volume_usd: amount, volume_notional: amount } : {}),
  }
}
