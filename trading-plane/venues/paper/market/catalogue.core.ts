import {
  type Currency,
  type Instrument,
  WEEK_MS,
  currencies,
  dateCodeMs,
  shiftName,
} from '../instruments.core.ts'

/** One captured option: name, creation time, expiry, settlement period, as they were then. */
export type OptionRow = readonly [
  name: string,
  creationMs: number,
  expirationMs: number,
  period: string,
]

/** Time of day at which options and futures expire, UTC. */
const EXPIRY_OF_DAY_MS = 8 * 3_600_000
const PERPETUAL_EXPIRY_MS = 32_503_708_800_000
const PERPETUAL_CREATION_MS = 1_534_242_287_000
/** The dated future of the capture that the venue lists beside the perpetual. */
const DATED_CODE = '25JUN21'
const DATED_CREATION_MS = 1_601_020_812_000

const futureTerms = {
  BTC: { tickSize: 0.5, lotAmount: 10 },
  ETH: { tickSize: 0.05, lotAmount: 1 },
} as const
const optionTerms = { BTC: { lotAmount: 0.1 }, ETH: { lotAmount: 1 } } as const

/**
 * Everything the venue lists: per currency a perpetual and a dated future, and the captured
 * options, all moved forward by whole weeks. `replayedNames` are captured names that must be listed
 * too, even where the captured list no longer had them.
 */
export function buildCatalogue(
  rows: readonly OptionRow[],
  replayedNames: readonly string[],
  weeks: number,
): readonly Instrument[] {
  const listed = new Set(rows.map(([name]) => name))
  const missing = replayedNames
    .filter((name) => !listed.has(name))
    .map((name): OptionRow => {
      const expirationMs = (dateCodeMs(name.split('-')[1] ?? '') ?? 0) + EXPIRY_OF_DAY_MS
      return [name, expirationMs - 2 * WEEK_MS, expirationMs, 'week']
    })
  const futures = currencies.flatMap((currency) => [perpetual(currency), dated(currency, weeks)])
  const options = [...rows, ...missing].map((row) => option(row, weeks))
  return [...futures, ...options].map((instrument, index) => ({
    ...instrument,
    instrumentId: 100_000 + index,
  }))
}

function perpetual(currency: Currency): Instrument {
  return {
    ...futureBase(currency),
    name: `${currency}-PERPETUAL`,
    settlementPeriod: 'perpetual',
    expirationMs: PERPETUAL_EXPIRY_MS,
    creationMs: PERPETUAL_CREATION_MS,
  }
}

function dated(currency: Currency, weeks: number): Instrument {
  const shiftMs = weeks * WEEK_MS
  return {
    ...futureBase(currency),
    name: shiftName(`${currency}-${DATED_CODE}`, weeks),
    settlementPeriod: 'month',
    expirationMs: (dateCodeMs(DATED_CODE) ?? 0) + EXPIRY_OF_DAY_MS + shiftMs,
    creationMs: DATED_CREATION_MS + shiftMs,
  }
}

function futureBase(currency: Currency) {
  const { tickSize, lotAmount } = futureTerms[currency]
  return {
    kind: 'future' as const,
    currency,
    tickSize,
    lotAmount,
    contractSize: lotAmount,
    strikeUsd: 0,
    optionType: null,
    maxLeverage: 50,
    instrumentId: 0,
  }
}

function option([name, creationMs, expirationMs, period]: OptionRow, weeks: number): Instrument {
  const [base, , strike, type] = name.split('-')
  const currency: Currency = base === 'ETH' ? 'ETH' : 'BTC'
  return {
    name: shiftName(name, weeks),
    kind: 'option',
    currency,
    tickSize: 0.0005,
    lotAmount: optionTerms[currency].lotAmount,
    contractSize: 1,
    settlementPeriod: period,
    expirationMs: expirationMs + weeks * WEEK_MS,
    creationMs: creationMs + weeks * WEEK_MS,
    strikeUsd: Number(strike),
    optionType: type === 'P' ? 'put' : 'call',
    maxLeverage: 1,
    instrumentId: 0,
  }
}
