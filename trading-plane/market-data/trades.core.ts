import type { TradeFlow, TradeSum } from './messages.ts'

/** One public trade of an instrument, as the venue tells it. */
export type PublicTrade = {
  readonly instrument: string
  /** Counts the trades of the instrument, one by one. */
  readonly seq: number
  readonly price: number
  /** In the instrument's own unit. */
  readonly amount: number
  readonly indexPrice: number
  readonly venueMs: number
}

/** Which trades of an instrument are wanted; null asks for the newest. */
export type TradePull = { readonly instrument: string; readonly fromSeq: number | null }

/** A pull that brought nothing is repeated after this time. */
const pullAgainMs = 1_000
/** For so long a ticker may name a trade price that no trade explains. */
const disputeMsMax = 1_000
/** Trades are added up in steps of this length; a pull dates them by the venue's clock. */
const stepMs = 100
/** Steps back that a pulled trade is dated at most, and that wait to be taken at most. */
const stepsMax = 300

/**
 * The trades of one instrument. `waiting` while it is not known whether one is missing: at the
 * start, after a gap, after a loss of the connection. What is told then is not counted; the pull
 * brings it.
 */
type Stream = {
  state: 'waiting' | 'whole'
  /** The last trade that was counted. */
  lastSeq: number | null
  /** The last one that was told of, counted or not. */
  seenSeq: number
  /** The last one that a pull brought; the feed may still tell of it. */
  pulledSeq: number
  /** The last trade price, and one that a pull showed to stand beside it. */
  price: number | null
  agreedPrice: number | null | undefined
  /** What the ticker last named, now and when the pull was asked for; undefined for nothing. */
  tickerPrice: number | null | undefined
  askedPrice: number | null | undefined
  disputedSinceTickMs: number | null
  /** Up to when every trade is in. */
  knownTickMs: number | null
  askedTickMs: number
  sums: Map<number, Sum>
  hasNews: boolean
}
type Sum = { amount: number; valueUsd: number }

/**
 * Keeps count of the public trades (contract 3.4 B): every one of them once, in the venue's own
 * numbering. A number that does not follow on the last is a gap; the trades are then pulled.
 */
export class TradeKeeper {
  readonly #streams = new Map<string, Stream>()
  readonly #gaps = new Set<string>()

  constructor(instruments: readonly string[]) {
    for (const instrument of instruments) this.#streams.set(instrument, newStream())
  }

  /** Takes the trades of one message, of one instrument and in order. */
  take(trades: readonly PublicTrade[], tickMs: number): void {
    const [first] = trades
    const stream = first === undefined ? undefined : this.#streams.get(first.instrument)
    if (first === undefined || stream === undefined) return
    for (const trade of trades) {
      stream.seenSeq = Math.max(stream.seenSeq, trade.seq)
      if (stream.state === 'waiting' || trade.seq <= stream.pulledSeq) continue
      if (trade.seq !== (stream.lastSeq ?? Number.NaN) + 1) {
        this.#lose(first.instrument, stream)
        continue
      }
      // The feed is past what the pull brought: a repeat is one from now on.
      stream.pulledSeq = -1
      countTrade(stream, trade, tickMs)
    }
    if (stream.state === 'whole') prove(stream, tickMs)
  }

  /**
   * Takes what a ticker names as the last price. It comes on the same connection: while it names
   * the price of the trade that was counted last, no later one is missing.
   */
  takeTicker(instrument: string, lastPrice: number | null, tickMs: number): void {
    const stream = this.#streams.get(instrument)
    if (stream === undefined) return
    stream.tickerPrice = lastPrice
    if (stream.state === 'waiting') return
    const isExplained = lastPrice === stream.price || lastPrice === stream.agreedPrice
    if (isExplained) return prove(stream, tickMs)
    stream.disputedSinceTickMs ??= tickMs
    if (tickMs - stream.disputedSinceTickMs > disputeMsMax) stream.state = 'waiting'
  }

  /** The next pull to be made, if one is due. */
  nextPull(tickMs: number): TradePull | undefined {
    for (const [instrument, stream] of this.#streams) {
      if (stream.state === 'whole' || tickMs - stream.askedTickMs < pullAgainMs) continue
      stream.askedTickMs = tickMs
      stream.askedPrice = stream.tickerPrice
      return { instrument, fromSeq: stream.lastSeq === null ? null : stream.lastSeq + 1 }
    }
    return undefined
  }

