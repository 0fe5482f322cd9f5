import { Exchange } from '@bulkhead/trading-plane/venues/paper/exchange.core.ts'
import { buildCatalogue } from '@bulkhead/trading-plane/venues/paper/market/catalogue.core.ts'
import type { PlaceRequest } from '@bulkhead/trading-plane/venues/paper/order-checks.core.ts'
import type { Account } from '@bulkhead/trading-plane/venues/paper/account.core.ts'
import type { Instrument } from '@bulkhead/trading-plane/venues/paper/instruments.core.ts'

export const PERPETUAL = 'BTC-PERPETUAL'
export const OPTION = 'BTC-30APR21-60000-C'
/** A moment at which the unshifted catalogue is alive: 18 April 2021. */
export const NOW_MS = 1_618_700_000_000

/** An exchange with two futures per coin and one option, mark 50,000 (0.05 for the option). */
export function paperExchange(
  options: { depositBtc?: number; openOrdersMax?: number } = {},
): Exchange {
  const rows = [[OPTION, NOW_MS - 1_000, NOW_MS + 12 * 86_400_000, 'month']] as const
  const instruments = buildCatalogue(rows, [], 0)
  const exchange = new Exchange(
    instruments,
    {
      fees: { futureTaker: 0.0005, futureMaker: 0, option: 0.0003, optionPriceCap: 0.125 },
      margin: {
        futureInitial: 0.02,
        futureMaintenance: 0.01,
        optionShortInitial: 0.15,
        optionShortMaintenance: 0.075,
      },
      limits: {
        openOrdersPerAccountMax: options.openOrdersMax ?? 100,
        historyPerAccountMax: 1_000,
        printsPerInstrumentMax: 1_000,
      },
      idBase: 1,
    },
    referenceOf,
  )
  const deposits = { BTC: options.depositBtc ?? 10, ETH: 100 }
  exchange.openAccount('ann', 1, deposits)
  exchange.openAccount('bob', 2, deposits)
  return exchange
}

export function accountOf(exchange: Exchange, name: 'ann' | 'bob'): Account {
  const account = exchange.accounts.get(name)
  if (account === undefined) throw new Error(`no account ${name}`)
  return account
}

export function instrumentOf(exchange: Exchange, name = PERPETUAL): Instrument {
  const instrument = exchange.instruments.get(name)
  if (instrument === undefined) throw new Error(`no instrument ${name}`)
  return instrument
}

/** A limit order request with the given parts replaced. */
export function orderRequest(parts: Partial<PlaceRequest> = {}): PlaceRequest {
  return {
    clientId: 'key',
    connectionId: null,
    instrumentName: PERPETUAL,
    direction: 'buy',
    type: 'limit',
    amount: 100,
    price: 50_000,
    timeInForce: 'good_til_cancelled',
    postOnly: false,
    rejectPostOnly: false,
    reduceOnly: false,
    label: '',
    validUntilMs: undefined,
    ...parts,
  }
}

function referenceOf(instrument: Instrument) {
  const isOption = instrument.kind === 'option'
  const markPrice = isOption ? 0.05 : 50_000
  return {
    markPrice,
    indexPrice: 50_000,
    minTicks: Math.round((markPrice * 0.5) / instrument.tickSize),
    maxTicks: Math.round((markPrice * 1.5) / instrument.tickSize),
    markIvPct: isOption ? 70 : 0,
  }
}
