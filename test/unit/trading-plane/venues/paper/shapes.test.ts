import { describe, expect, test } from 'vitest'
import { createPrng } from '@bulkhead/shared/kernel/prng.ts'
import { Replay } from '@bulkhead/trading-plane/venues/paper/market/replay.core.ts'
import { Market } from '@bulkhead/trading-plane/venues/paper/market/market.core.ts'
import { orderView } from '@bulkhead/trading-plane/venues/paper/orders.core.ts'
import { ownFillView, printView } from '@bulkhead/trading-plane/venues/paper/trades.core.ts'
import {
  portfolioView,
  positionView,
} from '@bulkhead/trading-plane/venues/paper/account-views.core.ts'
import {
  instrumentView,
  orderBookView,
  tickerView,
} from '@bulkhead/trading-plane/venues/paper/market-views.core.ts'
import {
  NOW_MS,
  OPTION,
  accountOf,
  instrumentOf,
  orderRequest,
  paperExchange,
} from '../../../../support/paper-exchange.ts'

/**
 * Field names of captured exchange messages (nautechsystems/nautilus_trader, Deribit adapter test
 * data, 2025-26, and bmoscon/cryptofeed sample data, 2021). Names are facts; no capture is copied.
 */
const captured = {
  order:
    'label price user_id amount direction time_in_force instrument_name web api order_id ' +
    'creation_timestamp replaced filled_amount last_update_timestamp post_only reduce_only ' +
    'average_price mmp contracts reject_post_only order_state order_type is_liquidation ' +
    'risk_reducing',
  instrument:
    'price_index kind instrument_name max_leverage maker_commission taker_commission ' +
    'instrument_type expiration_timestamp creation_timestamp is_active tick_size contract_size ' +
    'instrument_id min_trade_amount future_type block_trade_commission ' +
    'block_trade_min_trade_amount block_trade_tick_size settlement_currency settlement_period ' +
    'base_currency counter_currency quote_currency tick_size_steps',
  perpetualTicker:
    'timestamp state stats index_price instrument_name last_price settlement_price min_price ' +
    'max_price open_interest mark_price interest_value best_ask_price best_bid_price ' +
    'estimated_delivery_price best_ask_amount best_bid_amount current_funding funding_8h',
  optionTicker:
    'underlying_price underlying_index timestamp stats state settlement_price open_interest ' +
    'min_price max_price mark_price mark_iv last_price interest_rate instrument_name index_price ' +
    'greeks estimated_delivery_price bid_iv best_bid_price best_bid_amount best_ask_price ' +
    'best_ask_amount ask_iv',
  orderBook: 'asks bids change_id timestamp state best_ask_amount best_bid_amount mark_price',
  trade:
    'timestamp price amount direction index_price instrument_name trade_seq mark_price ' +
    'tick_direction contracts trade_id',
  ownTrade:
    'label state liquidity fee fee_currency profit_loss matching_id trade_seq trade_id order_id ' +
    'reduce_only post_only mmp self_trade risk_reducing contracts',
  portfolio:
    'total_maintenance_margin_usd projected_initial_margin total_delta_total_usd ' +
    'options_gamma_map options_session_rpl options_session_upl futures_session_rpl fee_balance ' +
    'projected_maintenance_margin session_upl projected_delta_total initial_margin options_pl ' +
    'options_vega_map margin_balance balance maintenance_margin total_initial_margin_usd ' +
    'additional_reserve locked_balance options_value options_delta margin_model ' +
    'portfolio_margining_enabled options_gamma available_funds cross_collateral_enabled ' +
    'delta_total spot_reserve total_equity_usd options_theta futures_session_upl ' +
    'delta_total_map session_rpl futures_pl available_withdrawal_funds options_vega equity ' +
    'total_pl currency total_margin_balance_usd options_theta_map',
}

const fieldsOf = (value: object) => Object.keys(value).toSorted()
const names = (list: string) => list.split(' ').toSorted()

function world() {
  const exchange = paperExchange()
  const tuning = { volatility: 0.6, depth: 5, takerChance: 0.5 }
  const startUsd = { BTC: 50_000, ETH: 2_000 }
  const market = new Market(
    [...exchange.instruments.values()],
    new Replay([]),
    { seed: 1, stepMs: 100, tuning, startUsd, priceBand: 0.015 },
    NOW_MS,
  )
  return { exchange, market }
}

