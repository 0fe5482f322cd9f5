import type { PublicTrade, TradePull } from '../../market-data/trades.core.ts'
import { Connection, type ConnectionOptions } from './connection.ts'
import {
  type BookMessage,
  bookSchema,
  publicTradesPageSchema,
  publicTradesSchema,
  type TickerMessage,
  tickerSchema,
  type VolatilityMessage,
  volatilitySchema,
} from './parse.ts'
import type { RpcSocket } from './rpc-socket.ts'

export type DeribitFeedOptions = ConnectionOptions & {
  readonly instruments: readonly string[]
  /** Names such as `btc_usd`; Deribit has one for BTC and one for ETH. */
  readonly volatilityIndexes: readonly string[]
}

export type FeedEvents = {
  readonly onBook: (message: BookMessage) => void
  readonly onTicker: (message: TickerMessage) => void
  /** Trades of one instrument, in order. */
  readonly onTrades: (trades: readonly PublicTrade[]) => void
  readonly onVolatility: (message: VolatilityMessage) => void
  /** Every book is out of date until its next snapshot. */
  readonly onLost: (detail: string) => void
}

const subscribeMs = 3_000
const pullMs = 2_000
/** Deribit's bound on one answer; of the newest trades a few seconds are enough. */
const tradesPerPullMax = 1_000
const newestTradesMax = 100
const volatilityChannel = 'deribit_volatility_index.'

/**
 * The public side of Deribit: books, trades and tickers of the configured instruments, over a
 * connection that never signs in, so that it cannot place an order (design law 5). `100ms` books
 * carry the same continuity numbers as raw ones, which Deribit gives only to signed-in connections.
 */
export class DeribitFeed {
  readonly #options: DeribitFeedOptions
  readonly #events: FeedEvents
  readonly #connection: Connection
  #isListening = false

  constructor(options: DeribitFeedOptions, events: FeedEvents) {
    this.#options = options
    this.#events = events
    this.#connection = new Connection(options, {
      onOpen: (socket) => this.#subscribe(socket),
      onLost: (detail) => {
        this.#isListening = false
        events.onLost(detail)
      },
      onSubscription: (channel, data) => this.#received(channel, data),
    })
  }

  get malformedCount(): number {
    return this.#connection.malformedCount
  }

  /** Whether the venue said that it tells us everything from now on. */
  get isListening(): boolean {
    return this.#isListening
  }

  start(): void {
    this.#connection.start()
  }

  stop(): void {
    this.#connection.stop()
  }

  /** Gives the connection up, alive or not, and begins another one. */
  reconnect(): void {
    this.#connection.restart('nothing was told of any market')
  }

  /**
   * Asks for a fresh snapshot of one book: unsubscribe, subscribe (Deribit's own advice on a gap).
   */
  async resubscribe(instrument: string): Promise<void> {
    const socket = this.#connection.socket
    const channels = { channels: [bookChannel(instrument)] }
    await socket?.call('public/unsubscribe', channels, subscribeMs)
    const reply = await socket?.call('public/subscribe', channels, subscribeMs)
    if (reply?.kind !== 'result') this.#connection.restart('a book could not be subscribed again')
  }

  /**
   * Asks for public trades from a number on, or for the newest.
   *
   * @returns them in order, with the venue's time; undefined when it gave no answer
   */
  async pullTrades({ instrument, fromSeq }: TradePull) {
    const socket = this.#connection.socket
    const range =
      fromSeq === null
        ? { count: newestTradesMax, sorting: 'desc' }
        : { count: tradesPerPullMax, sorting: 'asc', start_seq: fromSeq }
    const params = { instrument_name: instrument, ...range }
    const reply = await socket?.call('public/get_last_trades_by_instrument', params, pullMs)
    if (reply?.kind !== 'result') return undefined
    const page = publicTradesPageSchema.safeParse(reply.value)
    if (!page.success) {
      this.#connection.malformed('public trades')
      return undefined
    }
    const trades = page.data.trades.toSorted((left, right) => left.seq - right.seq)
    return { trades, serverMs: socket?.estimatedServerMs() ?? null }
  }

  async #subscribe(socket: RpcSocket): Promise<boolean> {
    const { instruments, volatilityIndexes } = this.#options
    const channels = [
      ...instruments.flatMap((name) => [
        bookChannel(name),
        `trades.${name}.100ms`,
        `ticker.${name}.100ms`,
      ]),
      ...volatilityIndexes.map((index) => `${volatilityChannel}${index}`),
    ]
    const reply = await socket.call('public/subscribe', { channels }, subscribeMs)
    this.#isListening = reply.kind === 'result'
    return this.#isListening
  }

  #received(channel: string, data: unknown): void {
    if (channel.startsWith('book.')) {
      const book = bookSchema.safeParse(data)
      if (book.success) this.#events.onBook(book.data)
      else this.#connection.malformed('book')
    } else if (channel.startsWith('trades.')) {
      const trades = publicTradesSchema.safeParse(data)
      if (trades.success) this.#events.onTrades(trades.data)
      else this.#connection.malformed('trades')
    } else if (channel.startsWith('ticker.')) {
      const ticker = tickerSchema.safeParse(data)
      if (ticker.success) this.#events.onTicker(ticker.data)
      else this.#connection.malformed('ticker')
    } else if (channel.startsWith(volatilityChannel)) {
      const volatility = volatilitySchema.safeParse(data)
      if (volatility.success) this.#events.onVolatility(volatility.data)
      else this.#connection.malformed('volatility index')
    } else {
      this.#connection.malformed('unknown channel')
    }
  }
}

function bookChannel(instrument: string): string {
  return `book.${instrument}.100ms`
}
