import {
  type Account,
  type MarginRates,
  type OpenLots,
  marginCoin,
  noOpenLots,
  profitOf,
} from './account.core.ts'
import { type Currency, type Instrument, amountOf, priceOf, roundCoin } from './instruments.core.ts'
import type { OrderStore } from './order-store.core.ts'
import { type Order, remainingLots } from './orders.core.ts'
import type { Reference } from './trades.core.ts'

/** What the sums are made from: the orders, the prices and the margin rates. */
export type FundsSource = {
  readonly orders: OrderStore
  readonly rules: { readonly margin: MarginRates }
  reference(instrument: Instrument): Reference
}

/** One currency of an account in coin, at the current marks. */
export type Funds = {
  readonly balanceCoin: number
  readonly equityCoin: number
  readonly initialMarginCoin: number
  readonly maintenanceMarginCoin: number
  readonly availableCoin: number
  readonly futuresProfitCoin: number
  readonly optionsProfitCoin: number
  readonly optionsValueCoin: number
  readonly deltaCoin: number
}

/** Sums up one currency of an account. */
export function fundsOf(source: FundsSource, account: Account, currency: Currency): Funds {
  let futuresProfitCoin = 0
  let optionsProfitCoin = 0
  let optionsValueCoin = 0
  let deltaCoin = 0
  for (const position of account.positions.values()) {
    const { instrument, lots, averagePrice } = position
    if (instrument.currency !== currency || lots === 0) continue
    const { markPrice } = source.reference(instrument)
    const profitCoin = profitOf(instrument, lots, averagePrice, markPrice)
    if (instrument.kind === 'option') {
      optionsProfitCoin += profitCoin
      optionsValueCoin += amountOf(instrument, lots) * markPrice
    } else {
      futuresProfitCoin += profitCoin
      deltaCoin += amountOf(instrument, lots) / markPrice
    }
  }
  const balanceCoin = account.wallets[currency].cashCoin
  const equityCoin = balanceCoin + futuresProfitCoin + optionsValueCoin
  const margin = marginOf(source, account, currency, source.orders.open(account))
  return {
    balanceCoin: roundCoin(balanceCoin),
    equityCoin: roundCoin(equityCoin),
    initialMarginCoin: roundCoin(margin.initialCoin),
    maintenanceMarginCoin: roundCoin(margin.maintenanceCoin),
    availableCoin: roundCoin(Math.max(0, equityCoin - margin.initialCoin)),
    futuresProfitCoin: roundCoin(futuresProfitCoin),
    optionsProfitCoin: roundCoin(optionsProfitCoin),
    optionsValueCoin: roundCoin(optionsValueCoin),
    deltaCoin: roundCoin(deltaCoin),
  }
}

/** True when the order fits into the funds, or does not raise the margin at all. */
export function canAfford(source: FundsSource, account: Account, order: Order): boolean {
  const { currency } = order.instrument
  const open = source.orders.open(account)
  const others = open.filter((other) => other.orderId !== order.orderId)
  const before = marginOf(source, account, currency, open).initialCoin
  const after = marginOf(source, account, currency, [...others, order]).initialCoin
  if (after <= before) return true
  return after <= fundsOf(source, account, currency).equityCoin
}

/** Lots still open on each side of one instrument; reduce-only orders tie up nothing. */
export function openLotsOf(orders: readonly Order[], instrument: Instrument): OpenLots {
  let { buyLots, sellLots, buyPremiumCoin } = noOpenLots
  for (const order of orders) {
    if (order.instrument !== instrument || order.reduceOnly) continue
    const lots = remainingLots(order)
    if (order.direction === 'sell') {
      sellLots += lots
      continue
    }
    buyLots += lots
    if (instrument.kind === 'option') {
      buyPremiumCoin += amountOf(instrument, lots) * priceOf(instrument, order.priceTicks)
    }
  }
  return { buyLots, sellLots, buyPremiumCoin }
}

function marginOf(
  source: FundsSource,
  account: Account,
  currency: Currency,
  orders: readonly Order[],
): { initialCoin: number; maintenanceCoin: number } {
  const touched = new Set<Instrument>()
  for (const order of orders) touched.add(order.instrument)
  for (const position of account.positions.values()) touched.add(position.instrument)
  let initialCoin = 0
  let maintenanceCoin = 0
  for (const instrument of touched) {
    if (instrument.currency !== currency) continue
    const margin = marginCoin(source.rules.margin, instrument, {
      lots: account.positions.get(instrument.name)?.lots ?? 0,
      open: openLotsOf(orders, instrument),
      markPrice: source.reference(instrument).markPrice,
    })
    initialCoin += margin.initialCoin
    maintenanceCoin += margin.maintenanceCoin
  }
  return { initialCoin, maintenanceCoin }
}