describe('what the venue shows has every field of the captured messages', () => {
  const source = world()
  const { exchange } = source
  const perpetual = instrumentOf(exchange)
  const option = instrumentOf(exchange, OPTION)
  exchange.place(accountOf(exchange, 'bob'), orderRequest({ direction: 'sell' }), NOW_MS)
  const placed = exchange.place(accountOf(exchange, 'ann'), orderRequest(), NOW_MS)
  if (!placed.ok) throw new Error('the order was refused')
  const { order, fills } = placed.value
  const fill = fills[0] as (typeof fills)[0]
  const at = { depth: 5, changeId: 1, nowMs: NOW_MS }

  test('an order, exactly', () => {
    expect(fieldsOf(orderView(order))).toEqual(names(captured.order))
    const cancelled = orderView({ ...order, cancelReason: 'user_request' })
    expect(fieldsOf(cancelled)).toEqual(names(`${captured.order} cancel_reason`))
  })

  test('a perpetual ticker, exactly', () => {
    const ticker = tickerView(source, perpetual, NOW_MS)
    expect(fieldsOf(ticker)).toEqual(names(captured.perpetualTicker))
  })

  test('a portfolio, exactly', () => {
    const portfolio = portfolioView(source, accountOf(exchange, 'ann'), 'BTC')
    expect(fieldsOf(portfolio)).toEqual(names(captured.portfolio))
  })

  test('a public trade, exactly', () => {
    expect(fieldsOf(printView(fill.print))).toEqual(names(captured.trade))
  })

  test.each([
    ['an instrument', instrumentView(source, perpetual, NOW_MS), captured.instrument],
    ['an option ticker', tickerView(source, option, NOW_MS), captured.optionTicker],
    ['an order book', orderBookView(source, perpetual, at), captured.orderBook],
    ['an own trade', ownFillView(fill), captured.ownTrade],
  ])('%s, and perhaps more', (_title, shown, fields) => {
    expect(fieldsOf(shown)).toEqual(expect.arrayContaining(names(fields)))
  })

  test('a missing side of a book as price 0 and amount 0', () => {
    expect(tickerView(source, option, NOW_MS)).toMatchObject({
      best_bid_price: 0,
      best_bid_amount: 0,
      best_ask_price: 0,
      best_ask_amount: 0,
    })
  })

  test('a short position with a negative size, a flat one with direction zero', () => {
    const [ann, bob] = [accountOf(exchange, 'ann'), accountOf(exchange, 'bob')]
    const held = bob.positions.get(perpetual.name)
    if (held === undefined) throw new Error('no position')
    expect(positionView(source, bob, held)).toMatchObject({ direction: 'sell', size: -100 })
    const flat = { ...held, lots: 0, averagePrice: 0 }
    expect(positionView(source, ann, flat)).toMatchObject({ direction: 'zero', size: 0 })
  })
})

describe('the market under one seed', () => {
  test('moves the same way twice, and another way under another seed', () => {
    const run = (seed: number) => {
      const exchange = paperExchange()
      const tuning = { volatility: 0.6, depth: 5, takerChance: 0.5 }
      const startUsd = { BTC: 50_000, ETH: 2_000 }
      const options = { seed, stepMs: 100, tuning, startUsd, priceBand: 0.015 }
      const instruments = [...exchange.instruments.values()]
      const market = new Market(instruments, new Replay([]), options, NOW_MS)
      for (let step = 0; step < 50; step += 1) market.step(exchange, NOW_MS + step * 100)
      const book = exchange.book(instrumentOf(exchange))
      return [
        market.indexPrice('BTC'),
        exchange.tape.of(instrumentOf(exchange)).length,
        book.side('buy').map(({ priceTicks, lots }) => [priceTicks, lots]),
      ]
    }
    expect(run(7)).toEqual(run(7))
    expect(run(7)).not.toEqual(run(8))
  })

  test('never trades with itself, however far its quotes and recorded books move', () => {
    const exchange = paperExchange()
    const instruments = [...exchange.instruments.values()]
    const level = (direction: 'buy' | 'sell', priceTicks: number, lots: number) => ({
      direction,
      priceTicks,
      lots,
    })
    const frame = (offsetMs: number, isSnapshot: boolean, levels: ReturnType<typeof level>[]) =>
      ({ kind: 'book', offsetMs, instrumentName: OPTION, isSnapshot, levels }) as const
    const replay = new Replay([
      frame(0, true, [level('buy', 100, 5), level('sell', 102, 5)]),
      frame(200, false, [level('buy', 103, 5), level('sell', 102, 0), level('sell', 105, 5)]),
      frame(400, true, [level('buy', 90, 5), level('sell', 92, 5)]),
      frame(600, true, [level('buy', 110, 5), level('sell', 112, 5)]),
    ])
    const tuning = { volatility: 3, depth: 5, takerChance: 0 }
    const startUsd = { BTC: 50_000, ETH: 2_000 }
    const options = { seed: 1, stepMs: 100, tuning, startUsd, priceBand: 0.015 }
    const market = new Market(instruments, replay, options, NOW_MS)
    const bids: (number | undefined)[] = []
    for (let step = 1; step <= 40; step += 1) {
      if (step % 5 === 0) market.jump(exchange, instrumentOf(exchange), 40_000 + 500 * step)
      market.step(exchange, NOW_MS + step * 100)
      bids.push(exchange.book(instrumentOf(exchange, OPTION)).bestTicks('buy'))
    }
    expect(new Set(bids)).toEqual(new Set([100, 103, 90, 110]))
    for (const instrument of instruments) expect(exchange.tape.of(instrument)).toEqual([])
  })

  test('never crosses its own quotes and trades on most perpetual steps', () => {
    const { exchange, market } = world()
    const perpetual = instrumentOf(exchange)
    const prng = createPrng(3)
    for (let step = 0; step < 200; step += 1) {
      if (prng() < 0.1) market.jump(exchange, perpetual, 40_000 + prng() * 20_000)
      market.step(exchange, NOW_MS + step * 100)
      const book = exchange.book(perpetual)
      expect(book.bestTicks('buy')).toBeLessThan(book.bestTicks('sell') as number)
    }
    expect(exchange.tape.of(perpetual).length).toBeGreaterThan(50)
  })
})