  /**
   * Takes what the venue answered to a pull, in order. The stream is whole again when that reaches
   * what the feed told of meanwhile. What a pull brings that was asked for because of a ticker, the
   * feed has swallowed.
   */
  takePull(
    instrument: string,
    trades: readonly PublicTrade[],
    at: { readonly tickMs: number; readonly serverMs: number | null },
  ): void {
    const stream = this.#streams.get(instrument)
    if (stream === undefined || stream.state === 'whole') return
    for (const trade of trades) {
      if (stream.lastSeq !== null && trade.seq <= stream.lastSeq) continue
      if (stream.disputedSinceTickMs !== null) this.#gaps.add(instrument)
      countTrade(stream, trade, pastTickMs(trade, at))
    }
    stream.pulledSeq = trades.at(-1)?.seq ?? -1
    stream.agreedPrice = stream.askedPrice
    stream.state = (stream.lastSeq ?? -1) >= stream.seenSeq ? 'whole' : 'waiting'
    if (stream.state === 'whole') prove(stream, at.tickMs)
  }

  /** The connection is gone: trades may happen that nobody tells us of. */
  loseAll(): void {
    for (const [instrument, stream] of this.#streams) {
      this.#lose(instrument, stream)
      stream.seenSeq = -1
    }
  }

  /** Whether there is anything that `takeNews` would hand out. */
  get hasNews(): boolean {
    if (this.#gaps.size > 0) return true
    for (const stream of this.#streams.values()) if (stream.hasNews) return true
    return false
  }

  /** What is new since the last time: each instrument at most once, however many trades. */
  takeNews(): { readonly flows: TradeFlow[]; readonly gaps: string[] } {
    const flows: TradeFlow[] = []
    for (const [instrument, stream] of this.#streams) {
      if (!stream.hasNews) continue
      const knownTickMs = stream.state === 'whole' ? stream.knownTickMs : null
      flows.push({ instrument, knownTickMs, sums: [...stream.sums].map(sumAt) })
      stream.sums.clear()
      stream.hasNews = false
    }
    const gaps = [...this.#gaps]
    this.#gaps.clear()
    return { flows, gaps }
  }

  #lose(instrument: string, stream: Stream): void {
    if (stream.state === 'waiting') return
    stream.state = 'waiting'
    stream.askedTickMs = Number.NEGATIVE_INFINITY
    stream.disputedSinceTickMs = null
    stream.hasNews = true
    this.#gaps.add(instrument)
  }
}

function newStream(): Stream {
  return {
    state: 'waiting',
    lastSeq: null,
    seenSeq: -1,
    pulledSeq: -1,
    price: null,
    agreedPrice: undefined,
    tickerPrice: undefined,
    askedPrice: undefined,
    disputedSinceTickMs: null,
    knownTickMs: null,
    askedTickMs: Number.NEGATIVE_INFINITY,
    sums: new Map(),
    hasNews: false,
  }
}

function countTrade(stream: Stream, trade: PublicTrade, tickMs: number): void {
  stream.lastSeq = trade.seq
  stream.price = trade.price
  stream.agreedPrice = undefined
  stream.hasNews = true
  const stepTickMs = Math.floor(tickMs / stepMs) * stepMs
  const sum = stream.sums.get(stepTickMs) ?? { amount: 0, valueUsd: 0 }
  sum.amount += trade.amount
  sum.valueUsd += trade.amount * trade.indexPrice
  stream.sums.set(stepTickMs, sum)
  // Too little of the market's volume is the cautious side of the error.
  const [oldest] = stream.sums.keys()
  if (stream.sums.size > stepsMax && oldest !== undefined) stream.sums.delete(oldest)
}

function prove(stream: Stream, tickMs: number): void {
  stream.knownTickMs = tickMs
  stream.disputedSinceTickMs = null
  stream.hasNews = true
}

/** When a pulled trade happened; long ago while the venue's clock is not known. */
function pastTickMs(
  { venueMs }: PublicTrade,
  { tickMs, serverMs }: { readonly tickMs: number; readonly serverMs: number | null },
): number {
  const ageMs = serverMs === null ? Number.POSITIVE_INFINITY : Math.max(0, serverMs - venueMs)
  return tickMs - Math.min(stepsMax * stepMs, ageMs)
}

function sumAt([tickMs, { amount, valueUsd }]: [number, Sum]): TradeSum {
  return { tickMs, amount, valueUsd }
}
