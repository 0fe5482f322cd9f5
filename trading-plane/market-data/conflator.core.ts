import { assert } from '@bulkhead/shared/kernel/assert.ts'
import { applyUpdate, type Book, type BookUpdate, emptyBook, topLevels } from './book.core.ts'
import type { BookSnapshot, FeedBatch, TickerReading, VolatilityReading } from './messages.ts'
import { TradeKeeper } from './trades.core.ts'

/** A snapshot that was asked for and has not come after this time is asked for again. */
const snapshotWaitMs = 2_000

/** Levels per side that leave the worker. */
export const snapshotDepth = 10

/**
 * Keeps all books of the feed and hands out what is new. However fast the feed is, a batch holds
 * every book at most once.
 */
export class Conflator {
  readonly #books = new Map<string, Book>()
  readonly #indexPrices = new Map<string, number>()
  readonly #heardTickMs = new Map<string, number>()
  readonly #tickers = new Map<string, TickerReading>()
  readonly #volatilities = new Map<string, VolatilityReading>()
  /** Beside the books; trades say nothing of a book, so they do not keep the feed alive. */
  readonly trades: TradeKeeper
  readonly #changed = new Set<string>()
  readonly #gaps = new Set<string>()
  /** When a fresh snapshot of a waiting book was last asked for. */
  readonly #askedTickMs = new Map<string, number>()
  #dataTickMs: number | null = null
  #isAlive = false

  constructor(instruments: readonly string[]) {
    for (const instrument of instruments) this.#books.set(instrument, emptyBook())
    this.trades = new TradeKeeper(instruments)
  }

  /** When market data last came; heartbeats of the connection do not count (contract 3.4.D). */
  get dataTickMs(): number | null {
    return this.#dataTickMs
  }

  /** Takes one book message and says whether its instrument needs a fresh snapshot. */
  takeBook(update: BookUpdate, tickMs: number): 'fine' | 'resubscribe' {
    this.#noteData(tickMs)
    const book = this.#books.get(update.instrument)
    if (book === undefined) return 'fine'
    const step = applyUpdate(book, update)
    this.#books.set(update.instrument, step.book)
    if (step.result === 'applied') {
      this.#heardTickMs.set(update.instrument, tickMs)
      this.#changed.add(update.instrument)
      return 'fine'
    }
    if (step.result === 'gap') this.#lose(update.instrument)
    const askedTickMs = this.#askedTickMs.get(update.instrument)
    const isAsked = askedTickMs !== undefined && tickMs - askedTickMs < snapshotWaitMs
    if (step.result === 'ignored' && isAsked) return 'fine'
    this.#askedTickMs.set(update.instrument, tickMs)
    return 'resubscribe'
  }

  /**
   * Takes one ticker. It comes in order with the changes of its book on the same connection, so it
   * confirms that a whole book still stands: the book goes out again with its new age.
   */
  takeTicker(ticker: TickerReading): void {
    const { instrument, indexPrice, heardTickMs: tickMs } = ticker
    this.#noteData(tickMs)
    if (!this.#books.has(instrument)) return
    this.#tickers.set(instrument, ticker)
    this.trades.takeTicker(instrument, ticker.lastPrice, tickMs)
    if (indexPrice !== null && indexPrice > 0) this.#indexPrices.set(instrument, indexPrice)
    if (this.#books.get(instrument)?.state !== 'continuous') return
    this.#heardTickMs.set(instrument, tickMs)
    this.#changed.add(instrument)
  }

  /** It says nothing of a book, so it does not keep the feed alive. */
  takeVolatility(reading: VolatilityReading): void {
    this.#volatilities.set(reading.index, reading)
  }

  /** The connection is gone: no book is whole until its next snapshot, no trade is sure. */
  loseAll(): void {
    this.trades.loseAll()
    for (const [instrument, book] of this.#books) {
      if (book.state === 'waiting') continue
      this.#books.set(instrument, emptyBook())
      this.#lose(instrument)
    }
  }

  /** What is new since the last batch; undefined when nothing is. */
  takeBatch(malformedCount: number): FeedBatch | undefined {
    const hasNews =
      this.#isAlive || this.#gaps.size > 0 || this.#volatilities.size > 0 || this.trades.hasNews
    if (!hasNews) return undefined
    const { flows, gaps: tradeGaps } = this.trades.takeNews()
    const batch = {
      tickers: [...this.#tickers.values()],
      volatilities: [...this.#volatilities.values()],
      books: [...this.#changed].map((instrument) => this.#snapshot(instrument)),
      gaps: [...this.#gaps],
      trades: flows,
      tradeGaps,
      isAlive: this.#isAlive,
      malformedCount,
    }
    this.#changed.clear()
    this.#gaps.clear()
    this.#tickers.clear()
    this.#volatilities.clear()
    this.#isAlive = false
    return batch
  }

  #noteData(tickMs: number): void {
    this.#dataTickMs = tickMs
    this.#isAlive = true
  }

  #lose(instrument: string): void {
    this.#changed.delete(instrument)
    this.#gaps.add(instrument)
  }

  #snapshot(instrument: string): BookSnapshot {
    const book = this.#books.get(instrument)
    assert(book?.state === 'continuous', 'only a whole book is handed out')
    const indexPrice = this.#indexPrices.get(instrument) ?? null
    const heardTickMs = this.#heardTickMs.get(instrument) ?? Number.NEGATIVE_INFINITY
    const levels = topLevels(book, snapshotDepth)
    return { instrument, ...levels, indexPrice, heardTickMs, venueMs: book.venueMs }
  }
}
