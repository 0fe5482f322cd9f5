import { assert } from '@bulkhead/shared/kernel/assert.ts'
import { createPrng, type Prng } from '@bulkhead/shared/kernel/prng.ts'
import type { Account } from './account.core.ts'
import { BookFeed, levelPairs } from './book-feed.core.ts'
import { accepts, type ChannelSpec, isPrivate } from './channels.core.ts'
import type { ExchangeEvent } from './matcher.core.ts'
import type { Currency, Instrument } from './instruments.core.ts'
import type { TouchedLevel } from './matching.core.ts'
import type { Wire } from './orders.core.ts'
import type { Outlet } from './outlet.ts'
import type { Session } from './session.ts'
import { printView } from './trades.core.ts'
import { type AccountNews, groupNews } from './news.core.ts'
import { portfolioView } from './account-views.core.ts'
import { quoteView, tickerView, type ViewSource } from './market-views.core.ts'

type Entry = {
  readonly name: string
  readonly spec: ChannelSpec
  readonly account: Account | undefined
  readonly sessions: Set<Session>
  readonly feed: BookFeed | undefined
  batch: Wire[]
  isDirty: boolean
}

/** Period of the `100ms` channels; `agg2` and volatility ones go out every tenth time. */
export const BATCH_MS = 100
const AGGREGATE_BATCHES = 10
/** Change numbers one step of the id base makes room for, and the most one change moves on. */
const CHANGES_PER_BASE = 10_000
const CHANGE_JUMP_MAX = 40

/**
 * Turns what the exchange did into channel notifications: at once for raw channels, every 100 ms
 * for the batched ones. All listeners of a channel get the same messages.
 */
export class Publisher {
  readonly #source: ViewSource
  readonly #outlet: Outlet
  readonly #entries = new Map<string, Entry>()
  readonly #byInstrument = new Map<Instrument, Set<Entry>>()
  readonly #changeIds = new Map<Instrument, number>()
  readonly #prng: Prng
  #changeId: number
  #batchCount = 0

  constructor(source: ViewSource, outlet: Outlet, seed: number) {
    this.#source = source
    this.#outlet = outlet
    this.#prng = createPrng(seed + 7)
    this.#changeId = source.exchange.rules.idBase * CHANGES_PER_BASE
  }

  /** Number of the last change of an instrument's book. */
  changeId(instrument: Instrument): number {
    return this.#changeIds.get(instrument) ?? this.#changeId
  }

  /** Adds a listener and sends it the channel's first message where it has one. */
  subscribe(session: Session, name: string, spec: ChannelSpec, nowMs: number): void {
    const account = isPrivate(spec) ? session.principal?.account : undefined
    assert(!isPrivate(spec) || account !== undefined, 'private channels have an account')
    const entry = this.#entryFor(name, spec, account)
    entry.sessions.add(session)
    session.channels.add(name)
    const first = this.#firstMessage(entry, nowMs)
    if (first !== undefined) this.#outlet.notify([session], name, first, 'other')
  }

  /** Removes a listener. False when it did not listen. */
  unsubscribe(session: Session, name: string): boolean {
    if (!session.channels.delete(name)) return false
    for (const key of [name, `${session.principal?.account.name}|${name}`]) {
      const entry = this.#entries.get(key)
      if (entry === undefined || !entry.sessions.delete(session)) continue
      if (entry.sessions.size === 0) this.#drop(key, entry)
    }
    return true
  }

  /** Publishes everything since the last call to the raw channels and notes it for the others. */
  flush(nowMs: number): void {
    const { exchange } = this.#source
    const touched = exchange.matcher.drainTouched()
    const events = exchange.matcher.drainEvents()
    if (touched.size > 0) this.#changeId += 1 + Math.floor(this.#prng() * CHANGE_JUMP_MAX)
    for (const [instrument, levels] of touched) this.#flushBook(instrument, levels, nowMs)
    if (events.length === 0) return
    this.#flushPrints(events)
    for (const news of groupNews(this.#source, events)) this.#flushNews(news)
  }

  /** Sends the batched channels and every ticker that changed. */
  flushBatches(nowMs: number): void {
    this.#batchCount += 1
    const isAggregateTurn = this.#batchCount % AGGREGATE_BATCHES === 0
    for (const entry of this.#entries.values()) {
      const { spec } = entry
      const isAggregate = spec.family === 'volatility' || ('pace' in spec && spec.pace === 'agg2')
      if (!isAggregate || isAggregateTurn) this.#flushBatch(entry, nowMs)
    }
  }

  #entryFor(name: string, spec: ChannelSpec, account: Account | undefined): Entry {
    const key = account === undefined ? name : `${account.name}|${name}`
    const known = this.#entries.get(key)
    if (known !== undefined) return known
    const instrument = 'instrument' in spec ? spec.instrument : undefined
    const feed =
      spec.family === 'book'
        ? new BookFeed(
            spec.instrument,
            this.#source.exchange.book(spec.instrument),
            this.changeId(spec.instrument),
          )
        : undefined
    const entry: Entry = {
      name,
      spec,
      account,
      sessions: new Set(),
      feed,
      batch: [],
      isDirty: true,
    }
    this.#entries.set(key, entry)
    if (instrument !== undefined) {
      const entries = this.#byInstrument.get(instrument) ?? new Set()
      this.#byInstrument.set(instrument, entries.add(entry))
    }
    return entry
  }

  #drop(key: string, entry: Entry): void {
    this.#entries.delete(key)
    if ('instrument' in entry.spec) this.#byInstrument.get(entry.spec.instrument)?.delete(entry)
  }

