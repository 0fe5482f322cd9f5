import { type Currency, type Instrument, currencies, ticksOf } from './instruments.core.ts'

type Pace = 'raw' | '100ms' | 'agg2'

/** Which instruments a channel speaks of. */
export type InstrumentFilter = {
  readonly instrumentName: string | undefined
  readonly kind: 'future' | 'option' | undefined
  readonly currency: Currency | undefined
}

/** What a channel name asks for. */
export type ChannelSpec =
  | { readonly family: 'book'; readonly instrument: Instrument; readonly pace: Pace }
  | {
      readonly family: 'grouped'
      readonly instrument: Instrument
      readonly groupTicks: number
      readonly depth: number
    }
  | { readonly family: 'ticker'; readonly instrument: Instrument; readonly pace: Pace }
  | { readonly family: 'quote'; readonly instrument: Instrument }
  | { readonly family: 'trades'; readonly filter: InstrumentFilter; readonly pace: Pace }
  | { readonly family: 'index'; readonly currency: Currency }
  | { readonly family: 'volatility'; readonly currency: Currency }
  | { readonly family: 'platform' }
  | {
      readonly family: 'user-orders' | 'user-trades' | 'user-changes'
      readonly filter: InstrumentFilter
      readonly pace: Pace
    }
  | { readonly family: 'user-portfolio'; readonly currency: Currency | undefined }

const bookDepths = [1, 10, 20]

/** Reads a channel name; undefined when there is no such channel. */
export function parseChannel(
  name: string,
  instruments: ReadonlyMap<string, Instrument>,
): ChannelSpec | undefined {
  const parts = name.split('.')
  const [head, second = '', third = '', fourth = '', fifth = ''] = parts
  const instrument = instruments.get(second)
  switch (head) {
    case 'book':
      if (instrument === undefined) return undefined
      if (parts.length === 5) return groupedBook(instrument, third, fourth, fifth)
      return parts.length === 3 ? paced('book', instrument, third) : undefined
    case 'ticker':
      if (instrument === undefined || parts.length !== 3) return undefined
      return paced('ticker', instrument, third)
    case 'quote':
      return instrument === undefined ? undefined : { family: 'quote', instrument }
    case 'trades':
      return filtered('trades', parts.slice(1), instruments)
    case 'deribit_price_index':
      return indexChannel('index', second)
    case 'deribit_volatility_index':
      return indexChannel('volatility', second)
    case 'platform_state':
      return parts.length === 1 ? { family: 'platform' } : undefined
    case 'user':
      return userChannel(second, parts.slice(2), instruments)
    default:
      return undefined
  }
}

/** True for channels that only their account may hear. */
export function isPrivate(spec: ChannelSpec): boolean {
  return spec.family.startsWith('user-')
}

/** True for raw public feeds, which need an authenticated connection. */
export function needsAuth(spec: ChannelSpec): boolean {
  return isPrivate(spec) || ('pace' in spec && spec.pace === 'raw')
}

export function accepts(filter: InstrumentFilter, instrument: Instrument): boolean {
  if (filter.instrumentName !== undefined) return filter.instrumentName === instrument.name
  if (filter.kind !== undefined && filter.kind !== instrument.kind) return false
  return filter.currency === undefined || filter.currency === instrument.currency
}

function paceOf(text: string): Pace | undefined {
  return text === 'raw' || text === '100ms' || text === 'agg2' ? text : undefined
}

function paced(
  family: 'book' | 'ticker',
  instrument: Instrument,
  paceText: string,
): ChannelSpec | undefined {
  const pace = paceOf(paceText)
  return pace === undefined ? undefined : { family, instrument, pace }
}

function groupedBook(
  instrument: Instrument,
  group: string,
  depthText: string,
  pace: string,
): ChannelSpec | undefined {
  const depth = Number(depthText)
  const groupTicks = group === 'none' ? 1 : ticksOf(instrument, Number(group))
  if (!bookDepths.includes(depth) || groupTicks === undefined || groupTicks < 1) return undefined
  if (pace !== '100ms' && pace !== 'agg2') return undefined
  return { family: 'grouped', instrument, groupTicks, depth }
}

function filtered(
  family: 'trades' | 'user-orders' | 'user-trades' | 'user-changes',
  parts: readonly string[],
  instruments: ReadonlyMap<string, Instrument>,
): ChannelSpec | undefined {
  const pace = paceOf(parts.at(-1) ?? '')
  const [first = '', second = ''] = parts
  if (pace === undefined) return undefined
  if (parts.length === 2) {
    if (!instruments.has(first)) return undefined
    const filter = { instrumentName: first, kind: undefined, currency: undefined }
    return { family, filter, pace }
  }
  const kind = first === 'any' ? undefined : first
  const currency = second === 'any' ? undefined : currencyOf(second)
  if (parts.length !== 3 || (second !== 'any' && currency === undefined)) return undefined
  if (kind !== undefined && kind !== 'future' && kind !== 'option') return undefined
  return { family, filter: { instrumentName: undefined, kind, currency }, pace }
}

function userChannel(
  topic: string,
  parts: readonly string[],
  instruments: ReadonlyMap<string, Instrument>,
): ChannelSpec | undefined {
  switch (topic) {
    case 'orders':
    case 'trades':
    case 'changes':
      return filtered(`user-${topic}`, parts, instruments)
    case 'portfolio': {
      const [code = ''] = parts
      const currency = currencyOf(code)
      if (parts.length !== 1 || (code !== 'any' && currency === undefined)) return undefined
      return { family: 'user-portfolio', currency }
    }
    default:
      return undefined
  }
}

function indexChannel(family: 'index' | 'volatility', indexName: string): ChannelSpec | undefined {
  const currency = currencies.find((code) => indexName === `${code.toLowerCase()}_usd`)
  return currency === undefined ? undefined : { family, currency }
}

function currencyOf(code: string): Currency | undefined {
  return currencies.find((currency) => currency === code.toUpperCase())
}
