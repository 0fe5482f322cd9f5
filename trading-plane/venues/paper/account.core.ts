import { assert } from '@bulkhead/shared/kernel/assert.ts'
import { type Currency, type Instrument, amountOf, roundCoin } from './instruments.core.ts'
import type { Direction } from './matching.core.ts'
import { inverseProfit } from './pricing.core.ts'

/** What an account holds of one instrument. `lots` is signed: long is positive. */
export type Position = {
  readonly instrument: Instrument
  lots: number
  averagePrice: number
  realizedCoin: number
}

type Wallet = { cashCoin: number; realizedCoin: number; feesCoin: number }

/** One sub-account: all its keys share its funds, positions and credits. */
export type Account = {
  readonly name: string
  readonly userId: number
  readonly wallets: Record<Currency, Wallet>
  readonly positions: Map<string, Position>
}

export type Fees = {
  readonly futureTaker: number
  readonly futureMaker: number
  readonly option: number
  /** An option's fee is at most this part of its price. */
  readonly optionPriceCap: number
}

/** Margin as a part of notional (futures) or of the coin per short contract (options). */
export type MarginRates = {
  readonly futureInitial: number
  readonly futureMaintenance: number
  readonly optionShortInitial: number
  readonly optionShortMaintenance: number
}

/**
 * What may still trade of one instrument: lots on each side, and the premium that buys would pay.
 */
export type OpenLots = {
  readonly buyLots: number
  readonly sellLots: number
  readonly buyPremiumCoin: number
}
export const noOpenLots: OpenLots = { buyLots: 0, sellLots: 0, buyPremiumCoin: 0 }

export type Execution = {
  readonly instrument: Instrument
  readonly direction: Direction
  readonly lots: number
  readonly price: number
  readonly feeCoin: number
}

export function createAccount(
  name: string,
  userId: number,
  deposits: Record<Currency, number>,
): Account {
  const wallet = (cashCoin: number): Wallet => ({ cashCoin, realizedCoin: 0, feesCoin: 0 })
  return {
    name,
    userId,
    wallets: { BTC: wallet(deposits.BTC), ETH: wallet(deposits.ETH) },
    positions: new Map(),
  }
}

/** Fee of one execution in coin, never negative. */
export function feeCoin(
  fees: Fees,
  execution: Omit<Execution, 'feeCoin'>,
  liquidity: 'M' | 'T',
): number {
  const amount = amountOf(execution.instrument, execution.lots)
  if (execution.instrument.kind === 'option') {
    return roundCoin(amount * Math.min(fees.option, fees.optionPriceCap * execution.price))
  }
  const rate = liquidity === 'T' ? fees.futureTaker : fees.futureMaker
  return roundCoin((amount / execution.price) * rate)
}

/** Books an execution: moves the position, pays fee and premium, realises profit. */
export function applyExecution(account: Account, execution: Execution): { profitCoin: number } {
  const { instrument } = execution
  const wallet = account.wallets[instrument.currency]
  const position = positionOf(account, instrument)
  const signedLots = execution.direction === 'buy' ? execution.lots : -execution.lots
  const closedLots =
    Math.sign(position.lots) === -Math.sign(signedLots)
      ? Math.sign(position.lots) * Math.min(Math.abs(position.lots), execution.lots)
      : 0
  const profitCoin = roundCoin(
    profitOf(instrument, closedLots, position.averagePrice, execution.price),
  )
  const openedLots = signedLots + closedLots
  position.averagePrice = averageAfter(position, closedLots, openedLots, execution.price)
  position.lots += signedLots
  position.realizedCoin = roundCoin(position.realizedCoin + profitCoin)
  const premiumCoin =
    instrument.kind === 'option' ? amountOf(instrument, signedLots) * execution.price : -profitCoin
  wallet.cashCoin = roundCoin(wallet.cashCoin - premiumCoin - execution.feeCoin)
  wallet.realizedCoin = roundCoin(wallet.realizedCoin + profitCoin)
  wallet.feesCoin = roundCoin(wallet.feesCoin + execution.feeCoin)
  assert(position.lots !== 0 || position.averagePrice === 0, 'a flat position has no price')
  return { profitCoin }
}

/** Profit in coin of signed lots between two prices. */
export function profitOf(
  instrument: Instrument,
  lots: number,
  entryPrice: number,
  exitPrice: number,
): number {
  if (lots === 0) return 0
  const amount = amountOf(instrument, lots)
  return instrument.kind === 'option'
    ? amount * (exitPrice - entryPrice)
    : inverseProfit(amount, entryPrice, exitPrice)
}

/** The account's position, created flat when it has none. */
export function positionOf(account: Account, instrument: Instrument): Position {
  const held = account.positions.get(instrument.name)
  if (held !== undefined) return held
  const position: Position = { instrument, lots: 0, averagePrice: 0, realizedCoin: 0 }
  account.positions.set(instrument.name, position)
  return position
}

/**
 * Margin in coin that one instrument ties up: on the worse of the two sides its open orders could
 * lead to. Long options tie up the premium of open buys only.
 */
export function marginCoin(
  rates: MarginRates,
  instrument: Instrument,
  exposure: { readonly lots: number; readonly open: OpenLots; readonly markPrice: number },
): { initialCoin: number; maintenanceCoin: number } {
  const { lots, open, markPrice } = exposure
  if (instrument.kind === 'option') {
    const shortAmount = amountOf(instrument, Math.max(0, open.sellLots - lots))
    const heldShort = amountOf(instrument, Math.max(0, -lots))
    return {
      initialCoin: shortAmount * (rates.optionShortInitial + markPrice) + open.buyPremiumCoin,
      maintenanceCoin: heldShort * (rates.optionShortMaintenance + markPrice),
    }
  }
  const worstLots = Math.max(Math.abs(lots + open.buyLots), Math.abs(lots - open.sellLots))
  const perLotCoin = instrument.lotAmount / markPrice
  const held = Math.abs(lots) * perLotCoin
  return {
    initialCoin: Math.max(worstLots * perLotCoin, held) * rates.futureInitial,
    maintenanceCoin: held * rates.futureMaintenance,
  }
}

/** Inverse contracts average by coin paid (harmonic), options by premium (arithmetic). */
function averageAfter(
  position: Position,
  closedLots: number,
  openedLots: number,
  price: number,
): number {
  const keptLots = position.lots - closedLots
  if (keptLots + openedLots === 0) return 0
  if (openedLots === 0) return position.averagePrice
  if (keptLots === 0) return price
  const kept = Math.abs(keptLots)
  const opened = Math.abs(openedLots)
  return position.instrument.kind === 'option'
    ? (kept * position.averagePrice + opened * price) / (kept + opened)
    : (kept + opened) / (kept / position.averagePrice + opened / price)
}
