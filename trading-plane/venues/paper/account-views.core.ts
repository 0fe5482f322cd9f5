import { type Account, type Position, marginCoin, noOpenLots, profitOf } from './account.core.ts'
import { fundsOf, openLotsOf } from './funds.core.ts'
import { type Currency, amountOf, roundCoin, roundTo } from './instruments.core.ts'
import type { ViewSource } from './market-views.core.ts'
import type { Wire } from './orders.core.ts'
import { ownFillView, type OwnFill } from './trades.core.ts'

/** A position as the exchange shows it: `size` is signed, a flat one has direction `zero`. */
export function positionView(source: ViewSource, account: Account, position: Position): Wire {
  const { exchange } = source
  const { instrument, lots, averagePrice } = position
  const reference = exchange.reference(instrument)
  const { margin } = exchange.rules
  const markPrice = reference.markPrice
  const open = openLotsOf(exchange.orders.open(account), instrument)
  const held = marginCoin(margin, instrument, { lots, open: noOpenLots, markPrice })
  const withOrders = marginCoin(margin, instrument, { lots, open, markPrice })
  const floatingCoin = roundCoin(profitOf(instrument, lots, averagePrice, markPrice))
  const size = amountOf(instrument, lots)
  const isFuture = instrument.kind === 'future'
  return {
    instrument_name: instrument.name,
    kind: instrument.kind,
    direction: lots === 0 ? 'zero' : lots > 0 ? 'buy' : 'sell',
    size,
    ...(isFuture
      ? { size_currency: roundCoin(size / markPrice), leverage: instrument.maxLeverage }
      : {}),
    average_price: roundTo(averagePrice, isFuture ? 4 : 8),
    mark_price: markPrice,
    index_price: reference.indexPrice,
    settlement_price: reference.indexPrice,
    delta: isFuture
      ? roundCoin(size / markPrice)
      : roundTo(source.market.optionValue(instrument).delta * size, 5),
    initial_margin: roundCoin(held.initialCoin),
    maintenance_margin: roundCoin(held.maintenanceCoin),
    open_orders_margin: roundCoin(Math.max(0, withOrders.initialCoin - held.initialCoin)),
    estimated_liquidation_price: null,
    floating_profit_loss: floatingCoin,
    realized_profit_loss: position.realizedCoin,
    total_profit_loss: roundCoin(floatingCoin + position.realizedCoin),
    ...(isFuture ? { realized_funding: 0, interest_value: 0 } : {}),
  }
}

/** One currency of an account: reply of `get_account_summary`, data of `user.portfolio`. */
export function portfolioView(source: ViewSource, account: Account, currency: Currency): Wire {
  const funds = fundsOf(source.exchange, account, currency)
  const indexUsd = source.market.indexPrice(currency)
  const usd = (coin: number) => roundTo(coin * indexUsd, 6)
  const wallet = account.wallets[currency]
  return {
    currency,
    balance: funds.balanceCoin,
    equity: funds.equityCoin,
    margin_balance: funds.equityCoin,
    available_funds: funds.availableCoin,
    available_withdrawal_funds: Math.min(funds.availableCoin, Math.max(0, funds.balanceCoin)),
    initial_margin: funds.initialMarginCoin,
    maintenance_margin: funds.maintenanceMarginCoin,
    projected_initial_margin: funds.initialMarginCoin,
    projected_maintenance_margin: funds.maintenanceMarginCoin,
    total_pl: roundCoin(wallet.realizedCoin + funds.futuresProfitCoin + funds.optionsProfitCoin),
    session_upl: roundCoin(funds.futuresProfitCoin + funds.optionsProfitCoin),
    session_rpl: wallet.realizedCoin,
    futures_pl: funds.futuresProfitCoin,
    futures_session_upl: funds.futuresProfitCoin,
    futures_session_rpl: wallet.realizedCoin,
    options_pl: funds.optionsProfitCoin,
    options_session_upl: funds.optionsProfitCoin,
    options_session_rpl: 0,
    options_value: funds.optionsValueCoin,
    options_delta: 0,
    options_gamma: 0,
    options_vega: 0,
    options_theta: 0,
    options_gamma_map: {},
    options_vega_map: {},
    options_theta_map: {},
    delta_total: funds.deltaCoin,
    delta_total_map: { [`${currency.toLowerCase()}_usd`]: funds.deltaCoin },
    projected_delta_total: funds.deltaCoin,
    fee_balance: 0,
    locked_balance: 0,
    additional_reserve: 0,
    spot_reserve: 0,
    margin_model: 'segregated_sm',
    portfolio_margining_enabled: false,
    cross_collateral_enabled: false,
    total_equity_usd: usd(funds.equityCoin),
    total_margin_balance_usd: usd(funds.equityCoin),
    total_initial_margin_usd: usd(funds.initialMarginCoin),
    total_maintenance_margin_usd: usd(funds.maintenanceMarginCoin),
    total_delta_total_usd: usd(funds.deltaCoin),
  }
}

/** Fills as their owner sees them, in order. */
export function fillViews(fills: readonly OwnFill[]): readonly Wire[] {
  return fills.map((fill) => ownFillView(fill))
}