  #firstMessage({ spec, feed, account }: Entry, nowMs: number): unknown {
    switch (spec.family) {
      case 'book':
        return feed?.snapshot(nowMs)
      case 'grouped':
        return this.#grouped(spec, nowMs)
      case 'ticker':
        return tickerView(this.#source, spec.instrument, nowMs)
      case 'quote':
        return quoteView(this.#source, spec.instrument, nowMs)
      case 'index':
        return this.#index(spec.currency, nowMs)
      case 'volatility':
        return this.#volatility(spec.currency, nowMs)
      case 'user-portfolio':
        if (account === undefined || spec.currency === undefined) return undefined
        return portfolioView(this.#source, account, spec.currency)
      default:
        return undefined
    }
  }

  #flushBook(instrument: Instrument, levels: readonly TouchedLevel[], nowMs: number): void {
    this.#changeIds.set(instrument, this.#changeId)
    for (const entry of this.#byInstrument.get(instrument) ?? []) {
      entry.isDirty = true
      entry.feed?.touch(levels)
      if (entry.spec.family === 'book' && entry.spec.pace === 'raw') this.#sendChange(entry, nowMs)
      if (entry.spec.family === 'quote') {
        this.#send(entry, quoteView(this.#source, instrument, nowMs))
      }
    }
  }

  #sendChange(entry: Entry, nowMs: number): void {
    if (entry.spec.family !== 'book' || entry.feed === undefined) return
    const { instrument } = entry.spec
    const book = this.#source.exchange.book(instrument)
    const change = entry.feed.change(book, this.changeId(instrument), nowMs)
    if (change !== undefined) {
      this.#outlet.notify(entry.sessions, entry.name, change, 'book-change')
    }
  }

  #flushPrints(events: readonly ExchangeEvent[]): void {
    const prints = events.flatMap((event) => (event.kind === 'print' ? [event.print] : []))
    if (prints.length === 0) return
    for (const entry of this.#entries.values()) {
      const { spec } = entry
      if (spec.family !== 'trades') continue
      const views = prints.filter((print) => accepts(spec.filter, print.instrument)).map(printView)
      this.#sendList(entry, views)
    }
  }

  #flushNews(news: AccountNews): void {
    for (const entry of this.#entries.values()) {
      if (entry.account !== news.account) continue
      const { spec } = entry
      if (spec.family === 'user-portfolio') this.#portfolio(entry, spec.currency, news)
      if (!('filter' in spec) || !accepts(spec.filter, news.instrument)) continue
      if (spec.family === 'user-trades') this.#sendList(entry, news.fills)
      if (spec.family === 'user-changes') this.#sendFills(entry, news.changes)
      if (spec.family !== 'user-orders') continue
      if (spec.pace !== 'raw') entry.batch.push(...news.orders)
      else for (const order of news.orders) this.#send(entry, order)
    }
  }

  #portfolio(entry: Entry, currency: Currency | undefined, news: AccountNews): void {
    const changed = news.instrument.currency
    if (currency !== undefined && currency !== changed) return
    this.#send(entry, portfolioView(this.#source, news.account, changed))
  }

  #sendList(entry: Entry, views: readonly Wire[]): void {
    if (views.length === 0 || !('pace' in entry.spec)) return
    if (entry.spec.pace !== 'raw') entry.batch.push(...views)
    else if (entry.spec.family === 'user-trades') this.#sendFills(entry, views)
    else this.#send(entry, views)
  }

  #flushBatch(entry: Entry, nowMs: number): void {
    const { spec } = entry
    if (entry.batch.length > 0) {
      const { batch } = entry
      entry.batch = []
      if (spec.family === 'user-trades') this.#sendFills(entry, batch)
      else this.#send(entry, batch)
    }
    if (spec.family === 'ticker')
      this.#send(entry, tickerView(this.#source, spec.instrument, nowMs))
    if (spec.family === 'index') this.#send(entry, this.#index(spec.currency, nowMs))
    if (spec.family === 'volatility') this.#send(entry, this.#volatility(spec.currency, nowMs))
    if (spec.family === 'book' && spec.pace !== 'raw') this.#sendChange(entry, nowMs)
    if (spec.family === 'grouped' && entry.isDirty) this.#send(entry, this.#grouped(spec, nowMs))
    entry.isDirty = false
  }

  #grouped(spec: Extract<ChannelSpec, { family: 'grouped' }>, nowMs: number): Wire {
    const { instrument } = spec
    const book = this.#source.exchange.book(instrument)
    return {
      timestamp: nowMs,
      instrument_name: instrument.name,
      change_id: this.changeId(instrument),
      bids: levelPairs(instrument, book, 'buy', spec),
      asks: levelPairs(instrument, book, 'sell', spec),
    }
  }

  #index(currency: Currency, nowMs: number): Wire {
    const price = this.#source.market.indexPrice(currency)
    return { timestamp: nowMs, price, index_name: `${currency.toLowerCase()}_usd` }
  }

  #volatility(currency: Currency, nowMs: number): Wire {
    const volatility = this.#source.market.volatilityIndex(currency)
    return { timestamp: nowMs, volatility, index_name: `${currency.toLowerCase()}_usd` }
  }

  #sendFills(entry: Entry, data: unknown): void {
    this.#outlet.notify(entry.sessions, entry.name, data, 'fill')
  }

  #send(entry: Entry, data: unknown): void {
    this.#outlet.notify(entry.sessions, entry.name, data, 'other')
  }
}
