import type { RedisLinkConfig } from '@bulkhead/shared/runtime/redis-link.ts'
import type { EgressGateAddress } from '../venues/egress-tunnel.ts'
import type { Level } from './book.core.ts'

/** What the worker is started with. It holds no key of the exchange. */
export type FeedWorkerData = {
  readonly venueKind: 'deribit'
  readonly wsUrl: string
  readonly egressGate: EgressGateAddress | null
  readonly heartbeatSeconds: number
  readonly instruments: readonly string[]
  /** Volatility indexes to listen to, by the venue's names. */
  readonly volatilityIndexes: readonly string[]
  readonly conflateMs: number
  readonly ageMsMax: number
  readonly heartbeatIntervalMs: number
  readonly redis: RedisLinkConfig
  readonly redisPassword: string
  readonly logFile: string | undefined
  readonly logLevel: string | undefined
}

export type BookSnapshot = {
  readonly instrument: string
  readonly bids: readonly Level[]
  readonly asks: readonly Level[]
  readonly indexPrice: number | null
  /** Monotonic time, the same for all threads, at which the feed last heard of the instrument. */
  readonly heardTickMs: number
  readonly venueMs: number
}

/** The prices of one ticker; null is one that it did not tell. */
export type TickerReading = {
  readonly instrument: string
  readonly markPrice: number | null
  readonly indexPrice: number | null
  readonly lastPrice: number | null
  /** Middle of best bid and ask; null while a side is empty. */
  readonly midPrice: number | null
  /** Of an option: volatility a year by its mark price, as a fraction. */
  readonly markVol: number | null
  /** Of an option: price of the coin at its expiry. */
  readonly underlyingPrice: number | null
  /** Monotonic time at which the feed heard it. */
  readonly heardTickMs: number
}

/** The venue's own volatility index of a coin, in percent a year. */
export type VolatilityReading = {
  readonly index: string
  readonly value: number
  readonly heardTickMs: number
}

/** Public trades of one moment, added up. */
export type TradeSum = {
  /** Monotonic time at which they happened, or were heard of. */
  readonly tickMs: number
  /** In the instrument's own unit. */
  readonly amount: number
  /** Amount times index price: the worth in USD of what is sized in coins. */
  readonly valueUsd: number
}

/** The public trades of one instrument since the last batch, each counted once. */
export type TradeFlow = {
  readonly instrument: string
  /** Monotonic time up to which every trade is in; null while one may be missing. */
  readonly knownTickMs: number | null
  readonly sums: readonly TradeSum[]
}

/**
 * From worker to executor: everything new since the last batch, each book once. The next batch
 * waits for the answer to this one, so that a slow loop gets fewer batches and never a longer
 * queue.
 */
export type FeedBatch = {
  readonly books: readonly BookSnapshot[]
  /** The newest ticker of each instrument and value of each index. */
  readonly tickers: readonly TickerReading[]
  readonly volatilities: readonly VolatilityReading[]
  /** Books that lost their continuity since the last batch. */
  readonly gaps: readonly string[]
  readonly trades: readonly TradeFlow[]
  /** Instruments of which a public trade was missed since the last batch. */
  readonly tradeGaps: readonly string[]
  /** Whether a book message or a ticker came since the last batch. */
  readonly isAlive: boolean
  readonly malformedCount: number
}

/** From executor to worker: the batch was taken; connect anew; or end. */
export type FeedCommand = 'taken' | 'reconnect' | 'stop'
