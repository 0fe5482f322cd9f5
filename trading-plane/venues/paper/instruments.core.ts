/** The two coins the venue settles in. */
export type Currency = 'BTC' | 'ETH'
export const currencies: readonly Currency[] = ['BTC', 'ETH']

/**
 * What can be traded. Futures are inverse: amounts in USD, profit in the coin. Options: amounts and
 * prices in the coin. `lotAmount` is both the smallest amount and the step between amounts.
 */
export type Instrument = {
  readonly name: string
  readonly kind: 'future' | 'option'
  readonly currency: Currency
  readonly tickSize: number
  readonly lotAmount: number
  readonly contractSize: number
  readonly settlementPeriod: string
  readonly expirationMs: number
  readonly creationMs: number
  readonly strikeUsd: number
  readonly optionType: 'call' | 'put' | null
  readonly maxLeverage: number
  readonly instrumentId: number
}

export const WEEK_MS = 7 * 86_400_000
const YEAR_MS = 365 * 86_400_000
const months = ['JAN', 'FEB', 'MAR', 'APR', 'MAY', 'JUN']
months.push('JUL', 'AUG', 'SEP', 'OCT', 'NOV', 'DEC')

/**
 * Whole weeks that move a capture forward so that its own moment lies one to two weeks ahead: every
 * instrument alive at the capture is then alive for at least a week.
 */
export function weeksToShift(capturedMs: number, nowMs: number): number {
  return Math.ceil((nowMs - capturedMs) / WEEK_MS) + 1
}

/** `6APR21`: the day as it stands in instrument names, from a UTC time. */
export function dateCode(timeMs: number): string {
  const { day, month, year } = civilDate(timeMs)
  return `${day}${months[month - 1]}${String(year % 100).padStart(2, '0')}`
}

/** The UTC midnight of a name's day code, or undefined when it is not one. */
export function dateCodeMs(code: string): number | undefined {
  const parts = /^(\d{1,2})([A-Z]{3})(\d{2})$/.exec(code)
  if (parts === null) return undefined
  const month = months.indexOf(parts[2] as string)
  if (month < 0) return undefined
  return daysFromCivil(2000 + Number(parts[3]), month + 1, Number(parts[1])) * 86_400_000
}

/** Rewrites the day inside an instrument or index name by whole weeks; other names stay. */
export function shiftName(name: string, weeks: number): string {
  return name
    .split('-')
    .map((part) => {
      const dayMs = dateCodeMs(part)
      return dayMs === undefined ? part : dateCode(dayMs + weeks * WEEK_MS)
    })
    .join('-')
}

/** The price of a whole number of ticks, free of binary noise. */
export function priceOf(instrument: Instrument, ticks: number): number {
  return cleanMultiple(ticks, instrument.tickSize)
}

/** The amount of a whole number of lots, free of binary noise. */
export function amountOf(instrument: Instrument, lots: number): number {
  return cleanMultiple(lots, instrument.lotAmount)
}

/** Ticks of a price, or undefined when the price is off the tick grid. */
export function ticksOf(instrument: Instrument, price: number): number | undefined {
  return wholeMultiple(price, instrument.tickSize)
}

/** Lots of an amount, or undefined when the amount is off the lot grid. */
export function lotsOf(instrument: Instrument, amount: number): number | undefined {
  return wholeMultiple(amount, instrument.lotAmount)
}

/** Ticks at or nearest below (or above) a price: for prices we make ourselves. */
export function ticksNear(instrument: Instrument, price: number, to: 'down' | 'up'): number {
  const ratio = Math.round((price / instrument.tickSize) * 1e6) / 1e6
  return to === 'down' ? Math.floor(ratio) : Math.ceil(ratio)
}

/** Years until expiry; 0 after it. */
export function yearsToExpiry(instrument: Instrument, nowMs: number): number {
  return Math.max(0, (instrument.expirationMs - nowMs) / YEAR_MS)
}

/** Rounds to a number of decimals without leaving `0.30000000000000004`. */
export function roundTo(value: number, decimals: number): number {
  return Number(value.toFixed(decimals))
}

/** Coin amounts are kept to 8 decimals, as the exchange reports them. */
export function roundCoin(value: number): number {
  return roundTo(value, 8)
}

function cleanMultiple(count: number, step: number): number {
  const scale = step < 1 ? 1 / step : 1
  const rounded = Math.round(scale)
  return step < 1 && Math.abs(scale - rounded) < 1e-6 ? count / rounded : count * step
}

function wholeMultiple(value: number, step: number): number | undefined {
  const ratio = value / step
  const whole = Math.round(ratio)
  return Math.abs(ratio - whole) < 1e-6 ? whole : undefined
}

/** Days since 1970-01-01 of a proleptic Gregorian date (Hinnant's algorithm). */
function daysFromCivil(year: number, month: number, day: number): number {
  const shifted = month <= 2 ? year - 1 : year
  const era = Math.floor(shifted / 400)
  const yearOfEra = shifted - era * 400
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100)
  return era * 146_097 + dayOfEra + dayOfYear - 719_468
}

function civilDate(timeMs: number): { day: number; month: number; year: number } {
  const days = Math.floor(timeMs / 86_400_000) + 719_468
  const era = Math.floor(days / 146_097)
  const dayOfEra = days - era * 146_097
  const yearOfEra = Math.floor(
    (dayOfEra -
      Math.floor(dayOfEra / 1460) +
      Math.floor(dayOfEra / 36_524) -
      Math.floor(dayOfEra / 146_096)) /
      365,
  )
  const leapDays = Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100)
  const dayOfYear = dayOfEra - (365 * yearOfEra + leapDays)
  const monthIndex = Math.floor((5 * dayOfYear + 2) / 153)
  const day = dayOfYear - Math.floor((153 * monthIndex + 2) / 5) + 1
  const month = monthIndex < 10 ? monthIndex + 3 : monthIndex - 9
  return { day, month, year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0) }
}
